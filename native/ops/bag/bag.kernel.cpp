#include "base/simd.h"
#include "ops/kernels.h"

namespace l4r::L4R_LEVEL {

BagRows bag_rows;

namespace {
constexpr int kVectors = 4;  // column block held in registers while the rows of a bag go by
}

void bag_rows(std::int64_t bags, std::int64_t cols, const float* table, const std::int32_t* indices,
              const float* scales, const std::int32_t* offsets, float* out, bool accumulate) {
  for (std::int64_t b = 0; b < bags; ++b, out += cols) {
    if (accumulate && offsets[b] == offsets[b + 1]) continue;
    std::int64_t c = 0;
    for (; c + kVectors * F32::width <= cols; c += kVectors * F32::width) {
      F32 sums[kVectors];
      for (int v = 0; v < kVectors; ++v) sums[v] = accumulate ? F32::load(out + c + v * F32::width) : zero();
      for (std::int32_t j = offsets[b]; j < offsets[b + 1]; ++j) {
        const float* from = table + indices[j] * cols + c;
        const F32 scale = F32::broadcast(scales[j]);
        for (int v = 0; v < kVectors; ++v) sums[v] = fma(scale, F32::load(from + v * F32::width), sums[v]);
      }
      for (int v = 0; v < kVectors; ++v) sums[v].store(out + c + v * F32::width);
    }
    for (; c < cols; c += F32::width) {
      const int lanes = static_cast<int>(cols - c < F32::width ? cols - c : F32::width);
      F32 total = accumulate ? F32::load(out + c, lanes) : zero();
      for (std::int32_t j = offsets[b]; j < offsets[b + 1]; ++j)
        total = fma(F32::broadcast(scales[j]), F32::load(table + indices[j] * cols + c, lanes), total);
      total.store(out + c, lanes);
    }
  }
}

}  // namespace l4r::L4R_LEVEL
