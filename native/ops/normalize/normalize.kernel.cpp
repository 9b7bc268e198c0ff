#include "base/simd_loop.h"
#include "ops/kernels.h"

namespace l4r::L4R_LEVEL {

NormalizeRows normalize_rows;
NormalizeRowsBackward normalize_rows_backward;

void normalize_rows(std::int64_t rows, std::int64_t cols, const float* x, float* out, float* scales) {
  constexpr float kLeast = 1e-12f;
  for (std::int64_t i = 0; i < rows; ++i, x += cols, out += cols) {
    F32 squares = zero();
    for_vectors(cols, [&](std::int64_t c, auto lanes) {
      const F32 v = load(x + c, lanes);
      squares = fma(v, v, squares);
    });
    const float length = __builtin_sqrtf(sum(squares));
    const bool shorter = length < kLeast;  // false for NaN
    const F32 scale = F32::broadcast(1.0f / (shorter ? kLeast : length));
    scales[i] = shorter ? -1.0f / kLeast : 1.0f / length;
    for_vectors(cols, [&](std::int64_t c, auto lanes) { store(scale * load(x + c, lanes), out + c, lanes); });
  }
}

void normalize_rows_backward(std::int64_t rows, std::int64_t cols, const float* result, const float* scales,
                             const float* gradient, float* to, bool accumulate) {
  for (std::int64_t i = 0; i < rows; ++i, result += cols, gradient += cols, to += cols) {
    const bool shorter = scales[i] < 0;
    F32 along = zero();
    if (!shorter)
      for_vectors(cols, [&](std::int64_t c, auto lanes) {
        along = fma(load(gradient + c, lanes), load(result + c, lanes), along);
      });
    const F32 dot = F32::broadcast(sum(along)), scale = F32::broadcast(shorter ? -scales[i] : scales[i]);
    for_vectors(cols, [&](std::int64_t c, auto lanes) {
      const F32 across = load(gradient + c, lanes) - dot * load(result + c, lanes);
      store(accumulate ? fma(scale, across, load(to + c, lanes)) : scale * across, to + c, lanes);
    });
  }
}

}  // namespace l4r::L4R_LEVEL
