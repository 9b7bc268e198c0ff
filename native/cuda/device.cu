#include "cuda/device.h"

#include <memory>
#include <utility>

namespace l4r::cuda {

Device& Device::at(std::int32_t index) {
  static std::mutex guard;
  static auto* devices =
      new std::map<std::int32_t, std::unique_ptr<Device>>;  // leaked: outlives every thread
  const std::lock_guard lock(guard);
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess)
    throw Failure(kNoDevice, std::string("no CUDA device: ") + cudaGetErrorString(error));
  if (index < 0 || index >= count)
    throw Failure(kNoDevice,
                  "no CUDA device " + std::to_string(index) + ", there are " + std::to_string(count));
  auto& device = (*devices)[index];
  if (device == nullptr) device.reset(new Device(index));
  return *device;
}

void Device::select() {
  if (lost_) throw Failure(kLost, "CUDA device " + std::to_string(index_) + " was lost by an earlier fault");
  check(cudaSetDevice(index_), "select");
}

void Device::set_budget(std::uint64_t bytes) {
  budget_ = bytes;
  if (budget_ != 0 && taken_ > budget_) free_kept();
}

void Device::check(cudaError_t error, const char* site) {
  if (error == cudaSuccess) return;
  const std::string message = std::string(site) + ": " + cudaGetErrorString(error);
  if (error == cudaErrorMemoryAllocation) throw Failure(kNoMemory, message);
  // An error that is still there when it was read is of the context: nothing works in it any more.
  lost_ = cudaGetLastError() != cudaSuccess || cudaStreamSynchronize(stream()) != cudaSuccess;
  throw Failure(lost_ ? kLost : kFault, message);
}

void* Device::take(std::size_t bytes) {
  constexpr std::size_t kUnit = 256;
  const std::size_t size = bytes == 0 ? kUnit : (bytes + kUnit - 1) / kUnit * kUnit;
  // The smallest that fits and is not more than twice as large.
  if (const auto found = kept_.lower_bound(size); found != kept_.end() && found->first <= 2 * size) {
    void* memory = found->second;
    kept_.erase(found);
    return memory;
  }
  const auto fits = [&] { return budget_ == 0 || taken_ + size <= budget_; };
  void* memory = nullptr;
  for (const bool last : {false, true}) {
    if (fits()) {
      const cudaError_t error = cudaMalloc(&memory, size);
      if (error == cudaSuccess) {
        sizes_[memory] = size;
        taken_ += size;
        return memory;
      }
      if (error != cudaErrorMemoryAllocation) check(error, "take memory");
      cudaGetLastError();  // it does not stick
    }
    if (!last) free_kept();
  }
  throw Failure(kNoMemory, "CUDA device " + std::to_string(index_) + ": no room for " + std::to_string(size) +
                               " bytes beside " + std::to_string(taken_) +
                               (budget_ == 0 ? "" : " of a budget of " + std::to_string(budget_)));
}

void Device::give_back(void* memory) noexcept {
  try {
    kept_.emplace(sizes_.at(memory), memory);
  } catch (...) {  // no memory for the note: it stays taken
  }
}

void Device::free_kept() noexcept {
  for (const auto& [size, memory] : kept_) {
    cudaFree(memory);  // waits for what runs
    sizes_.erase(memory);
    taken_ -= size;
  }
  kept_.clear();
}

void Device::copy_in(void* to, const void* from, std::size_t bytes, const char* site) {
  if (bytes > 0) check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream()), site);
}

void Device::copy_out(void* to, const void* from, std::size_t bytes, const char* site) {
  if (bytes > 0) check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream()), site);
  wait(site);
}

void Device::wait(const char* site) { check(cudaStreamSynchronize(stream()), site); }

}  // namespace l4r::cuda
