#include "base/simd.h"
#include "ops/kernels.h"

namespace l4r::L4R_LEVEL {

SumSquares sum_squares;

namespace {
constexpr std::int64_t kBlock = 256;
constexpr float kLargest = 3.402823466e38f;
}  // namespace

double sum_squares(std::int64_t n, const float* x) {
  double total = 0;
  for (std::int64_t begin = 0; begin < n; begin += kBlock) {
    const std::int64_t end = begin + kBlock < n ? begin + kBlock : n;
    F32 even = zero(), odd = zero();
    std::int64_t i = begin;
    for (; i + 2 * F32::width <= end; i += 2 * F32::width) {
      const F32 a = F32::load(x + i), b = F32::load(x + i + F32::width);
      even = fma(a, a, even);
      odd = fma(b, b, odd);
    }
    for (; i < end; i += F32::width) {
      const F32 a = F32::load(x + i, static_cast<int>(end - i < F32::width ? end - i : F32::width));
      even = fma(a, a, even);
    }
    double block = sum(even + odd);
    if (!(block <= kLargest)) {  // squares above 1.8e19 overflow float32 but not float64
      block = 0;
      for (i = begin; i < end; ++i) block += static_cast<double>(x[i]) * x[i];
    }
    total += block;
  }
  return total;
}

}  // namespace l4r::L4R_LEVEL
