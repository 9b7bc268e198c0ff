// The part of CUDA that our kernels use, on the processor: the same kernel sources are compiled as C++
// against this header. The threads of a block are fibers, which really wait for each other at
// __syncthreads(); blocks run one after the other; both come in an order that changes with every launch, so
// that what depends on it does not stay hidden. Device memory is poisoned when it is had and has guard words
// around it. No warp intrinsics: no kernel needs them yet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};

using cudaError_t = int;
using cudaStream_t = void*;
enum : int {
  cudaSuccess = 0,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidDevice = 101,
  cudaErrorAssert = 710
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost };
struct cudaDeviceProp {
  char name[256];
  std::size_t totalGlobalMem;
  int major, minor;
};

cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* facts, int device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaMalloc(void** memory, std::size_t bytes);
cudaError_t cudaFree(void* memory);
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaGetLastError();
const char* cudaGetErrorString(cudaError_t error);

// Of the fiber that runs.
extern dim3 threadIdx, blockIdx, blockDim, gridDim;
void __syncthreads();
inline double __fma_rn(double a, double b, double c) { return __builtin_fma(a, b, c); }
inline float __fmaf_rn(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline double __dadd_rn(double a, double b) { return a + b; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }

namespace l4r::cuda::emulated {

// Dynamic shared memory of the block that runs, poisoned when it begins.
void* shared();

// Runs `kernel` once a thread. What a kernel does wrong (guard words, a barrier that some threads of a block
// do not reach) is cudaErrorAssert at the next cudaGetLastError().
void run(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& kernel);

// Makes the n-th allocation from now on fail, to see what happens then; -1: none.
void fail_allocation(int n);
// The next launch leaves an error that sticks.
void lose_device();
void revive_device();
// Bytes that are taken.
std::size_t bytes_taken();

}  // namespace l4r::cuda::emulated
