// Trainable tables in process-wide storage. Their memory is copied in and out, never shared with JavaScript.
#include <algorithm>
#include <utility>

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
  auto result = new_array<float>(info.Env(), parameter(info)->value.size());
  const auto source = parameter(info);
  copy_into(result, source->value.span());
  return result;
}

Napi::Value write(const Napi::CallbackInfo& info) {
  const auto target = parameter(info);
  const auto values = array<float>(info, 1, "values");
  require(static_cast<std::int64_t>(values.size()) == target->value.size(), "values: expected ",
          target->value.size(), " numbers (", target->rows, " x ", target->cols, "), got ", values.size());
  std::copy(values.begin(), values.end(), target->value.data());
  return info.Env().Undefined();
}

Napi::Value read_state(const Napi::CallbackInfo& info) {
  const auto source = parameter(info);
  auto first = new_array<float>(info.Env(), source->value.size());
  auto second = new_array<float>(info.Env(), source->value.size());
  auto row_steps = new_array<std::int32_t>(info.Env(), source->rows);
  const auto steps = read_adam_state(*source, view(first), view(second), view(row_steps));
  if (!steps) return info.Env().Null();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("first", first);
  result.Set("second", second);
  result.Set("rowSteps", row_steps);
  result.Set("steps", static_cast<double>(*steps));
  return result;
}

Napi::Value write_state(const Napi::CallbackInfo& info) {
  write_adam_state(*parameter(info), array<float>(info, 1, "first"), array<float>(info, 2, "second"),
                   array<std::int32_t>(info, 3, "rowSteps"), integer(info, 4, "steps", 0, kMostSteps));
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
  export_function<read_state>(exports, "parameterReadState");
  export_function<write_state>(exports, "parameterWriteState");
}

}  // namespace l4r::addon
