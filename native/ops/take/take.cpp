#include "ops/take/take.h"

#include <algorithm>
#include <limits>

#include "base/status.h"
#include "ops/gradient.h"

namespace l4r {

namespace {

struct TakeInputs {
  Handle x;
  const std::int32_t* rows;  // [n]
};

// Each row of x gathers the gradients of its copies, in the order of `rows`: a stable counting sort, then the
// pooling kernel of `bag`.
void take_backward(Tape& tape, const Tape::Node& node, const TakeInputs& inputs) {
  const Shape shape = tape.shape(inputs.x);
  const std::int64_t copies = node.shape.rows;
  std::int32_t* offsets = tape.allocate<std::int32_t>(shape.rows + 2);
  std::int32_t* order = tape.allocate<std::int32_t>(copies);
  float* ones = tape.allocate<float>(copies);
  std::fill_n(offsets, shape.rows + 2, 0);
  std::fill_n(ones, copies, 1.0f);
  // Counted two places up, summed, and moved one place down by the placing itself.
  for (std::int64_t i = 0; i < copies; ++i) ++offsets[inputs.rows[i] + 2];
  for (std::int64_t row = 2; row <= shape.rows; ++row) offsets[row] += offsets[row - 1];
  for (std::int64_t i = 0; i < copies; ++i)
    order[offsets[inputs.rows[i] + 1]++] = static_cast<std::int32_t>(i);

  const auto [to, accumulate] = tape.target(inputs.x);
  float* sums = accumulate ? tape.allocate<float>(shape.size()) : to;
  for_rows(shape.rows, 2 * shape.cols, [&](std::int64_t begin, std::int64_t end) {
    tape.kernels().bag_rows(end - begin, shape.cols, node.gradient, order, ones, offsets + begin,
                            sums + begin * shape.cols);
  });
  if (accumulate) add_to_gradient(tape, inputs.x, 1.0f, sums);
}

}  // namespace

Handle take(Tape& tape, Handle x, std::span<const std::int32_t> rows) {
  const Shape from = tape.shape(x), shape{static_cast<std::int64_t>(rows.size()), from.cols};
  require(rows.size() <= std::numeric_limits<std::int32_t>::max(),
          "take: rows: expected less than 2^31, got ", rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i)
    require(rows[i] >= 0 && rows[i] < from.rows, "take: rows[", i, "]: expected a row in 0..", from.rows - 1,
            ", got ", rows[i]);
  const std::int32_t* kept = tape.copy(rows);
  const float* value = tape.node(x).value;
  float* out = tape.allocate<float>(shape.size());
  for_rows(shape.rows, shape.cols, [&](std::int64_t begin, std::int64_t end) {
    tape.kernels().gather_rows(end - begin, shape.cols, value, kept + begin, out + begin * shape.cols);
  });
  return tape.push<take_backward>(shape, out, TakeInputs{x, kept}, !tape.wants_gradient(x));
}

}  // namespace l4r
