// Trainable tables in process-wide storage. Their memory is copied in and out, never shared with JavaScript.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "addon/environment.h"

namespace l4r::addon {

namespace {

constexpr std::int64_t kMostRows = std::int64_t{1} << 31;
constexpr std::int64_t kMostSteps =
    std::numeric_limits<std::int32_t>::max();  // a row counts its own in 32 bits

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

Napi::Value read_state(const Napi::CallbackInfo& info) {
  const auto source = parameter(info);
  const AdamState& adam = source->adam;
  if (adam.row_steps.size() != source->rows || adam.first.size() != source->value.size())
    return info.Env().Null();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("first", copied<float>(info.Env(), adam.first.span()));
  result.Set("second", copied<float>(info.Env(), adam.second.span()));
  result.Set("rowSteps", copied<std::int32_t>(info.Env(), adam.row_steps.span()));
  result.Set("steps", static_cast<double>(adam.steps));
  return result;
}

Napi::Value write_state(const Napi::CallbackInfo& info) {
  const auto target = parameter(info);
  const auto first = array<float>(info, 1, "first"), second = array<float>(info, 2, "second");
  const auto row_steps = array<std::int32_t>(info, 3, "rowSteps");
  const std::int64_t steps = integer(info, 4, "steps", 0, kMostSteps);
  require(static_cast<std::int64_t>(first.size()) == target->value.size() && second.size() == first.size(),
          "first, second: expected ", target->value.size(), " numbers each, got ", first.size(), " and ",
          second.size());
  require(static_cast<std::int64_t>(row_steps.size()) == target->rows, "rowSteps: expected ", target->rows,
          " numbers, got ", row_steps.size());
  require(std::ranges::all_of(first, [](float x) { return std::isfinite(x); }),
          "first: expected finite numbers");
  require(std::ranges::all_of(second, [](float x) { return std::isfinite(x) && x >= 0; }),
          "second: expected finite numbers of 0 or more");
  require(std::ranges::all_of(row_steps, [&](std::int32_t x) { return x >= 0 && x <= steps; }),
          "rowSteps: expected 0..", steps, " (steps)");
  AdamState state{Buffer<float>(target->value.size()), Buffer<float>(target->value.size()),
                  Buffer<std::int32_t>(target->rows), steps};
  std::ranges::copy(first, state.first.data());
  std::ranges::copy(second, state.second.data());
  std::ranges::copy(row_steps, state.row_steps.data());
  target->adam = std::move(state);
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
