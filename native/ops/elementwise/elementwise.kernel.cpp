#include "base/simd.h"
#include "ops/kernels.h"

namespace l4r::L4R_LEVEL {

Add add;
ScaleAdd scale_add;

void add(std::int64_t n, const float* a, const float* b, float* out) {
  std::int64_t i = 0;
  for (; i + F32::width <= n; i += F32::width) (F32::load(a + i) + F32::load(b + i)).store(out + i);
  for (; i < n; ++i) out[i] = a[i] + b[i];
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
