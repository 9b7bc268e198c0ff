#include "base/simd_loop.h"
#include "ops/kernels.h"

namespace l4r::L4R_LEVEL {

Add add;
Multiply multiply;
Relu relu;
ReluSlope relu_slope;
ScaleAdd scale_add;

void add(std::int64_t n, const float* a, const float* b, float* out) {
  std::int64_t i = 0;
  for (; i + F32::width <= n; i += F32::width) (F32::load(a + i) + F32::load(b + i)).store(out + i);
  for (; i < n; ++i) out[i] = a[i] + b[i];
}

void multiply(std::int64_t n, const float* a, const float* b, float* out, bool accumulate) {
  for_vectors(n, [&](std::int64_t i, auto lanes) {
    const F32 x = load(a + i, lanes), y = load(b + i, lanes);
    store(accumulate ? fma(x, y, load(out + i, lanes)) : x * y, out + i, lanes);
  });
}

void relu(std::int64_t n, const float* x, float* out) {
  // max gives its second operand for NaN, which stays NaN.
  for_vectors(n, [&](std::int64_t i, auto lanes) { store(max(zero(), load(x + i, lanes)), out + i, lanes); });
}

void relu_slope(std::int64_t n, const float* y, const float* gradient, float* to, bool accumulate) {
  for_vectors(n, [&](std::int64_t i, auto lanes) {
    const F32 g = where_positive(load(y + i, lanes), load(gradient + i, lanes));
    store(accumulate ? load(to + i, lanes) + g : g, to + i, lanes);
  });
}

void scale_add(std::int64_t n, float s, const float* x, float* out, bool accumulate) {
  const F32 factor = F32::broadcast(s);
  std::int64_t i = 0;
  if (accumulate) {
    for (; i + F32::width <= n; i += F32::width)
      fma(factor, F32::load(x + i), F32::load(out + i)).store(out + i);
    if (const int tail = static_cast<int>(n - i); tail > 0)
      fma(factor, F32::load(x + i, tail), F32::load(out + i, tail)).store(out + i, tail);
  } else {
    for (; i + F32::width <= n; i += F32::width) (factor * F32::load(x + i)).store(out + i);
    for (; i < n; ++i) out[i] = s * x[i];
  }
}

}  // namespace l4r::L4R_LEVEL
