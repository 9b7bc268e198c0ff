#include "base/simd_loop.h"
#include "ops/kernels.h"

namespace l4r::L4R_LEVEL {

Cross cross;
CrossBackward cross_backward;
RowDot row_dot;

void cross(std::int64_t rows, std::int64_t cols, const float* first, const float* x, const float* weight,
           const float* bias, float* out, float* dots) {
  for (std::int64_t row = 0; row < rows; ++row, first += cols, x += cols, out += cols) {
    row_dot(1, cols, x, weight, dots + row);
    const F32 dot = F32::broadcast(dots[row]);
    for_vectors(cols, [&](std::int64_t c, auto lanes) {
      store(fma(load(first + c, lanes), dot, load(bias + c, lanes) + load(x + c, lanes)), out + c, lanes);
    });
  }
}

void cross_backward(std::int64_t rows, std::int64_t cols, const float* first, const float* x,
                    const float* weight, const float* dots, const float* gradient, const TwoTargets& to,
                    float* sums) {
  for (std::int64_t c = 0; c < 2 * cols; ++c) sums[c] = 0;
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t at = row * cols;
    float along = 0;
    row_dot(1, cols, gradient + at, first + at, &along);
    const F32 slope = F32::broadcast(along), dot = F32::broadcast(dots[row]);
    for_vectors(cols, [&](std::int64_t c, auto lanes) {
      const F32 g = load(gradient + at + c, lanes);
      float *to_first = to.first + at + c, *to_x = to.second + at + c;
      store(to.add_first ? fma(dot, g, load(to_first, lanes)) : dot * g, to_first, lanes);
      const F32 through = fma(slope, load(weight + c, lanes), g);
      store(to.add_second ? load(to_x, lanes) + through : through, to_x, lanes);
      store(fma(slope, load(x + at + c, lanes), load(sums + c, lanes)), sums + c, lanes);
      store(load(sums + cols + c, lanes) + g, sums + cols + c, lanes);
    });
  }
}

}  // namespace l4r::L4R_LEVEL
