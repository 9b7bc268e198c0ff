#include "ops/softmax/softmax.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/status.h"
#include "ops/gradient.h"
#include "ops/matmul/matmul.h"
#include "ops/softmax/score_rows.h"
#include "ops/take/take.h"

namespace l4r {

namespace {

struct SoftmaxInputs {
  Handle states, table;
  const float *states_slope, *table_slope;  // d loss / d each, for a gradient of 1; null where none is wanted
};

void softmax_backward(Tape& tape, const Tape::Node& node, const SoftmaxInputs& inputs) {
  add_to_gradient(tape, inputs.states, node.gradient[0], inputs.states_slope);
  add_to_gradient(tape, inputs.table, node.gradient[0], inputs.table_slope);
}

// weights: null, or [rows] with mean 1.
Handle mean_loss(Tape& tape, Handle states, Handle table, const std::int32_t* targets, const float* weights) {
  const auto [rows, d] = tape.shape(states);
  const std::int64_t items = tape.shape(table).rows, step = score_rows(rows, items);
  const float *from = tape.node(states).value, *to = tape.node(table).value;
  float* scores = tape.allocate<float>(step * items);
  float* states_slope = tape.wants_gradient(states) ? tape.allocate<float>(rows * d) : nullptr;
  float* table_slope = tape.wants_gradient(table) ? tape.allocate<float>(items * d) : nullptr;
  double* parts = tape.allocate<double>(part_count(step, kScoreCost * items));
  const OpKernels& kernels = tape.kernels();
  const float share = 1.0f / static_cast<float>(rows);
  double total = 0;
  for (std::int64_t first = 0; first < rows; first += step) {
    const std::int64_t count = std::min(step, rows - first);
    const float* part = from + first * d;
    gemm(kernels, false, true, count, items, d, part, to, scores, false);
    total += sum_rows(count, kScoreCost * items, parts, [&](std::int64_t begin, std::int64_t end) {
      const std::int64_t row = first + begin;
      return kernels.softmax_rows(end - begin, items, share, weights == nullptr ? nullptr : weights + row,
                                  targets + row, scores + begin * items);
    });
    if (states_slope != nullptr)
      gemm(kernels, false, false, count, d, items, scores, to, states_slope + first * d, false);
    if (table_slope != nullptr)
      gemm(kernels, true, false, items, d, count, scores, part, table_slope, first > 0);
  }
  float* loss = tape.allocate<float>(1);
  *loss = static_cast<float>(total / static_cast<double>(rows));
  return tape.push<softmax_backward>({1, 1}, loss, SoftmaxInputs{states, table, states_slope, table_slope});
}

double checked_sum(std::span<const float> weights, std::int64_t rows) {
  require(static_cast<std::int64_t>(weights.size()) == rows, "softmax_loss: weights: expected ", rows,
          ", one a row, got ", weights.size());
  double total = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    require(std::isfinite(weights[i]) && weights[i] >= 0, "softmax_loss: weights[", i,
            "]: expected a finite number of 0 or more, got ", weights[i]);
    total += weights[i];
  }
  require(total > 0, "softmax_loss: weights: expected one above 0, got none");
  return total;
}

}  // namespace

Handle softmax_loss(Tape& tape, Handle states, Handle table, std::span<const std::int32_t> targets,
                    std::optional<std::span<const float>> given) {
  const Shape shape = tape.shape(states);
  require(shape.rows > 0, "softmax_loss: expected at least one row of states");
  check_scores("softmax_loss", shape, tape.shape(table), targets);
  if (!given) return mean_loss(tape, states, table, targets.data(), nullptr);

  // Only the rows that count: they alone are scored.
  const std::span<const float> weights = *given;
  const double total = checked_sum(weights, shape.rows);
  std::vector<std::int32_t> rows, their_targets;
  for (std::int64_t i = 0; i < shape.rows; ++i)
    if (const auto at = static_cast<std::size_t>(i); weights[at] > 0) {
      rows.push_back(static_cast<std::int32_t>(i));
      their_targets.push_back(targets[at]);
    }
  const auto count = static_cast<double>(rows.size());
  std::vector<float> relative;  // to their mean
  relative.reserve(rows.size());
  for (const std::int32_t row : rows)
    relative.push_back(static_cast<float>(weights[static_cast<std::size_t>(row)] * count / total));
  if (rows.size() < targets.size()) states = take(tape, states, rows);
  return mean_loss(tape, states, table, their_targets.data(), relative.data());
}

}  // namespace l4r
