// The CUDA backend: whether there is one, and what stands there.
#include "addon/environment.h"
#include "cuda/loader.h"

namespace l4r::addon {

std::int32_t device(const Napi::CallbackInfo& info, std::size_t index) {
  return cuda::device_of(text(info, index, "device"));
}

namespace {

Napi::Value cuda_info(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const cuda::Backend& backend = cuda::backend();
  Napi::Object result = Napi::Object::New(env);
  result.Set("available", backend.table != nullptr);
  result.Set("reason", backend.reason);
  Napi::Array devices = Napi::Array::New(env);
  for (std::int32_t index = 0; index < backend.devices; ++index) {
    cuda::DeviceFacts facts{};
    cuda::Reason reason{};
    cuda::check(backend.table->describe(index, &facts, &reason), reason);
    Napi::Object device = Napi::Object::New(env);
    device.Set("name", facts.name);
    device.Set("memory", static_cast<double>(facts.memory));
    device.Set("capability", std::to_string(facts.major) + "." + std::to_string(facts.minor));
    devices.Set(static_cast<std::uint32_t>(index), device);
  }
  result.Set("devices", devices);
  return result;
}

}  // namespace

void export_cuda(Napi::Object exports) { export_function<cuda_info>(exports, "cudaInfo"); }

}  // namespace l4r::addon
