#include "base/simd_loop.h"
#include "ops/kernels.h"
#include "ops/linear/activation.h"

namespace l4r::L4R_LEVEL {

FinishLinear finish_linear;
LinearSlope linear_slope;

namespace {

// 2 sqrt(2 / pi) and 0.044715 of it: twice the argument of tanh is x (kLinear + kCubic x^2).
constexpr float kLinear = 1.5957691216f;
constexpr float kCubic = 0.0713548163f;

// gelu(x) = x sigmoid(z), z = x (kLinear + kCubic x^2), for (1 + tanh(z / 2)) / 2 = sigmoid(z).
inline F32 gelu(F32 x, F32& slope) {
  const F32 one = F32::broadcast(1.0f);
  // Beyond 16 the sigmoid is 0 or 1 in float32; x^2 must not overflow. NaN stays NaN.
  const F32 near = min(F32::broadcast(16.0f), max(F32::broadcast(-16.0f), x));
  const F32 square = near * near;
  const F32 cubic = F32::broadcast(kCubic) * square;
  const F32 gate = one / (one + exp(zero() - near * (F32::broadcast(kLinear) + cubic)));
  const F32 y = x * gate;
  slope = fma(y * (one - gate), fma(F32::broadcast(3.0f), cubic, F32::broadcast(kLinear)), gate);
  return y;
}

}  // namespace

void finish_linear(std::int64_t rows, std::int64_t cols, std::int64_t stride, const float* bias,
                   Activation activation, float* y, float* slope) {
  for (std::int64_t row = 0; row < rows; ++row, y += stride, slope += slope == nullptr ? 0 : stride)
    switch (activation) {
      case Activation::none:
        for_vectors(cols, [&](std::int64_t c, auto lanes) {
          store(load(y + c, lanes) + load(bias + c, lanes), y + c, lanes);
        });
        break;
      case Activation::relu:
        for_vectors(cols, [&](std::int64_t c, auto lanes) {
          store(max(zero(), load(y + c, lanes) + load(bias + c, lanes)), y + c, lanes);
        });
        break;
      case Activation::gelu:
        for_vectors(cols, [&](std::int64_t c, auto lanes) {
          F32 derivative;
          store(gelu(load(y + c, lanes) + load(bias + c, lanes), derivative), y + c, lanes);
          store(derivative, slope + c, lanes);
        });
        break;
    }
}

void linear_slope(std::int64_t rows, std::int64_t cols, Activation activation, const float* gradient,
                  const float* saved, float* out, float* sums) {
  for_vectors(cols, [&](std::int64_t c, auto lanes) { store(zero(), sums + c, lanes); });
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t at = row * cols;
    for_vectors(cols, [&](std::int64_t c, auto lanes) {
      F32 g = load(gradient + at + c, lanes);
      if (activation != Activation::none) {
        const F32 s = load(saved + at + c, lanes);
        g = activation == Activation::relu ? where_positive(s, g) : g * s;
        store(g, out + at + c, lanes);
      }
      store(load(sums + c, lanes) + g, sums + c, lanes);
    });
  }
}

}  // namespace l4r::L4R_LEVEL
