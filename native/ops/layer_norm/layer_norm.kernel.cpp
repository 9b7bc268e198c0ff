#include "base/simd_loop.h"
#include "ops/kernels.h"

namespace l4r::L4R_LEVEL {

LayerNorm layer_norm;
LayerNormBackward layer_norm_backward;

namespace {

constexpr int kTogether = 4;  // rows at a time: a row alone would wait for its sums and its root

template <int kRows>
void forward(std::int64_t cols, const float* x, const float* gain, const float* bias, float epsilon,
             float* out, float* statistics) {
  const float share = 1.0f / static_cast<float>(cols);
  F32 sums[kRows], mean[kRows], scale[kRows];
  for (F32& s : sums) s = zero();
  for_vectors(cols, [&](std::int64_t c, auto lanes) {
    for (int r = 0; r < kRows; ++r) sums[r] = sums[r] + load(x + r * cols + c, lanes);
  });
  for (int r = 0; r < kRows; ++r) {
    statistics[2 * r] = sum(sums[r]) * share;
    mean[r] = F32::broadcast(statistics[2 * r]);
    sums[r] = zero();
  }
  for_vectors(cols, [&](std::int64_t c, auto lanes) {
    for (int r = 0; r < kRows; ++r) {
      const F32 centred = inside(load(x + r * cols + c, lanes) - mean[r], lanes);
      sums[r] = fma(centred, centred, sums[r]);
    }
  });
  for (int r = 0; r < kRows; ++r) {
    scale[r] = F32::broadcast(1.0f) / sqrt(F32::broadcast(sum(sums[r]) * share + epsilon));
    statistics[2 * r + 1] = sum(inside(scale[r], 1));
  }
  for_vectors(cols, [&](std::int64_t c, auto lanes) {
    const F32 g = load(gain + c, lanes), b = load(bias + c, lanes);
    for (int r = 0; r < kRows; ++r)
      store(fma(g, (load(x + r * cols + c, lanes) - mean[r]) * scale[r], b), out + r * cols + c, lanes);
  });
}

template <int kRows>
void backward(std::int64_t cols, const float* x, const float* gain, const float* statistics,
              const float* gradient, float* to, bool accumulate, float* sums) {
  const float share = 1.0f / static_cast<float>(cols);
  F32 mean[kRows], scale[kRows], plain[kRows], weighted[kRows];
  for (int r = 0; r < kRows; ++r) {
    mean[r] = F32::broadcast(statistics[2 * r]);
    scale[r] = F32::broadcast(statistics[2 * r + 1]);
    plain[r] = weighted[r] = zero();
  }
  for_vectors(cols, [&](std::int64_t c, auto lanes) {
    const F32 factor = load(gain + c, lanes);
    F32 gain_sum = load(sums + c, lanes), bias_sum = load(sums + cols + c, lanes);
    for (int r = 0; r < kRows; ++r) {
      const F32 g = load(gradient + r * cols + c, lanes);
      const F32 normal = inside((load(x + r * cols + c, lanes) - mean[r]) * scale[r], lanes);
      const F32 inner = g * factor;
      plain[r] = plain[r] + inner;
      weighted[r] = fma(inner, normal, weighted[r]);
      gain_sum = fma(g, normal, gain_sum);
      bias_sum = bias_sum + g;
    }
    store(gain_sum, sums + c, lanes);
    store(bias_sum, sums + cols + c, lanes);
  });
  for (int r = 0; r < kRows; ++r) {
    plain[r] = F32::broadcast(sum(plain[r]) * share);
    weighted[r] = F32::broadcast(sum(weighted[r]) * share);
  }
  for_vectors(cols, [&](std::int64_t c, auto lanes) {
    const F32 factor = load(gain + c, lanes);
    for (int r = 0; r < kRows; ++r) {
      const std::int64_t at = r * cols + c;
      const F32 normal = (load(x + at, lanes) - mean[r]) * scale[r];
      const F32 inner = load(gradient + at, lanes) * factor - plain[r] - normal * weighted[r];
      store(accumulate ? fma(scale[r], inner, load(to + at, lanes)) : scale[r] * inner, to + at, lanes);
    }
  });
}

}  // namespace

void layer_norm(std::int64_t rows, std::int64_t cols, const float* x, const float* gain, const float* bias,
                float epsilon, float* out, float* statistics) {
  std::int64_t row = 0;
  for (; row + kTogether <= rows; row += kTogether)
    forward<kTogether>(cols, x + row * cols, gain, bias, epsilon, out + row * cols, statistics + 2 * row);
  for (; row < rows; ++row)
    forward<1>(cols, x + row * cols, gain, bias, epsilon, out + row * cols, statistics + 2 * row);
}

void layer_norm_backward(std::int64_t rows, std::int64_t cols, const float* x, const float* gain,
                         const float* statistics, const float* gradient, float* to, bool accumulate,
                         float* sums) {
  for_vectors(2 * cols, [&](std::int64_t c, auto lanes) { store(zero(), sums + c, lanes); });
  std::int64_t row = 0;
  for (; row + kTogether <= rows; row += kTogether)
    backward<kTogether>(cols, x + row * cols, gain, statistics + 2 * row, gradient + row * cols,
                        to + row * cols, accumulate, sums);
  for (; row < rows; ++row)
    backward<1>(cols, x + row * cols, gain, statistics + 2 * row, gradient + row * cols, to + row * cols,
                accumulate, sums);
}

}  // namespace l4r::L4R_LEVEL
