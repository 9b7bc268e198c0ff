#include "addon/environment.h"

#include <algorithm>
#include <cmath>

#include "base/buffer.h"

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
  static constexpr Napi::FunctionReference Environment::*constructor = &Environment::float32_array;
  static constexpr const char* name = "a Float32Array";
};
template <>
struct ArrayKind<double> {
  static constexpr napi_typedarray_type type = napi_float64_array;
  static constexpr Napi::FunctionReference Environment::*constructor = &Environment::float64_array;
  static constexpr const char* name = "a Float64Array";
};
template <>
struct ArrayKind<std::int32_t> {
  static constexpr napi_typedarray_type type = napi_int32_array;
  static constexpr Napi::FunctionReference Environment::*constructor = &Environment::int32_array;
  static constexpr const char* name = "an Int32Array";
};
template <>
struct ArrayKind<std::uint8_t> {
  static constexpr napi_typedarray_type type = napi_uint8_array;
  static constexpr const char* name = "a Uint8Array";
};

Napi::FunctionReference global_function(Napi::Env env, const char* name) {
  return Napi::Persistent(env.Global().Get(name).As<Napi::Function>());
}

}  // namespace

Environment::Environment(Napi::Env env)
    : float32_array(global_function(env, "Float32Array")),
      float64_array(global_function(env, "Float64Array")),
      int32_array(global_function(env, "Int32Array")) {}

Napi::Error to_js(Napi::Env env, Code code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code_name(code)));
  return error;
}

double number(const Napi::Value& value, const char* name) {
  if (!value.IsNumber()) wrong(name, "a number");
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!std::isfinite(number)) wrong(name, "a finite number, got " + std::to_string(number));
  return number;
}

std::int64_t integer(const Napi::Value& given, const char* name, std::int64_t low, std::int64_t high) {
  const double value = number(given, name);
  if (value != std::floor(value) || value < static_cast<double>(low) || value > static_cast<double>(high))
    wrong(name, "an integer in " + std::to_string(low) + ".." + std::to_string(high) + ", got " +
                    std::to_string(value));
  return static_cast<std::int64_t>(value);
}

std::uint64_t id(const Napi::Value& value, const char* name) {
  if (!value.IsNumber()) wrong(name, "a handle");
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!(number >= 0 && number < kExact) || number != std::floor(number)) wrong(name, "a handle");
  return static_cast<std::uint64_t>(number);
}

bool boolean(const Napi::Value& value, const char* name) {
  if (!value.IsBoolean()) wrong(name, "a boolean");
  return value.As<Napi::Boolean>().Value();
}

std::string text(const Napi::CallbackInfo& info, std::size_t index, const char* name) {
  if (!info[index].IsString()) wrong(name, "a string");
  return info[index].As<Napi::String>().Utf8Value();
}

Napi::Function function(const Napi::CallbackInfo& info, std::size_t index, const char* name) {
  if (!info[index].IsFunction()) wrong(name, "a function");
  return info[index].As<Napi::Function>();
}

Activation activation(const Napi::Value& value) {
  const std::string name = value.IsString() ? value.As<Napi::String>().Utf8Value() : "";
  if (name == "none") return Activation::none;
  if (name == "relu") return Activation::relu;
  if (name != "gelu") wrong("activation", "\"none\", \"relu\" or \"gelu\"");
  return Activation::gelu;
}

template <typename T>
std::span<T> array(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray()) wrong(name, ArrayKind<T>::name);
  napi_typedarray_type type{};
  std::size_t length = 0;
  void* data = nullptr;
  napi_value buffer = nullptr;
  bool unshared = false;
  if (napi_get_typedarray_info(value.Env(), value, &type, &length, &data, &buffer, nullptr) != napi_ok ||
      type != ArrayKind<T>::type)
    wrong(name, ArrayKind<T>::name);
  if (napi_is_arraybuffer(value.Env(), buffer, &unshared) != napi_ok || !unshared)
    wrong(name, std::string(ArrayKind<T>::name) + " over memory that no other thread can change");
  return {static_cast<T*>(data), length};
}
template std::span<float> array<float>(const Napi::Value&, const char*);
template std::span<double> array<double>(const Napi::Value&, const char*);
template std::span<std::int32_t> array<std::int32_t>(const Napi::Value&, const char*);
template std::span<std::uint8_t> array<std::uint8_t>(const Napi::Value&, const char*);

template <typename T>
Napi::TypedArrayOf<T> new_array(Napi::Env env, std::int64_t count) {
  constexpr std::size_t kSmall = std::size_t{1} << 20;
  const std::size_t bytes = checked_bytes(count, sizeof(T));
  if (bytes <= kSmall) return Napi::TypedArrayOf<T>::New(env, bytes / sizeof(T));
  // Where Node-API cannot have the memory it ends the process; the constructor throws a RangeError.
  try {
    const auto& constructor = env.GetInstanceData<Environment>()->*ArrayKind<T>::constructor;
    const Napi::Value made = constructor.New({Napi::Number::New(env, static_cast<double>(count))});
    require(array<T>(made, "result").size() == bytes / sizeof(T), "result: expected ", count, " numbers");
    return made.As<Napi::TypedArrayOf<T>>();
  } catch (const Napi::Error&) {
    throw Error(Code::no_memory, "a result of " + std::to_string(count) + " numbers cannot be had");
  }
}
template Napi::TypedArrayOf<float> new_array<float>(Napi::Env, std::int64_t);
template Napi::TypedArrayOf<double> new_array<double>(Napi::Env, std::int64_t);
template Napi::TypedArrayOf<std::int32_t> new_array<std::int32_t>(Napi::Env, std::int64_t);

template <typename T>
Napi::Value copied(Napi::Env env, std::span<const T> values) {
  auto copy = new_array<T>(env, static_cast<std::int64_t>(values.size()));
  std::copy(values.begin(), values.end(), copy.Data());
  return copy;
}
template Napi::Value copied<float>(Napi::Env, std::span<const float>);
template Napi::Value copied<double>(Napi::Env, std::span<const double>);
template Napi::Value copied<std::int32_t>(Napi::Env, std::span<const std::int32_t>);

}  // namespace l4r::addon
