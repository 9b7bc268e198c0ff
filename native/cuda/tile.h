// One product of the tensor cores, for a warp.
#pragma once

#include "cuda/kernel.h"

namespace l4r::cuda {

// sums [16 x 8] += a [16 x 32] b [8 x 32]', signed bytes. With g = lane / 4 and t = lane % 4, a lane holds
//   a[0], a[1]: row g and g + 8, bytes 4 t .. 4 t + 3; a[2], a[3]: the same rows, 16 bytes further
//   b[0], b[1]: row g, bytes 4 t .. 4 t + 3, and 16 bytes further
//   sums[0], sums[1]: row g, columns 2 t and 2 t + 1; sums[2], sums[3]: row g + 8
// (PTX ISA, "Matrix Fragments for mma.m16n8k32"; capability 8.0 or later.)
__device__ inline void multiply_tile(int (&sums)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
#ifdef __CUDACC__
  asm volatile(
      "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+r"(sums[0]), "+r"(sums[1]), "+r"(sums[2]), "+r"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  // The operands of all lanes, two words at a time.
  std::uint64_t words[3][kWarp];
  const std::uint64_t own[3] = {emulation::packed(a[0]) | emulation::packed(a[1]) << 32,
                                emulation::packed(a[2]) | emulation::packed(a[3]) << 32,
                                emulation::packed(b[0]) | emulation::packed(b[1]) << 32};
  for (int i = 0; i < 3; ++i) std::copy_n(emulation::exchange(own[i], kAllLanes), kWarp, words[i]);
  const int g = lane() / 4, t = lane() % 4;
  for (int from = 0; from < 4; ++from)
    for (int half = 0; half < 2; ++half)
      for (int row = 0; row < 2; ++row)
        for (int column = 0; column < 2; ++column) {
          const auto left = static_cast<std::uint32_t>(words[half][4 * g + from] >> 32 * row);
          const auto right = static_cast<std::uint32_t>(words[2][4 * (2 * t + column) + from] >> 32 * half);
          int& sum = sums[2 * row + column];
          sum = __dp4a(static_cast<int>(left), static_cast<int>(right), sum);
        }
#endif
}

}  // namespace l4r::cuda
