#include "ops/scatter.h"

#include <algorithm>

#include "ops/parallel.h"

namespace l4r {

// Each row of x gathers its entries: a stable counting sort, then the pooling kernel of `bag`.
void add_rows_to_gradient(Tape& tape, Handle x, const RowEntries& entries) {
  const Shape shape = tape.shape(x);
  std::int32_t* offsets = tape.allocate<std::int32_t>(shape.rows + 2);
  std::int32_t* order = tape.allocate<std::int32_t>(entries.count);
  float* scales = tape.allocate<float>(entries.count);
  std::fill_n(offsets, shape.rows + 2, 0);
  // Counted two places up, summed, and moved one place down by the placing itself.
  for (std::int64_t j = 0; j < entries.count; ++j) ++offsets[entries.rows[j] + 2];
  for (std::int64_t row = 2; row <= shape.rows; ++row) offsets[row] += offsets[row - 1];
  for (std::int64_t j = 0; j < entries.count; ++j) {
    const std::int32_t to = offsets[entries.rows[j] + 1]++;
    order[to] = entries.sources == nullptr ? static_cast<std::int32_t>(j) : entries.sources[j];
    scales[to] = entries.scales == nullptr ? 1.0f : entries.scales[j];
  }

  const auto [to, accumulate] = tape.target(x);
  for_rows(shape.rows, 2 * shape.cols,
           [&, to = to, accumulate = accumulate](std::int64_t begin, std::int64_t end) {
             tape.kernels().bag_rows(end - begin, shape.cols, entries.gradient, order, scales,
                                     offsets + begin, to + begin * shape.cols, accumulate);
           });
}

}  // namespace l4r
