// What the engine runs on: instruction-set level, threads, measured limits.
#include "addon/environment.h"
#include "base/cpu.h"
#include "base/thread_pool.h"
#include "lookup/probe.h"
#include "serving/probe.h"

namespace l4r::addon {

namespace {

Napi::Value cpu_info(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object result = Napi::Object::New(env);
  result.Set("level", level_name(active_level()));
  const auto& levels = available_levels();
  Napi::Array names = Napi::Array::New(env, levels.size());
  for (std::uint32_t i = 0; i < levels.size(); ++i) names.Set(i, level_name(levels[i]));
  result.Set("available", names);
  result.Set("processors", usable_processors());
  return result;
}

Napi::Value cuda_info(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const GpuReport report = gpu_report();
  Napi::Object result = Napi::Object::New(env);
  result.Set("available", report.available);
  result.Set("reason", report.reason);
  Napi::Array devices = Napi::Array::New(env, report.devices.size());
  for (std::uint32_t i = 0; i < report.devices.size(); ++i) {
    const cuda::DeviceFacts& facts = report.devices[i];
    Napi::Object device = Napi::Object::New(env);
    device.Set("name", facts.name);
    device.Set("capability", std::to_string(facts.major) + "." + std::to_string(facts.minor));
    device.Set("memory", static_cast<double>(facts.memory));
    device.Set("free", static_cast<double>(facts.free));
    devices.Set(i, device);
  }
  result.Set("devices", devices);
  return result;
}

Napi::Value get_threads(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), ThreadPool::shared().threads());
}

Napi::Value set_threads(const Napi::CallbackInfo& info) {
  ThreadPool::shared().set_threads(static_cast<int>(integer(info, 0, "threads", 1, 256)));
  return info.Env().Undefined();
}

Napi::Value set_lane(const Napi::CallbackInfo& info) {
  ThreadPool::set_lane(static_cast<int>(integer(info, 0, "threads", 0, 256)), boolean(info, 1, "background"));
  return info.Env().Undefined();
}

Napi::Value read_bandwidth_js(const Napi::CallbackInfo& info) {
  const auto bytes = integer(info, 0, "bytes", 4096, std::int64_t{1} << 34);
  return Napi::Number::New(info.Env(),
                           read_bandwidth(bytes, static_cast<int>(integer(info, 1, "threads", 1, 256))));
}

Napi::Value fma_rate_js(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), fma_rate(static_cast<int>(integer(info, 0, "threads", 1, 256))));
}

Napi::Value byte_multiply_rate_js(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(),
                           byte_multiply_rate(static_cast<int>(integer(info, 0, "threads", 1, 256))));
}

Napi::Value lookup_seconds_js(const Napi::CallbackInfo& info) {
  constexpr std::int64_t kMost = std::int64_t{1} << 26;
  return Napi::Number::New(
      info.Env(), lookup_seconds(integer(info, 0, "rows", 1, kMost), array<std::int32_t>(info, 1, "ids"),
                                 integer(info, 2, "count", 1, kMost), integer(info, 3, "bag", 0, kMost)));
}

}  // namespace

void export_machine(Napi::Object exports) {
  export_function<cpu_info>(exports, "cpuInfo");
  export_function<cuda_info>(exports, "cudaInfo");
  export_function<get_threads>(exports, "threads");
  export_function<set_threads>(exports, "setThreads");
  export_function<set_lane>(exports, "setLane");
  export_function<read_bandwidth_js>(exports, "readBandwidth");
  export_function<fma_rate_js>(exports, "fmaRate");
  export_function<byte_multiply_rate_js>(exports, "byteMultiplyRate");
  export_function<lookup_seconds_js>(exports, "lookupSeconds");
}

}  // namespace l4r::addon
