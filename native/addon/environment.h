// Everything that belongs to one Node environment (the main thread or a worker). JavaScript thread only.
#pragma once

#include <napi.h>

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "addon/async_call.h"
#include "addon/handles.h"
#include "autograd/optimizer.h"
#include "autograd/parameter.h"
#include "autograd/tape.h"
#include "device/gpu.h"
#include "graph/graph.h"
#include "lookup/embedding_table.h"
#include "ops/linear/linear.h"
#include "sampling/pair_sampler.h"
#include "sampling/sequence_sampler.h"
#include "serving/catalogue.h"
#include "serving/sequence_encoder.h"

namespace l4r::addon {

struct Environment {
  explicit Environment(Napi::Env env);

  // The constructors of results as they were when the addon was loaded: nothing that a program puts in their
  // place later runs inside of a call.
  Napi::FunctionReference float32_array, float64_array, int32_array;
  Tape tape;
  Leases<Parameter, Kind::parameter> parameters;
  Leases<Adam, Kind::optimizer> optimizers;
  Leases<PairSampler, Kind::sampler> samplers;
  Leases<SequenceSampler, Kind::sequences> sequences;
  Leases<Catalogue, Kind::catalogue> catalogues;
  Leases<SequenceEncoder, Kind::encoder> encoders;
  Leases<const SharedTable, Kind::embedding> embeddings;
  Leases<const Graph, Kind::graph> graphs;
  AsyncCalls async_calls;

  static Environment& of(const Napi::CallbackInfo& info) {
    return *info.Env().GetInstanceData<Environment>();
  }
};

// A JavaScript error with a stable `code`.
Napi::Error to_js(Napi::Env env, Code code, const std::string& message);

// Runs the body of an exported function: whatever it throws becomes a JavaScript error.
template <Napi::Value (*body)(const Napi::CallbackInfo&)>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  try {
    return body(info);
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    const Fault fault = current_fault();
    throw to_js(info.Env(), fault.code, fault.message);
  }
}

template <Napi::Value (*body)(const Napi::CallbackInfo&)>
void export_function(Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New<guarded<body>>(exports.Env(), name));
}

// ---- arguments: every one is checked here again, whatever TypeScript promised ----

double number(const Napi::Value& value, const char* name);
inline double number(const Napi::CallbackInfo& info, std::size_t index, const char* name) {
  return number(info[index], name);
}
// A finite integer in [low, high].
std::int64_t integer(const Napi::Value& value, const char* name, std::int64_t low, std::int64_t high);
inline std::int64_t integer(const Napi::CallbackInfo& info, std::size_t index, const char* name,
                            std::int64_t low, std::int64_t high) {
  return integer(info[index], name, low, high);
}
bool boolean(const Napi::Value& value, const char* name);
inline bool boolean(const Napi::CallbackInfo& info, std::size_t index, const char* name) {
  return boolean(info[index], name);
}
std::string text(const Napi::CallbackInfo& info, std::size_t index, const char* name);
// "none", "relu" or "gelu".
Activation activation(const Napi::Value& value);
// An id or tensor handle: a non-negative integer below 2^53.
std::uint64_t id(const Napi::Value& value, const char* name);
inline std::uint64_t id(const Napi::CallbackInfo& info, std::size_t index, const char* name) {
  return id(info[index], name);
}

// Where a kernel runs: the number of a GPU, or the processor.
inline constexpr int kCpu = -1;
inline int device_index(const Napi::CallbackInfo& info, std::size_t index) {
  return static_cast<int>(integer(info, index, "device", kCpu, 255));
}

Napi::Function function(const Napi::CallbackInfo& info, std::size_t index, const char* name);

// A view of the caller's typed array, valid during this call only and until JavaScript runs. Detached arrays
// read as empty; shared memory is refused, because another thread could change it after it was checked.
template <typename T>
std::span<T> array(const Napi::Value& value, const char* name);
template <typename T>
std::span<T> array(const Napi::CallbackInfo& info, std::size_t index, const char* name) {
  return array<T>(info[index], name);
}
// The same, empty for null and undefined.
template <typename T>
std::span<T> optional_array(const Napi::Value& value, const char* name) {
  return value.IsNull() || value.IsUndefined() ? std::span<T>() : array<T>(value, name);
}

// ---- results ----

// A typed array of zeros, with memory of its own. The program may have replaced the constructor before the
// addon was loaded: it may run JavaScript, so take views of arguments and of native memory afterwards. Throws
// Error(no_memory).
template <typename T>
Napi::TypedArrayOf<T> new_array(Napi::Env env, std::int64_t count);
template <typename T>
std::span<T> view(Napi::TypedArrayOf<T>& result) {
  return {result.Data(), result.ElementLength()};
}
// Throws Error(argument) unless they are as many.
template <typename T>
void copy_into(Napi::TypedArrayOf<T>& result, std::span<const T> values) {
  require(values.size() == result.ElementLength(), "result: expected ", values.size(), " numbers");
  std::copy(values.begin(), values.end(), result.Data());
}
template <typename T>
void copy_into(Napi::TypedArrayOf<T>& result, std::span<T> values) {
  copy_into(result, std::span<const T>(values));
}
// A typed array with a copy of numbers that no call from JavaScript can reach. Throws Error(no_memory).
template <typename T>
Napi::Value copied(Napi::Env env, std::span<const T> values);
inline Napi::Value handle(const Napi::CallbackInfo& info, std::uint64_t value) {
  return Napi::Number::New(info.Env(), static_cast<double>(value));
}

// ---- the exported functions, one file each ----
void export_machine(Napi::Object exports);
void export_parameters(Napi::Object exports);
void export_tape(Napi::Object exports);
void export_training(Napi::Object exports);
void export_sampling(Napi::Object exports);
void export_graph(Napi::Object exports);
void export_serving(Napi::Object exports);
void export_encoder(Napi::Object exports);
void export_linalg(Napi::Object exports);
void export_lookup(Napi::Object exports);
void export_async(Napi::Object exports);
void export_catalogue_file(Napi::Object exports);

}  // namespace l4r::addon
