#include "base/simd.h"
#include "ops/kernels.h"

namespace l4r::L4R_LEVEL {

BprLoss bpr_loss;

double bpr_loss(std::int64_t n, const float* positive, const float* negative, float* slope) {
  const F32 one = F32::broadcast(1.0f);
  double total = 0;
  for (std::int64_t i = 0; i < n; i += F32::width) {
    const int lanes = static_cast<int>(n - i < F32::width ? n - i : F32::width);
    // softplus(x) = max(0, x) + log(1 + e^-|x|); sigmoid(x) = e^min(0, x) / (1 + e^-|x|). NaN stays NaN: min
    // and max return their second operand then.
    const F32 x = F32::load(negative + i, lanes) - F32::load(positive + i, lanes);
    const F32 decay = exp(zero() - abs(x));
    const F32 loss = max(zero(), x) + log1p_unit(decay);
    (zero() - exp(min(zero(), x)) / (one + decay)).store(slope + i, lanes);
    float losses[F32::width];
    loss.store(losses);
    for (int lane = 0; lane < lanes; ++lane) total += losses[lane];
  }
  return total;
}

}  // namespace l4r::L4R_LEVEL
