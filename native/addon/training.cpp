// Optimizers and samplers.
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
  options.decoupled = boolean(info, 6, "decoupled");
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

std::vector<std::int32_t> owned(std::span<const std::int32_t> values) {
  return {values.begin(), values.end()};
}

Napi::Value sampler_create(const Napi::CallbackInfo& info) {
  constexpr std::int64_t kMost = 2147483647;
  auto made = std::make_shared<PairSampler>(
      static_cast<std::int32_t>(integer(info, 0, "userCount", 0, kMost)),
      static_cast<std::int32_t>(integer(info, 1, "itemCount", 0, kMost)),
      owned(array<std::int32_t>(info, 2, "offsets")), owned(array<std::int32_t>(info, 3, "items")),
      owned(array<std::int32_t>(info, 4, "extra")), id(info, 5, "seed"));
  return handle(info, Environment::of(info).samplers.add(std::move(made)));
}

std::shared_ptr<PairSampler> sampler(const Napi::CallbackInfo& info) {
  return Environment::of(info).samplers.get(id(info, 0, "sampler"));
}

Napi::Value sampler_start_epoch(const Napi::CallbackInfo& info) {
  sampler(info)->start_epoch(integer(info, 1, "epoch", 0, std::int64_t{1} << 52));
  return info.Env().Undefined();
}

Napi::Value sampler_examples(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(sampler(info)->examples()));
}

Napi::Value sampler_next(const Napi::CallbackInfo& info) {
  const auto source = sampler(info);
  const auto users = array<std::int32_t>(info, 1, "users");
  const auto positives = array<std::int32_t>(info, 2, "positives");
  const auto negatives = array<std::int32_t>(info, 3, "negatives");
  require(users.size() == positives.size() && users.size() == negatives.size(),
          "users, positives, negatives: expected one length, got ", users.size(), ", ", positives.size(),
          ", ", negatives.size());
  require(!users.empty(), "users, positives, negatives: expected room for one example at least");
  const auto count =
      source->next(static_cast<std::int64_t>(users.size()), users.data(), positives.data(), negatives.data());
  return Napi::Number::New(info.Env(), static_cast<double>(count));
}

Napi::Value sampler_release(const Napi::CallbackInfo& info) {
  Environment::of(info).samplers.release(id(info, 0, "sampler"));
  return info.Env().Undefined();
}

}  // namespace

void export_training(Napi::Object exports) {
  export_function<adam_create>(exports, "adamCreate");
  export_function<adam_set_learning_rate>(exports, "adamSetLearningRate");
  export_function<adam_step>(exports, "adamStep");
  export_function<adam_release>(exports, "adamRelease");
  export_function<sampler_create>(exports, "samplerCreate");
  export_function<sampler_start_epoch>(exports, "samplerStartEpoch");
  export_function<sampler_examples>(exports, "samplerExamples");
  export_function<sampler_next>(exports, "samplerNext");
  export_function<sampler_release>(exports, "samplerRelease");
}

}  // namespace l4r::addon
