#include "base/simd.h"
#include "ops/kernels.h"

namespace l4r::L4R_LEVEL {

GatherRows gather_rows;

namespace {
constexpr std::int64_t kAhead = 8;  // rows: far enough to hide a miss, near enough to stay in L1
constexpr std::int64_t kLine = 16;  // floats in a cache line
}  // namespace

void gather_rows(std::int64_t n, std::int64_t cols, const float* table, const std::int32_t* rows,
                 float* out) {
  for (std::int64_t i = 0; i < n; ++i, out += cols) {
    if (i + kAhead < n) {
      const float* next = table + rows[i + kAhead] * cols;
      for (std::int64_t c = 0; c < cols; c += kLine) __builtin_prefetch(next + c);
    }
    const float* from = table + rows[i] * cols;
    std::int64_t c = 0;
    for (; c + F32::width <= cols; c += F32::width) F32::load(from + c).store(out + c);
    for (; c < cols; ++c) out[c] = from[c];
  }
}

}  // namespace l4r::L4R_LEVEL
