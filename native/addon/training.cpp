// Optimizers.
#include "addon/environment.h"

namespace l4r::addon {

namespace {

Napi::Value adam_create(const Napi::CallbackInfo& info) {
  require(info[0].IsArray(), "parameters: expected an array of handles");
  const auto handles = info[0].As<Napi::Array>();
  auto& environment = Environment::of(info);
  std::vector<std::shared_ptr<Parameter>> parameters;
  for (std::uint32_t i = 0; i < handles.Length(); ++i) {
    const Napi::Value entry = handles.Get(i);
    parameters.push_back(environment.parameters.get(id(entry, "parameters: an entry")));
  }
  AdamOptions options;
  options.learning_rate = static_cast<float>(number(info, 1, "learningRate"));
  options.beta1 = static_cast<float>(number(info, 2, "beta1"));
  options.beta2 = static_cast<float>(number(info, 3, "beta2"));
  options.epsilon = static_cast<float>(number(info, 4, "epsilon"));
  options.weight_decay = static_cast<float>(number(info, 5, "weightDecay"));
  options.max_norm = static_cast<float>(number(info, 6, "maxNorm"));
  options.decoupled = boolean(info, 7, "decoupled");
  return handle(info, environment.optimizers.add(std::make_shared<Adam>(std::move(parameters), options)));
}

Napi::Value adam_set_learning_rate(const Napi::CallbackInfo& info) {
  Environment::of(info)
      .optimizers.get(id(info, 0, "optimizer"))
      ->set_learning_rate(static_cast<float>(number(info, 1, "learningRate")));
  return info.Env().Undefined();
}

Napi::Value adam_step(const Napi::CallbackInfo& info) {
  auto& environment = Environment::of(info);
  const double norm = environment.optimizers.get(id(info, 0, "optimizer"))->step(environment.tape);
  return Napi::Number::New(info.Env(), norm);
}

Napi::Value adam_release(const Napi::CallbackInfo& info) {
  Environment::of(info).optimizers.release(id(info, 0, "optimizer"));
  return info.Env().Undefined();
}

}  // namespace

void export_training(Napi::Object exports) {
  export_function<adam_create>(exports, "adamCreate");
  export_function<adam_set_learning_rate>(exports, "adamSetLearningRate");
  export_function<adam_step>(exports, "adamStep");
  export_function<adam_release>(exports, "adamRelease");
}

}  // namespace l4r::addon
