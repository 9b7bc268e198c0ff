// The loss of one row of scores, for kernel sources alone (see base/simd.h).
#pragma once

#include "base/simd_loop.h"

namespace l4r::L4R_LEVEL {

// Natural logarithm of x >= 1, relative error below 1e-14: x = m 2^n, m in [1, 2), and log m = 2 artanh(s), s
// = (m - 1) / (m + 1) <= 1/3, by its series.
inline double log_above_one(double x) {
  const std::uint64_t bits = __builtin_bit_cast(std::uint64_t, x);
  const auto n = static_cast<double>(static_cast<std::int64_t>(bits >> 52) - 1023);
  const double m = __builtin_bit_cast(double, (bits & 0xFFFFFFFFFFFFFull) | 0x3FF0000000000000ull);
  const double s = (m - 1) / (m + 1), s2 = s * s;
  double p = 0;
  for (int k = 29; k >= 1; k -= 2) p = p * s2 + 2.0 / k;
  return n * 0.6931471805599453 + p * s;
}

inline float largest(std::int64_t n, const float* x) {
  constexpr int kChains = 4;
  const F32 low = F32::broadcast(-3.4028235e38f);
  F32 top[kChains] = {low, low, low, low};
  std::int64_t j = 0;
  for (; j + kChains * F32::width <= n; j += kChains * F32::width)
    for (int c = 0; c < kChains; ++c) top[c] = max(F32::load(x + j + c * F32::width), top[c]);
  float lanes[F32::width];
  max(max(top[0], top[1]), max(top[2], top[3])).store(lanes);
  float found = lanes[0];
  for (int lane = 1; lane < F32::width; ++lane) found = lanes[lane] > found ? lanes[lane] : found;
  for (; j < n; ++j) found = x[j] > found ? x[j] : found;
  return found;
}

struct RowLoss {
  double loss;   // logsumexp(scores) - scores[target]
  double total;  // sum of e^(score - largest), at least 1
};

// Scores become e^(score - largest). Exponentials are added in float32 within blocks, in float64 across them.
inline RowLoss row_loss(std::int64_t n, std::int32_t target, float* scores) {
  constexpr std::int64_t kBlock = 512;
  const float top = largest(n, scores), chosen = scores[target];
  const F32 shift = F32::broadcast(top);
  double total = 0;
  for (std::int64_t begin = 0; begin < n; begin += kBlock) {
    float* block = scores + begin;
    F32 sums = zero();
    for_vectors(n - begin < kBlock ? n - begin : kBlock, [&](std::int64_t j, auto lanes) {
      const F32 e = exp(load(block + j, lanes) - shift);
      store(e, block + j, lanes);
      sums = sums + inside(e, lanes);
    });
    total += sum(sums);
  }
  // NaN is not below 1, nor is its logarithm a number.
  const double logarithm = total >= 1 ? log_above_one(total) : total - 1;
  return {logarithm + (static_cast<double>(top) - chosen), total};
}

}  // namespace l4r::L4R_LEVEL
