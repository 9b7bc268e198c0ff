// Sums over the rows of a matrix, as gradients of biases and gains need them: chunks of rows side by side,
// each with sums of its own, which are then added in order.
#pragma once

#include <algorithm>
#include <cstdint>

#include "autograd/tape.h"
#include "ops/parallel.h"

namespace l4r {

// Rows of a chunk. At most 512: sums in float32 stay as exact as a product of that depth.
inline std::int64_t column_grain(std::int64_t cols) { return std::min<std::int64_t>(512, row_grain(cols)); }

inline std::int64_t column_chunks(std::int64_t rows, std::int64_t cols) {
  return (rows + column_grain(cols) - 1) / column_grain(cols);
}

// body(begin, end, chunk) over ranges of rows.
template <typename Body>
void for_column_chunks(std::int64_t rows, std::int64_t cols, Body&& body) {
  const std::int64_t grain = column_grain(cols);
  ThreadPool::shared().for_ranges(
      rows, grain, [&](std::int64_t begin, std::int64_t end) { body(begin, end, begin / grain); });
}

// Adds the sums of all chunks to the gradient of x [1 x cols]; those of chunk i begin at sums[i * stride].
inline void add_column_sums(Tape& tape, Handle x, std::int64_t chunks, const float* sums,
                            std::int64_t stride) {
  if (!tape.wants_gradient(x)) return;
  const std::int64_t cols = tape.shape(x).cols;
  const auto [to, accumulate] = tape.target(x);
  if (chunks == 0 && !accumulate) std::fill_n(to, cols, 0.0f);
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk)
    tape.kernels().scale_add(cols, 1.0f, sums + chunk * stride, to, accumulate || chunk > 0);
}

}  // namespace l4r
