#include "cuda/runtime.h"

#include <cuda_runtime_api.h>

#include <cstring>

#include "base/status.h"
#include "cuda/failure.h"

namespace l4r::cuda {

// An error that stays when it was taken out is one of the context: nothing will work any more.
void check(cudaError_t status, const std::string& what) {
  if (status == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());
  const std::string said = what + ": " + cudaGetErrorString(status);
  if (status == cudaErrorMemoryAllocation) throw Error(Code::no_memory, said);
  if (status == cudaErrorInsufficientDriver || status == cudaErrorNoDevice ||
      status == cudaErrorInvalidDevice || status == cudaErrorDevicesUnavailable)
    throw Error(Code::device, said);
  if (cudaFree(nullptr) != cudaSuccess) throw Error(Code::device, "the device is lost: " + said);
  throw Error(Code::internal, said);
}

namespace runtime {

int device_count() {
  int driver = 0, count = 0;
  check(cudaDriverGetVersion(&driver), "asking for the driver");
  if (driver == 0) throw Error(Code::device, "no CUDA driver answers");
  if (driver / 1000 < CUDART_VERSION / 1000)
    throw Error(Code::device, "the driver supports CUDA " + std::to_string(driver / 1000) + "." +
                                  std::to_string(driver % 1000 / 10) + ", this backend needs " +
                                  std::to_string(CUDART_VERSION / 1000) + ".0");
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaErrorNoDevice) {
    static_cast<void>(cudaGetLastError());
    return 0;
  }
  check(status, "counting devices");
  return count;
}

DeviceFacts facts(int device) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, device), "reading a device's properties");
  DeviceFacts facts{};
  std::memcpy(facts.name, properties.name, sizeof(facts.name) - 1);
  facts.major = properties.major;
  facts.minor = properties.minor;
  facts.processors = properties.multiProcessorCount;
  check(cudaDriverGetVersion(&facts.driver), "asking for the driver");
  check(cudaRuntimeGetVersion(&facts.runtime), "asking for the runtime");
  use(device);
  std::size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "asking for free memory");
  facts.memory = static_cast<std::int64_t>(total);
  facts.free = static_cast<std::int64_t>(free);
  return facts;
}

void use(int device) { check(cudaSetDevice(device), "choosing device " + std::to_string(device)); }

Stream new_stream() {
  Stream stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
  return stream;
}

void* allocate(std::size_t bytes) {
  void* memory = nullptr;
  const cudaError_t status = cudaMalloc(&memory, bytes);
  if (status == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());
    return nullptr;
  }
  check(status, "allocating device memory");
  return memory;
}

// When the device is lost there is nothing to give back.
void release(void* memory) noexcept { static_cast<void>(cudaFree(memory)); }

void copy_in(void* device, const void* host, std::size_t bytes, Stream stream) {
  if (bytes == 0) return;
  check(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream), "copying to the device");
  wait(stream);
}

void copy_out(void* host, const void* device, std::size_t bytes, Stream stream) {
  if (bytes == 0) return;
  check(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream), "copying from the device");
  wait(stream);
}

void fill(void* device, int byte, std::size_t bytes, Stream stream) {
  if (bytes == 0) return;
  check(cudaMemsetAsync(device, byte, bytes, stream), "filling device memory");
}

void wait(Stream stream) { check(cudaStreamSynchronize(stream), "waiting for a stream"); }

Timer::Timer(Stream stream) : stream_(stream), begin_(nullptr), end_(nullptr) {
  cudaEvent_t begin = nullptr, end = nullptr;
  check(cudaEventCreate(&begin), "making an event");
  begin_ = begin;
  check(cudaEventCreate(&end), "making an event");
  end_ = end;
}

Timer::~Timer() {
  static_cast<void>(cudaEventDestroy(static_cast<cudaEvent_t>(begin_)));
  static_cast<void>(cudaEventDestroy(static_cast<cudaEvent_t>(end_)));
}

void Timer::start() { check(cudaEventRecord(static_cast<cudaEvent_t>(begin_), stream_), "timing"); }

double Timer::stop() {
  float milliseconds = 0;
  check(cudaEventRecord(static_cast<cudaEvent_t>(end_), stream_), "timing");
  check(cudaEventSynchronize(static_cast<cudaEvent_t>(end_)), "timing");
  check(cudaEventElapsedTime(&milliseconds, static_cast<cudaEvent_t>(begin_), static_cast<cudaEvent_t>(end_)),
        "timing");
  return 1e-3 * double{milliseconds};
}

}  // namespace runtime
}  // namespace l4r::cuda
