// The one thing that this library shows: its table.
#include <cstdio>
#include <memory>

#include "cuda/catalogue.h"
#include "cuda/device.h"
#include "cuda/lookup.h"
#include "cuda/table.h"

namespace l4r::cuda {

namespace {

void tell(Reason* reason, const char* text) {
  if (reason != nullptr) std::snprintf(reason->text, sizeof reason->text, "%s", text);
}

// Nothing is thrown across the border.
template <typename Body>
Status guarded(Reason* reason, const Body& body) noexcept {
  try {
    body();
    return kOk;
  } catch (const Failure& failure) {
    tell(reason, failure.what());
    return failure.status();
  } catch (const std::bad_alloc&) {
    tell(reason, "no memory");
    return kNoMemory;
  } catch (const std::exception& error) {
    tell(reason, error.what());
    return kFault;
  }
}

// body(device) with the device to itself.
template <typename Body>
Status on_device(std::int32_t index, Reason* reason, const Body& body) noexcept {
  return guarded(reason, [&] {
    Device& device = Device::at(index);
    const std::lock_guard lock(device.mutex);
    device.select();
    body(device);
  });
}

std::int32_t device_count(Reason* reason) {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess && count > 0) return count;
  tell(reason, error == cudaSuccess ? "the CUDA driver shows no device" : cudaGetErrorString(error));
  cudaGetLastError();
  return 0;
}

Status describe(std::int32_t index, DeviceFacts* facts, Reason* reason) {
  return guarded(reason, [&] {
    cudaDeviceProp found;
    if (const cudaError_t error = cudaGetDeviceProperties(&found, index); error != cudaSuccess)
      throw Failure(kNoDevice, cudaGetErrorString(error));
    std::snprintf(facts->name, sizeof facts->name, "%s", found.name);
    facts->memory = found.totalGlobalMem;
    facts->major = found.major;
    facts->minor = found.minor;
  });
}

void set_budget(std::int32_t index, std::uint64_t bytes) {
  on_device(index, nullptr, [&](Device& device) { device.set_budget(bytes); });
}

Status lookup_rows(std::int32_t index, const Rows* rows, const std::int32_t* ids, std::int64_t count,
                   float* into, Reason* reason) {
  return on_device(index, reason, [&](Device& device) { lookup(device, *rows, ids, count, into); });
}

Status pool_bags(std::int32_t index, const Rows* rows, const BagList* bags, float* into, Reason* reason) {
  return on_device(index, reason, [&](Device& device) { bag(device, *rows, *bags, into); });
}

Status catalogue_create(std::int32_t index, const float* items, const float* biases, std::int64_t n,
                        std::int64_t d, void** made, Reason* reason) {
  return on_device(index, reason, [&](Device& device) {
    *made = std::make_unique<Catalogue>(device, items, biases, n, d).release();
  });
}

void catalogue_release(void* catalogue) {
  std::unique_ptr<Catalogue> last(static_cast<Catalogue*>(catalogue));
  const std::lock_guard lock(last->device().mutex);
  last.reset();
}

Status catalogue_top_k(void* catalogue, const float* queries, std::int64_t batch, std::int64_t k,
                       const Filter* filter, const Lists* out, Reason* reason) {
  return guarded(reason, [&] {
    const auto& found = *static_cast<const Catalogue*>(catalogue);
    const std::lock_guard lock(found.device().mutex);
    found.device().select();
    found.top_k(queries, batch, k, *filter, *out);
  });
}

constexpr Table kTable = {kAbi,        sizeof(Table), device_count,     describe,          set_budget,
                          lookup_rows, pool_bags,     catalogue_create, catalogue_release, catalogue_top_k};

}  // namespace

}  // namespace l4r::cuda

#ifdef _WIN32
#define L4R_SHOWN __declspec(dllexport)
#else
#define L4R_SHOWN __attribute__((visibility("default")))
#endif

extern "C" L4R_SHOWN const l4r::cuda::Table* llama4rec_cuda_table() { return &l4r::cuda::kTable; }
