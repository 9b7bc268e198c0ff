// A device as this library uses it: one stream, memory within a budget, launches that name their call site.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

#include "cuda/runtime.h"
#include "cuda/table.h"

namespace l4r::cuda {

// What a call of the table ends with; thrown inside of this library alone.
class Failure : public std::runtime_error {
 public:
  Failure(Status status, const std::string& message) : std::runtime_error(message), status_(status) {}
  Status status() const noexcept { return status_; }

 private:
  Status status_;
};

// One for each device, made when it is first used, never destroyed: the context is shared with others of the
// process. Whoever uses one holds `mutex`.
class Device {
 public:
  // Throws Failure(kNoDevice) for an index that there is not, Failure(kLost) after a fault that stuck.
  static Device& at(std::int32_t index);

  std::mutex mutex;

  // Makes it the device of the calling thread. Throws Failure(kLost).
  void select();
  void set_budget(std::uint64_t bytes);

  // Memory for at least so many bytes, from what was given back before or new. Throws Failure(kNoMemory).
  void* take(std::size_t bytes);
  // Keeps it for the next one who takes. Whatever was launched on the stream still finds it.
  void give_back(void* memory) noexcept;

  void copy_in(void* to, const void* from, std::size_t bytes, const char* site);
  // Waits until it is there.
  void copy_out(void* to, const void* from, std::size_t bytes, const char* site);

  // Until all that was launched and copied is done.
  void wait(const char* site);

  // Throws Failure(kNoMemory, kLost or kFault) for an error of the runtime, with the name of the call site.
  void check(cudaError_t error, const char* site);

  cudaStream_t stream() const noexcept { return nullptr; }

 private:
  explicit Device(std::int32_t index) : index_(index) {}
  void free_kept() noexcept;

  std::int32_t index_;
  bool lost_ = false;
  std::uint64_t budget_ = 0, taken_ = 0;
  std::map<void*, std::size_t> sizes_;      // of all memory
  std::multimap<std::size_t, void*> kept_;  // that nobody has now
};

// Memory of a device, given back at the end of the scope. T: plain numbers.
template <typename T>
class DeviceArray {
 public:
  DeviceArray() = default;
  DeviceArray(Device& device, std::int64_t count)
      : device_(&device), data_(static_cast<T*>(device.take(static_cast<std::size_t>(count) * sizeof(T)))) {}
  // With a copy of `from`.
  DeviceArray(Device& device, const T* from, std::int64_t count, const char* site)
      : DeviceArray(device, count) {
    device.copy_in(data_, from, static_cast<std::size_t>(count) * sizeof(T), site);
  }
  DeviceArray(DeviceArray&& other) noexcept : device_(other.device_), data_(other.data_) {
    other.data_ = nullptr;
  }
  DeviceArray& operator=(DeviceArray&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(data_, other.data_);
    return *this;
  }
  ~DeviceArray() {
    if (data_ != nullptr) device_->give_back(data_);
  }
  T* data() const noexcept { return data_; }

 private:
  Device* device_ = nullptr;
  T* data_ = nullptr;
};

// Runs a kernel on the device's stream. `site` names the call in errors.
template <typename... Parameters, typename... Arguments>
void launch(Device& device, const char* site, void (*kernel)(Parameters...), dim3 grid, unsigned threads,
            std::size_t shared_bytes, Arguments... arguments) {
#ifdef L4R_EMULATED
  emulated::run(grid, {threads, 1, 1}, shared_bytes, [=] { kernel(static_cast<Parameters>(arguments)...); });
#else
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = dim3{threads, 1, 1};
  config.dynamicSmemBytes = shared_bytes;
  config.stream = device.stream();
  device.check(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...), site);
#endif
  device.check(cudaGetLastError(), site);
}

}  // namespace l4r::cuda
