#include "base/simd_loop.h"
#include "ops/kernels.h"

namespace l4r::L4R_LEVEL {

BiInteraction bi_interaction;
BiInteractionBackward bi_interaction_backward;
PairProducts pair_products;
PairProductsBackward pair_products_backward;

void bi_interaction(std::int64_t rows, std::int64_t fields, std::int64_t width, const float* x, float* out) {
  for (std::int64_t row = 0; row < rows; ++row, x += fields * width, out += width)
    for_vectors(width, [&](std::int64_t c, auto lanes) {
      F32 total = zero(), squares = zero();
      for (std::int64_t f = 0; f < fields; ++f) {
        const F32 v = load(x + f * width + c, lanes);
        total = total + v;
        squares = fma(v, v, squares);
      }
      store(F32::broadcast(0.5f) * (total * total - squares), out + c, lanes);
    });
}

void bi_interaction_backward(std::int64_t rows, std::int64_t fields, std::int64_t width, const float* x,
                             const float* gradient, float* to, bool accumulate) {
  for (std::int64_t row = 0; row < rows; ++row, x += fields * width, to += fields * width, gradient += width)
    for_vectors(width, [&](std::int64_t c, auto lanes) {
      F32 total = zero();
      for (std::int64_t f = 0; f < fields; ++f) total = total + load(x + f * width + c, lanes);
      const F32 g = load(gradient + c, lanes);
      for (std::int64_t f = 0; f < fields; ++f) {
        const F32 slope = g * (total - load(x + f * width + c, lanes));
        float* at = to + f * width + c;
        store(accumulate ? load(at, lanes) + slope : slope, at, lanes);
      }
    });
}

void pair_products(std::int64_t rows, std::int64_t fields, std::int64_t width, const float* x, float* out) {
  for (std::int64_t row = 0; row < rows; ++row, x += fields * width)
    for (std::int64_t f = 0; f < fields; ++f)
      for (std::int64_t g = f + 1; g < fields; ++g, out += width)
        for_vectors(width, [&](std::int64_t c, auto lanes) {
          store(load(x + f * width + c, lanes) * load(x + g * width + c, lanes), out + c, lanes);
        });
}

void pair_products_backward(std::int64_t rows, std::int64_t fields, std::int64_t width, const float* x,
                            const float* gradient, float* to, bool accumulate) {
  const std::int64_t pairs = fields * (fields - 1) / 2;
  for (std::int64_t row = 0; row < rows;
       ++row, x += fields * width, to += fields * width, gradient += pairs * width)
    for (std::int64_t f = 0; f < fields; ++f)
      for_vectors(width, [&](std::int64_t c, auto lanes) {
        float* at = to + f * width + c;
        F32 slope = accumulate ? load(at, lanes) : zero();
        // Pair (g, f) is number g (2 F - g - 1) / 2 + f - g - 1.
        for (std::int64_t g = 0; g < fields; ++g) {
          if (g == f) continue;
          const std::int64_t low = g < f ? g : f, high = g < f ? f : g;
          const std::int64_t pair = low * (2 * fields - low - 1) / 2 + high - low - 1;
          slope = fma(load(gradient + pair * width + c, lanes), load(x + g * width + c, lanes), slope);
        }
        store(slope, at, lanes);
      });
}

}  // namespace l4r::L4R_LEVEL
