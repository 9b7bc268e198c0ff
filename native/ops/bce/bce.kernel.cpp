#include "base/simd_loop.h"
#include "ops/kernels.h"
#include "ops/softplus.h"

namespace l4r::L4R_LEVEL {

BceLoss bce_loss;

double bce_loss(std::int64_t n, float sign, const float* x, float* slope) {
  const F32 signs = F32::broadcast(sign);
  double total = 0;
  for_vectors(n, [&](std::int64_t i, auto lanes) {
    const Softplus found = softplus(signs * load(x + i, lanes));
    store(signs * found.slope, slope + i, lanes);
    total += sum(inside(found.value, lanes));
  });
  return total;
}

}  // namespace l4r::L4R_LEVEL
