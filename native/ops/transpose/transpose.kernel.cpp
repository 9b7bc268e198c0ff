#include "base/simd.h"
#include "ops/kernels.h"

namespace l4r::L4R_LEVEL {

TransposeBlocks transpose_blocks;

void transpose_blocks(std::int64_t blocks, std::int64_t rows, std::int64_t cols, const float* x, float* out,
                      bool accumulate) {
  const std::int64_t size = rows * cols;
  for (std::int64_t block = 0; block < blocks; ++block, x += size, out += size)
    for (std::int64_t c = 0; c < cols; ++c)
      for (std::int64_t r = 0; r < rows; ++r) {
        float& to = out[c * rows + r];
        to = accumulate ? to + x[r * cols + c] : x[r * cols + c];
      }
}

}  // namespace l4r::L4R_LEVEL
