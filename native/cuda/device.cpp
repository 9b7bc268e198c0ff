#include "cuda/device.h"

#include <cstdlib>
#include <string_view>

#include "cuda/kernel.h"

namespace l4r::cuda {

namespace {

bool set(const char* variable) {
  const char* const value = std::getenv(variable);
  return value != nullptr && std::string_view(value) == "1";
}

// The stream of a device that exists.
Stream opened(int index) {
  const int count = runtime::device_count();
  if (index < 0 || index >= count)
    throw Error(Code::device, "there is no device " + std::to_string(index) + ", " +
                                  (count == 0 ? "none is visible" : std::to_string(count) + " are there"));
  runtime::use(index);
  return runtime::new_stream();
}

}  // namespace

bool launches_wait() {
  static const bool wait = set("LLAMA4REC_CUDA_WAIT");
  return wait;
}

Device::Device(int index, std::int64_t budget)
    : index_(index), stream_(opened(index)), memory_(stream_, budget, set("LLAMA4REC_CUDA_GUARDS")) {}

}  // namespace l4r::cuda
