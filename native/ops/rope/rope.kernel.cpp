#include "base/simd_loop.h"
#include "ops/kernels.h"

namespace l4r::L4R_LEVEL {

TurnPairs turn_pairs;

namespace {

// Plain code, which every level's compiler turns into vectors: no sum is involved, so no bits depend on it.
template <bool kAccumulate>
inline void turn(std::int64_t n, const float* __restrict x, const float* __restrict turns, float sign,
                 float* __restrict out) {
  for (std::int64_t c = 0; c < n; c += 2) {
    const float cosine = turns[c], sine = sign * turns[c + 1];
    const float even = x[c] * cosine - x[c + 1] * sine, odd = x[c] * sine + x[c + 1] * cosine;
    out[c] = kAccumulate ? out[c] + even : even;
    out[c + 1] = kAccumulate ? out[c + 1] + odd : odd;
  }
}

}  // namespace

void turn_pairs(std::int64_t n, std::int64_t cols, std::int64_t turned, std::int64_t width, const float* x,
                const float* turns, const std::int32_t* places, float sign, float* out, bool accumulate) {
  for (std::int64_t i = 0; i < n; ++i, x += cols, out += cols) {
    const float* own = turns + places[i] * width;
    for (std::int64_t c = 0; c < turned; c += width)
      if (accumulate)
        turn<true>(width, x + c, own, sign, out + c);
      else
        turn<false>(width, x + c, own, sign, out + c);
    for_vectors(cols - turned, [&](std::int64_t c, auto lanes) {
      const F32 rest = load(x + turned + c, lanes);
      store(accumulate ? rest + load(out + turned + c, lanes) : rest, out + turned + c, lanes);
    });
  }
}

}  // namespace l4r::L4R_LEVEL
