// What kernels are written with: CUDA's own words under nvcc, else their emulation on the CPU.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#include <cuda_runtime.h>
#else
#include "cuda/emulation/device.h"
#endif

namespace l4r::cuda {

inline constexpr int kWarp = 32;
inline constexpr unsigned kAllLanes = 0xFFFFFFFFu;

// LLAMA4REC_CUDA_WAIT=1: every launch waits for its end, so that a fault names the kernel that made it.
bool launches_wait();

// The shared memory of the block, as many bytes as the launch asked for. There is no other: emulation
// poisons it before each block and guards its end.
__device__ inline unsigned char* shared_bytes() {
#ifdef __CUDACC__
  extern __shared__ __align__(16) unsigned char bytes[];
  return bytes;
#else
  return emulation::shared_bytes();
#endif
}
template <typename T>
__device__ inline T& shared_memory() {
  return *reinterpret_cast<T*>(shared_bytes());
}

__device__ inline int lane() { return static_cast<int>(threadIdx.x) % kWarp; }

// Of all lanes, in every lane: the same bits each time, for the tree is fixed.
template <typename T>
__device__ inline T warp_max(T x) {
  for (int step = kWarp / 2; step > 0; step /= 2) {
    const T other = __shfl_xor_sync(kAllLanes, x, step);
    x = other > x ? other : x;
  }
  return x;
}
template <typename T>
__device__ inline T warp_sum(T x) {
  for (int step = kWarp / 2; step > 0; step /= 2) x += __shfl_xor_sync(kAllLanes, x, step);
  return x;
}

}  // namespace l4r::cuda
