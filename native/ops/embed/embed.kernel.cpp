#include "base/simd_loop.h"
#include "ops/kernels.h"

namespace l4r::L4R_LEVEL {

EmbedRows embed_rows;

namespace {
constexpr std::int64_t kAhead = 8;  // rows: far enough to hide a miss, near enough to stay in L1
constexpr std::int64_t kLine = 16;  // floats in a cache line
}  // namespace

void embed_rows(std::int64_t n, std::int64_t cols, const float* table, const std::int32_t* rows, float scale,
                const float* positions, const std::int32_t* places, float* out) {
  const F32 factor = F32::broadcast(scale);
  for (std::int64_t i = 0; i < n; ++i, out += cols) {
    if (i + kAhead < n) {
      const float* next = table + rows[i + kAhead] * cols;
      for (std::int64_t c = 0; c < cols; c += kLine) __builtin_prefetch(next + c);
    }
    const float* item = table + rows[i] * cols;
    const float* place = positions + places[i] * cols;
    for_vectors(cols, [&](std::int64_t c, auto lanes) {
      store(fma(factor, load(item + c, lanes), load(place + c, lanes)), out + c, lanes);
    });
  }
}

}  // namespace l4r::L4R_LEVEL
