#include "ops/softmax/softmax.h"

#include <algorithm>

#include "base/status.h"
#include "ops/gradient.h"
#include "ops/matmul/matmul.h"

namespace l4r {

namespace {

// Rows at a time: about this many scores, 1 MB, near the size of an L2 cache; but never so few that packing
// the table for them would cost more than the products.
constexpr std::int64_t kScores = std::int64_t{1} << 18;
constexpr std::int64_t kFewestRows = 144;
// Cost of a score in streamed elements: an exponential, three passes.
constexpr std::int64_t kScoreCost = 4;

struct SoftmaxInputs {
  Handle states, table;
  const float *states_slope, *table_slope;  // d loss / d each, for a gradient of 1
};

void softmax_backward(Tape& tape, const Tape::Node& node, const SoftmaxInputs& inputs) {
  add_to_gradient(tape, inputs.states, node.gradient[0], inputs.states_slope);
  add_to_gradient(tape, inputs.table, node.gradient[0], inputs.table_slope);
}

}  // namespace

Handle softmax_loss(Tape& tape, Handle states, Handle table, std::span<const std::int32_t> targets) {
  const auto [rows, d] = tape.shape(states);
  const Shape items = tape.shape(table);
  require(d == items.cols, "softmax_loss: expected states and table of equal width, got ", rows, " x ", d,
          " and ", items.rows, " x ", items.cols);
  require(rows > 0, "softmax_loss: expected at least one row of states");
  require(static_cast<std::int64_t>(targets.size()) == rows, "softmax_loss: targets: expected ", rows,
          ", one a row, got ", targets.size());
  for (std::size_t i = 0; i < targets.size(); ++i)
    require(targets[i] >= 0 && targets[i] < items.rows, "softmax_loss: targets[", i,
            "]: expected a row of the table in 0..", items.rows - 1, ", got ", targets[i]);

  const std::int64_t step = std::min(rows, std::max(kFewestRows, kScores / items.rows));
  const float *from = tape.node(states).value, *to = tape.node(table).value;
  float* scores = tape.allocate<float>(step * items.rows);
  float* states_slope = tape.allocate<float>(rows * d);
  float* table_slope = tape.allocate<float>(items.size());
  double* parts = tape.allocate<double>(part_count(step, kScoreCost * items.rows));
  const OpKernels& kernels = tape.kernels();
  const float share = 1.0f / static_cast<float>(rows);
  double total = 0;
  for (std::int64_t first = 0; first < rows; first += step) {
    const std::int64_t count = std::min(step, rows - first);
    const float* part = from + first * d;
    gemm(kernels, false, true, count, items.rows, d, part, to, scores, false);
    total += sum_rows(count, kScoreCost * items.rows, parts, [&](std::int64_t begin, std::int64_t end) {
      return kernels.softmax_rows(end - begin, items.rows, share, targets.data() + first + begin,
                                  scores + begin * items.rows);
    });
    gemm(kernels, false, false, count, d, items.rows, scores, to, states_slope + first * d, false);
    gemm(kernels, true, false, items.rows, d, count, scores, part, table_slope, first > 0);
  }
  float* loss = tape.allocate<float>(1);
  *loss = static_cast<float>(total / static_cast<double>(rows));
  return tape.push<softmax_backward>({1, 1}, loss, SoftmaxInputs{states, table, states_slope, table_slope});
}

}  // namespace l4r
