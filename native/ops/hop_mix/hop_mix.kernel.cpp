#include "base/simd_loop.h"
#include "ops/kernels.h"

namespace l4r::L4R_LEVEL {

BestRow best_row;

std::int64_t best_row(std::int64_t n, std::int64_t cols, const float* table, const std::int32_t* rows,
                      const float* query) {
  constexpr std::int64_t kLine = 16, kAhead = 4;
  std::int64_t best = 0;
  float most = -__builtin_inff();
  for (std::int64_t j = 0; j < n; ++j) {
    if (j + kAhead < n)
      for (std::int64_t c = 0; c < cols; c += kLine) __builtin_prefetch(table + rows[j + kAhead] * cols + c);
    const float* row = table + rows[j] * cols;
    F32 products = zero();
    for_vectors(cols, [&](std::int64_t c, auto lanes) {
      products = fma(load(query + c, lanes), load(row + c, lanes), products);
    });
    const float product = sum(products);
    if (product > most) {
      most = product;
      best = j;
    }
  }
  return best;
}

}  // namespace l4r::L4R_LEVEL
