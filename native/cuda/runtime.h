// What the backend asks of the CUDA runtime: runtime.cpp does it on a GPU, emulation/runtime.cpp over host
// memory. Failures are thrown as Error(no_memory), Error(device) when the device is lost or was never there,
// else Error(internal); each names the call.
#pragma once

#include <cstddef>
#include <string>

#include "cuda/backend.h"

struct CUstream_st;

namespace l4r::cuda {

using Stream = CUstream_st*;

namespace runtime {

int device_count();
DeviceFacts facts(int device);
// Makes the device that of the calling thread.
void use(int device);
Stream new_stream();

// Device memory, aligned to at least 256 bytes; null when there is not enough.
void* allocate(std::size_t bytes);
void release(void* memory) noexcept;

// In the order of the stream. Those that touch host memory return when it is read or written.
void copy_in(void* device, const void* host, std::size_t bytes, Stream stream);
void copy_out(void* host, const void* device, std::size_t bytes, Stream stream);
void fill(void* device, int byte, std::size_t bytes, Stream stream);
void wait(Stream stream);

// Seconds of device time that the body takes, in the order of the stream.
class Timer {
 public:
  explicit Timer(Stream stream);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  void start();
  double stop();

 private:
  Stream stream_;
  void *begin_, *end_;
};

}  // namespace runtime
}  // namespace l4r::cuda
