#include "base/simd.h"
#include "ops/kernels.h"

namespace l4r::L4R_LEVEL {

RowDot row_dot;
RowScaleAdd row_scale_add;
ScaleAdd scale_add;

void row_dot(std::int64_t n, std::int64_t cols, const float* a, const float* b, float* out) {
  for (std::int64_t i = 0; i < n; ++i, a += cols, b += cols) {
    F32 even = zero(), odd = zero();
    std::int64_t c = 0;
    for (; c + 2 * F32::width <= cols; c += 2 * F32::width) {
      even = fma(F32::load(a + c), F32::load(b + c), even);
      odd = fma(F32::load(a + c + F32::width), F32::load(b + c + F32::width), odd);
    }
    for (; c < cols; c += F32::width) {
      const int lanes = static_cast<int>(cols - c < F32::width ? cols - c : F32::width);
      even = fma(F32::load(a + c, lanes), F32::load(b + c, lanes), even);
    }
    out[i] = sum(even + odd);
  }
}

void row_scale_add(std::int64_t n, std::int64_t cols, const float* scale, const float* x, float* out,
                   bool accumulate) {
  for (std::int64_t i = 0; i < n; ++i) scale_add(cols, scale[i], x + i * cols, out + i * cols, accumulate);
}

}  // namespace l4r::L4R_LEVEL
