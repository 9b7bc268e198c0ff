// CUDA's words as C++, so that kernel sources compile without nvcc and run on the CPU: one thread of a block
// at a time, in random order, switched where they wait for each other (emulation.cpp). Stricter than a GPU:
// all 32 lanes take part in every warp-wide call, and no thread may leave before others wait at a barrier.
#pragma once

#include <math.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(16) int4 {
  int x, y, z, w;
};

// Of the thread that runs.
extern dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace l4r::cuda::emulation {

// Runs the kernel for every thread; throws Error(internal) when threads wait for each other for ever, leave
// others waiting, or write beyond their shared memory.
void run(const std::string& site, dim3 blocks, dim3 threads, std::size_t shared,
         const std::function<void()>& kernel);
unsigned char* shared_bytes();
// Waits for all threads of the block.
void barrier();
// Waits for all lanes of the warp; each leaves a number for the others. Returns those of all lanes, valid
// until the next call.
const std::uint64_t* exchange(std::uint64_t own, unsigned mask);
int lane_in_warp();

template <typename T>
std::uint64_t packed(T x) {
  static_assert(sizeof(T) <= 8);
  std::uint64_t word = 0;
  std::memcpy(&word, &x, sizeof(T));
  return word;
}
template <typename T>
T unpacked(std::uint64_t word) {
  T x;
  std::memcpy(&x, &word, sizeof(T));
  return x;
}

}  // namespace l4r::cuda::emulation

inline void __syncthreads() { l4r::cuda::emulation::barrier(); }
inline void __syncwarp(unsigned mask = 0xFFFFFFFFu) { l4r::cuda::emulation::exchange(0, mask); }

template <typename T>
T __shfl_sync(unsigned mask, T x, int from) {
  namespace e = l4r::cuda::emulation;
  return e::unpacked<T>(e::exchange(e::packed(x), mask)[from % 32]);
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T x, int bits) {
  return __shfl_sync(mask, x, l4r::cuda::emulation::lane_in_warp() ^ bits);
}
template <typename T>
T __shfl_down_sync(unsigned mask, T x, unsigned by) {
  const int from = l4r::cuda::emulation::lane_in_warp() + static_cast<int>(by);
  return __shfl_sync(mask, x, from < 32 ? from : l4r::cuda::emulation::lane_in_warp());
}
template <typename T>
T __shfl_up_sync(unsigned mask, T x, unsigned by) {
  const int from = l4r::cuda::emulation::lane_in_warp() - static_cast<int>(by);
  return __shfl_sync(mask, x, from >= 0 ? from : l4r::cuda::emulation::lane_in_warp());
}
inline unsigned __ballot_sync(unsigned mask, bool yes) {
  const std::uint64_t* const all = l4r::cuda::emulation::exchange(yes ? 1 : 0, mask);
  unsigned bits = 0;
  for (int lane = 0; lane < 32; ++lane) bits |= static_cast<unsigned>(all[lane]) << lane;
  return bits;
}
inline bool __any_sync(unsigned mask, bool yes) { return __ballot_sync(mask, yes) != 0; }
inline bool __all_sync(unsigned mask, bool yes) { return __ballot_sync(mask, yes) == 0xFFFFFFFFu; }

inline int __popc(unsigned x) { return std::popcount(x); }
inline int __ffs(int x) { return x == 0 ? 0 : std::countr_zero(static_cast<unsigned>(x)) + 1; }
inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }
inline double __longlong_as_double(long long x) { return std::bit_cast<double>(x); }
// The least float that is not below x.
inline float __double2float_ru(double x) {
  const auto nearest = static_cast<float>(x);
  return double{nearest} < x ? std::nextafter(nearest, INFINITY) : nearest;
}
inline long long __double_as_longlong(double x) { return std::bit_cast<long long>(x); }

// sum + a . b over four signed bytes.
inline int __dp4a(int a, int b, int sum) {
  for (int i = 0; i < 4; ++i)
    sum += static_cast<std::int8_t>(static_cast<unsigned>(a) >> 8 * i) *
           static_cast<std::int8_t>(static_cast<unsigned>(b) >> 8 * i);
  return sum;
}

// One thread runs at a time.
template <typename T>
T atomicAdd(T* at, T by) {
  const T before = *at;
  *at = before + by;
  return before;
}
template <typename T>
T atomicMax(T* at, T x) {
  const T before = *at;
  *at = std::max(before, x);
  return before;
}

inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
