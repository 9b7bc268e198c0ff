// The small matrix product inside attention: a few rows of c at a time, kept in registers while depth goes
// by, with a read in place (its numbers one by one) and b a vector at a time. Nothing is packed for it but
// what has to be transposed.
#pragma once

#include "base/simd.h"

namespace l4r::L4R_LEVEL {

// Register tile: 4 x 3 vectors fill 16 registers, 4 x 4 take 21 of 32.
constexpr int kProductRows = 4;
constexpr int kProductVectors = F32::width == 8 ? 3 : 4;

// c[r][v] = (or +=) factors[r] * sum over p of a[r * a_row + p * a_step] * vector v of b at depth p; r <
// rows, 1 <= rows <= kProductRows.
struct Product {
  std::int64_t depth;
  const float* a;
  std::int64_t a_row, a_step;
  const float* b;
  std::int64_t b_vector, b_step;  // numbers between vectors side by side, and between depths
  float* c;
  std::int64_t c_row;
  int rows;
  const float* factors;  // [kProductRows]
  bool accumulate;
};

// Vectors `vector`..`vector` + kVectors - 1 of c; kRagged: the last has only `lanes`.
template <int kVectors, bool kRagged>
inline void product_tile(const Product& x, std::int64_t vector, int lanes) {
  constexpr int kWhole = kRagged ? kVectors - 1 : kVectors;
  F32 sums[kProductRows][kVectors];
  const float* a[kProductRows];  // rows that are not there repeat the last
#pragma GCC unroll 4
  for (int r = 0; r < kProductRows; ++r) {
    a[r] = x.a + (r < x.rows ? r : x.rows - 1) * x.a_row;
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sums[r][v] = zero();
  }
  const float* b = x.b + vector * x.b_vector;
  for (std::int64_t p = 0, step = 0; p < x.depth; ++p, step += x.a_step, b += x.b_step) {
    F32 right[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      right[v] = v < kWhole ? F32::load(b + v * x.b_vector) : F32::load(b + v * x.b_vector, lanes);
#pragma GCC unroll 4
    for (int r = 0; r < kProductRows; ++r) {
      const F32 left = F32::broadcast(a[r][step]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sums[r][v] = fma(left, right[v], sums[r][v]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kProductRows; ++r) {
    if (r >= x.rows) break;
    const F32 factor = F32::broadcast(x.factors[r]);
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      float* to = x.c + r * x.c_row + (vector + v) * F32::width;
      if (v < kWhole)
        (x.accumulate ? fma(factor, sums[r][v], F32::load(to)) : factor * sums[r][v]).store(to);
      else
        (x.accumulate ? fma(factor, sums[r][v], F32::load(to, lanes)) : factor * sums[r][v]).store(to, lanes);
    }
  }
}

template <bool kRagged>
inline void product_tiles(const Product& x, std::int64_t vector, std::int64_t count, int lanes) {
  switch (count) {
    case 1:
      return product_tile<1, kRagged>(x, vector, lanes);
    case 2:
      return product_tile<2, kRagged>(x, vector, lanes);
    case 3:
      return product_tile<3, kRagged>(x, vector, lanes);
    default:
      return product_tile<kProductVectors, kRagged>(x, vector, lanes);
  }
}

// The first `cols` columns of c. Every number is one sum in ascending depth, wherever the tiles end.
[[gnu::noinline]] inline void multiply(const Product& x, std::int64_t cols) {
  const std::int64_t all = (cols + F32::width - 1) / F32::width;
  const int lanes = static_cast<int>(cols % F32::width);
  for (std::int64_t done = 0; done < all;) {
    // Never a single vector at the end: its four sums would wait for each other.
    const std::int64_t left = all - done;
    const std::int64_t take = left == kProductVectors + 1 ? kProductVectors - 1
                              : left < kProductVectors    ? left
                                                          : kProductVectors;
    if (take == left && lanes > 0)
      product_tiles<true>(x, done, take, lanes);
    else
      product_tiles<false>(x, done, take, lanes);
    done += take;
  }
}

}  // namespace l4r::L4R_LEVEL
