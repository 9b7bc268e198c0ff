#include "base/simd_loop.h"
#include "ops/kernels.h"

namespace l4r::L4R_LEVEL {

OuterRows outer_rows;
OuterRowsBackward outer_rows_backward;
RowDot row_dot;
ScaleAdd scale_add;

void outer_rows(std::int64_t rows, std::int64_t m, std::int64_t h, const float* a, const float* b,
                float* out) {
  for (std::int64_t row = 0; row < rows; ++row, a += m, b += h)
    for (std::int64_t i = 0; i < m; ++i, out += h) scale_add(h, a[i], b, out, false);
}

void outer_rows_backward(std::int64_t rows, std::int64_t m, std::int64_t h, const float* a, const float* b,
                         const float* gradient, const TwoTargets& to) {
  float *to_a = to.first, *to_b = to.second;
  for (std::int64_t row = 0; row < rows; ++row, a += m, b += h, to_a += m, to_b += h, gradient += m * h) {
    for (std::int64_t i = 0; i < m; ++i) {
      float dot = 0;
      row_dot(1, h, gradient + i * h, b, &dot);
      to_a[i] = to.add_first ? to_a[i] + dot : dot;
    }
    for_vectors(h, [&](std::int64_t j, auto lanes) {
      F32 slope = to.add_second ? load(to_b + j, lanes) : zero();
      for (std::int64_t i = 0; i < m; ++i)
        slope = fma(F32::broadcast(a[i]), load(gradient + i * h + j, lanes), slope);
      store(slope, to_b + j, lanes);
    });
  }
}

}  // namespace l4r::L4R_LEVEL
