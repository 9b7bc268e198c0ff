#include "base/simd_loop.h"
#include "ops/kernels.h"

namespace l4r::L4R_LEVEL {

RmsNorm rms_norm;
RmsNormBackward rms_norm_backward;

namespace {

constexpr int kTogether = 4;  // rows at a time: a row alone would wait for its sum and its root

template <int kRows>
void forward(std::int64_t cols, const float* x, const float* gain, float epsilon, float* out, float* scales) {
  const float share = 1.0f / static_cast<float>(cols);
  F32 squares[kRows], scale[kRows];
  for (F32& s : squares) s = zero();
  for_vectors(cols, [&](std::int64_t c, auto lanes) {
    for (int r = 0; r < kRows; ++r) {
      const F32 value = load(x + r * cols + c, lanes);
      squares[r] = fma(value, value, squares[r]);
    }
  });
  for (int r = 0; r < kRows; ++r) {
    scale[r] = F32::broadcast(1.0f) / sqrt(F32::broadcast(sum(squares[r]) * share + epsilon));
    scale[r].store(scales + r, 1);
  }
  for_vectors(cols, [&](std::int64_t c, auto lanes) {
    const F32 g = load(gain + c, lanes);
    for (int r = 0; r < kRows; ++r)
      store(g * (load(x + r * cols + c, lanes) * scale[r]), out + r * cols + c, lanes);
  });
}

template <int kRows>
void backward(std::int64_t cols, const float* x, const float* gain, const float* scales,
              const float* gradient, float* to, bool accumulate, float* sums) {
  const float share = 1.0f / static_cast<float>(cols);
  F32 scale[kRows], along[kRows];
  for (int r = 0; r < kRows; ++r) {
    scale[r] = F32::broadcast(scales[r]);
    along[r] = zero();
  }
  for_vectors(cols, [&](std::int64_t c, auto lanes) {
    const F32 factor = load(gain + c, lanes);
    F32 gain_sum = sums == nullptr ? zero() : load(sums + c, lanes);
    for (int r = 0; r < kRows; ++r) {
      const F32 g = load(gradient + r * cols + c, lanes);
      const F32 normal = load(x + r * cols + c, lanes) * scale[r];
      along[r] = fma(g * factor, normal, along[r]);
      gain_sum = fma(g, normal, gain_sum);
    }
    if (sums != nullptr) store(gain_sum, sums + c, lanes);
  });
  for (F32& a : along) a = F32::broadcast(sum(a) * share);
  for_vectors(cols, [&](std::int64_t c, auto lanes) {
    const F32 factor = load(gain + c, lanes);
    for (int r = 0; r < kRows; ++r) {
      const std::int64_t at = r * cols + c;
      const F32 normal = load(x + at, lanes) * scale[r];
      const F32 inner = load(gradient + at, lanes) * factor - normal * along[r];
      store(accumulate ? fma(scale[r], inner, load(to + at, lanes)) : scale[r] * inner, to + at, lanes);
    }
  });
}

}  // namespace

void rms_norm(std::int64_t rows, std::int64_t cols, const float* x, const float* gain, float epsilon,
              float* out, float* scales) {
  std::int64_t row = 0;
  for (; row + kTogether <= rows; row += kTogether)
    forward<kTogether>(cols, x + row * cols, gain, epsilon, out + row * cols, scales + row);
  for (; row < rows; ++row) forward<1>(cols, x + row * cols, gain, epsilon, out + row * cols, scales + row);
}

void rms_norm_backward(std::int64_t rows, std::int64_t cols, const float* x, const float* gain,
                       const float* scales, const float* gradient, float* to, bool accumulate, float* sums) {
  if (sums != nullptr) for_vectors(cols, [&](std::int64_t c, auto lanes) { store(zero(), sums + c, lanes); });
  std::int64_t row = 0;
  for (; row + kTogether <= rows; row += kTogether)
    backward<kTogether>(cols, x + row * cols, gain, scales + row, gradient + row * cols, to + row * cols,
                        accumulate, sums);
  for (; row < rows; ++row)
    backward<1>(cols, x + row * cols, gain, scales + row, gradient + row * cols, to + row * cols, accumulate,
                sums);
}

}  // namespace l4r::L4R_LEVEL
