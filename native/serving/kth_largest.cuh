// The k-th largest among many numbers, by one block: a digit of 8 bits at a time from the highest.
#pragma once

#include "cuda/kernel.h"

namespace l4r::cuda {

inline constexpr int kDigits = 256;

struct Digits {
  int counts[kDigits];
  int digit, left;
};

// Numbers as integers in the same order; 0 and -0 are equal.
__device__ inline unsigned ordered(float x) {
  const unsigned bits = __float_as_uint(x + 0.0f);
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}
__device__ inline float unordered(unsigned key) {
  return __uint_as_float((key & 0x80000000u) != 0 ? key & 0x7FFFFFFFu : ~key);
}
__device__ inline unsigned long long ordered(double x) {
  const auto bits = static_cast<unsigned long long>(__double_as_longlong(x + 0.0));
  constexpr unsigned long long kSign = 1ull << 63;
  return (bits & kSign) != 0 ? ~bits : bits | kSign;
}

template <typename Key>
struct Kth {
  Key key;
  int left;  // how many of those equal to it belong to the k largest
};

// Of at(0) .. at(count - 1), 1 <= k <= count < 2^31. The whole block calls it, at least one warp.
template <typename Key, typename At>
__device__ Kth<Key> kth_largest(std::int64_t count, int k, const At& at, Digits& shared) {
  Key prefix = 0, known = 0;
  int left = k;
  for (int shift = static_cast<int>(8 * sizeof(Key)) - 8; shift >= 0; shift -= 8) {
    for (int i = static_cast<int>(threadIdx.x); i < kDigits; i += static_cast<int>(blockDim.x))
      shared.counts[i] = 0;
    __syncthreads();
    for (std::int64_t i = threadIdx.x; i < count; i += blockDim.x) {
      const Key key = at(i);
      if ((key & known) == prefix) atomicAdd(&shared.counts[static_cast<int>((key >> shift) & 0xFF)], 1);
    }
    __syncthreads();
    if (threadIdx.x < kWarp) {
      // Each lane takes 8 digits, the highest first.
      constexpr int kOwn = kDigits / kWarp;
      const int top = kDigits - 1 - lane() * kOwn;
      int own = 0;
      for (int i = 0; i < kOwn; ++i) own += shared.counts[top - i];
      int above = own;  // with those of the lanes before
      for (int step = 1; step < kWarp; step *= 2) {
        const int other = __shfl_up_sync(kAllLanes, above, static_cast<unsigned>(step));
        if (lane() >= step) above += other;
      }
      above -= own;
      if (above < left && left <= above + own) {
        int digit = top, before = above;
        while (before + shared.counts[digit] < left) before += shared.counts[digit--];
        shared.digit = digit;
        shared.left = left - before;
      }
    }
    __syncthreads();
    prefix |= static_cast<Key>(shared.digit) << shift;
    known |= static_cast<Key>(0xFF) << shift;
    left = shared.left;  // written again two barriers on
  }
  return {prefix, left};
}

}  // namespace l4r::cuda
