#include "addon/environment.h"

#include <cmath>

namespace l4r::addon {

namespace {

constexpr double kExact = 9007199254740992.0;  // 2^53

[[noreturn]] void wrong(const char* name, const std::string& expected) {
  throw Error(Code::argument, std::string(name) + ": expected " + expected);
}

template <typename T>
struct ArrayKind;
template <>
struct ArrayKind<float> {
  static constexpr napi_typedarray_type type = napi_float32_array;
  static constexpr const char* name = "a Float32Array";
};
template <>
struct ArrayKind<double> {
  static constexpr napi_typedarray_type type = napi_float64_array;
  static constexpr const char* name = "a Float64Array";
};
template <>
struct ArrayKind<std::int32_t> {
  static constexpr napi_typedarray_type type = napi_int32_array;
  static constexpr const char* name = "an Int32Array";
};
template <>
struct ArrayKind<std::uint8_t> {
  static constexpr napi_typedarray_type type = napi_uint8_array;
  static constexpr const char* name = "a Uint8Array";
};

}  // namespace

Napi::Error to_js(Napi::Env env, Code code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code_name(code)));
  return error;
}

double number(const Napi::CallbackInfo& info, std::size_t index, const char* name) {
  const Napi::Value value = info[index];
  if (!value.IsNumber()) wrong(name, "a number");
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!std::isfinite(number)) wrong(name, "a finite number, got " + std::to_string(number));
  return number;
}

std::int64_t integer(const Napi::CallbackInfo& info, std::size_t index, const char* name, std::int64_t low,
                     std::int64_t high) {
  const double value = number(info, index, name);
  if (value != std::floor(value) || value < static_cast<double>(low) || value > static_cast<double>(high))
    wrong(name, "an integer in " + std::to_string(low) + ".." + std::to_string(high) + ", got " +
                    std::to_string(value));
  return static_cast<std::int64_t>(value);
}

std::uint64_t id(const Napi::CallbackInfo& info, std::size_t index, const char* name) {
  const Napi::Value value = info[index];
  if (!value.IsNumber()) wrong(name, "a handle");
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!(number >= 0 && number < kExact) || number != std::floor(number)) wrong(name, "a handle");
  return static_cast<std::uint64_t>(number);
}

bool boolean(const Napi::CallbackInfo& info, std::size_t index, const char* name) {
  if (!info[index].IsBoolean()) wrong(name, "a boolean");
  return info[index].As<Napi::Boolean>().Value();
}

std::string text(const Napi::CallbackInfo& info, std::size_t index, const char* name) {
  if (!info[index].IsString()) wrong(name, "a string");
  return info[index].As<Napi::String>().Utf8Value();
}

template <typename T>
std::span<T> array(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray()) wrong(name, ArrayKind<T>::name);
  const Napi::TypedArray typed = value.As<Napi::TypedArray>();
  if (typed.TypedArrayType() != ArrayKind<T>::type) wrong(name, ArrayKind<T>::name);
  auto view = typed.As<Napi::TypedArrayOf<T>>();
  return {view.Data(), view.ElementLength()};
}
template std::span<float> array<float>(const Napi::Value&, const char*);
template std::span<double> array<double>(const Napi::Value&, const char*);
template std::span<std::int32_t> array<std::int32_t>(const Napi::Value&, const char*);
template std::span<std::uint8_t> array<std::uint8_t>(const Napi::Value&, const char*);

}  // namespace l4r::addon
