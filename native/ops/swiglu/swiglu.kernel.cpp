#include "base/simd_loop.h"
#include "ops/kernels.h"

namespace l4r::L4R_LEVEL {

Swiglu swiglu;
SwigluBackward swiglu_backward;

namespace {

struct Silu {
  F32 value;  // g sigmoid(g)
  F32 slope;  // sigmoid(g) (1 + g (1 - sigmoid(g)))
};

// Below -88 the sigmoid is 0 but for 1e-38, which a wild g must not make large again, and above 88 it is 1,
// which an infinite g must not make NaN. NaN stays NaN: max and min return their second operand then.
inline Silu silu(F32 g) {
  const F32 one = F32::broadcast(1.0f), bounded = max(F32::broadcast(-88.0f), g);
  const F32 gate = one / (one + exp(zero() - bounded));
  const F32 value = bounded * gate;
  return {value, fma(min(F32::broadcast(88.0f), value), one - gate, gate)};
}

}  // namespace

void swiglu(std::int64_t rows, std::int64_t cols, const float* x, float* out) {
  for (std::int64_t row = 0; row < rows; ++row, x += 2 * cols, out += cols)
    for_vectors(cols, [&](std::int64_t c, auto lanes) {
      store(silu(load(x + c, lanes)).value * load(x + cols + c, lanes), out + c, lanes);
    });
}

void swiglu_backward(std::int64_t rows, std::int64_t cols, const float* x, const float* gradient, float* to,
                     bool accumulate) {
  for (std::int64_t row = 0; row < rows; ++row, x += 2 * cols, to += 2 * cols, gradient += cols)
    for_vectors(cols, [&](std::int64_t c, auto lanes) {
      const Silu gate = silu(load(x + c, lanes));
      const F32 g = load(gradient + c, lanes);
      const F32 to_gate = g * load(x + cols + c, lanes) * gate.slope, to_up = g * gate.value;
      store(accumulate ? load(to + c, lanes) + to_gate : to_gate, to + c, lanes);
      store(accumulate ? load(to + cols + c, lanes) + to_up : to_up, to + cols + c, lanes);
    });
}

}  // namespace l4r::L4R_LEVEL
