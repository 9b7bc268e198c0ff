#include "base/simd.h"
#include "ops/kernels.h"
#include "ops/softplus.h"

namespace l4r::L4R_LEVEL {

BprLoss bpr_loss;

double bpr_loss(std::int64_t n, const float* positive, const float* negative, float* slope) {
  double total = 0;
  for (std::int64_t i = 0; i < n; i += F32::width) {
    const int lanes = static_cast<int>(n - i < F32::width ? n - i : F32::width);
    const F32 x = F32::load(negative + i, lanes) - F32::load(positive + i, lanes);
    const Softplus loss = softplus(x);
    (zero() - loss.slope).store(slope + i, lanes);
    float losses[F32::width];
    loss.value.store(losses);
    for (int lane = 0; lane < lanes; ++lane) total += losses[lane];
  }
  return total;
}

}  // namespace l4r::L4R_LEVEL
