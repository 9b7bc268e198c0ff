// Trainable tables in process-wide storage. Their memory is copied in and out, never shared with JavaScript.
#include <algorithm>

#include "addon/environment.h"

namespace l4r::addon {

namespace {

constexpr std::int64_t kMostRows = std::int64_t{1} << 31;

std::shared_ptr<Parameter> parameter(const Napi::CallbackInfo& info) {
  return Environment::of(info).parameters.get(id(info, 0, "parameter"));
}

Napi::Value create(const Napi::CallbackInfo& info) {
  auto made = std::make_shared<Parameter>(text(info, 0, "name"), integer(info, 1, "rows", 0, kMostRows - 1),
                                          integer(info, 2, "columns", 1, 1 << 20));
  return handle(info, Environment::of(info).parameters.add(std::move(made)));
}

Napi::Value acquire(const Napi::CallbackInfo& info) {
  Environment::of(info).parameters.acquire(id(info, 0, "parameter"));
  return info.Env().Undefined();
}

Napi::Value release(const Napi::CallbackInfo& info) {
  Environment::of(info).parameters.release(id(info, 0, "parameter"));
  return info.Env().Undefined();
}

Napi::Value fill_uniform_js(const Napi::CallbackInfo& info) {
  const auto target = parameter(info);
  fill_uniform(*target, static_cast<float>(number(info, 1, "low")),
               static_cast<float>(number(info, 2, "high")), id(info, 3, "seed"), id(info, 4, "stream"));
  return info.Env().Undefined();
}

Napi::Value fill_normal_js(const Napi::CallbackInfo& info) {
  const auto target = parameter(info);
  fill_normal(*target, 0.0f, static_cast<float>(number(info, 1, "deviation")), id(info, 2, "seed"),
              id(info, 3, "stream"));
  return info.Env().Undefined();
}

Napi::Value read(const Napi::CallbackInfo& info) {
  const auto source = parameter(info);
  return copied<float>(info.Env(), source->value.span());
}

Napi::Value write(const Napi::CallbackInfo& info) {
  const auto target = parameter(info);
  const auto values = array<float>(info, 1, "values");
  require(static_cast<std::int64_t>(values.size()) == target->value.size(), "values: expected ",
          target->value.size(), " numbers (", target->rows, " x ", target->cols, "), got ", values.size());
  std::copy(values.begin(), values.end(), target->value.data());
  return info.Env().Undefined();
}

}  // namespace

void export_parameters(Napi::Object exports) {
  export_function<create>(exports, "parameterCreate");
  export_function<acquire>(exports, "parameterAcquire");
  export_function<release>(exports, "parameterRelease");
  export_function<fill_uniform_js>(exports, "parameterFillUniform");
  export_function<fill_normal_js>(exports, "parameterFillNormal");
  export_function<read>(exports, "parameterRead");
  export_function<write>(exports, "parameterWrite");
}

}  // namespace l4r::addon
