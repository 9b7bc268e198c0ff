#include "ops/layer_norm/layer_norm.h"

#include <cmath>

#include "base/status.h"
#include "ops/column_sums.h"

namespace l4r {

namespace {

struct LayerNormInputs {
  Handle x, gain, bias;
  const float* statistics;  // [n x 2] mean and 1 / sqrt(variance + epsilon) of each row
};

void layer_norm_backward(Tape& tape, const Tape::Node& node, const LayerNormInputs& inputs) {
  const auto [rows, cols] = node.shape;
  const float *x = tape.node(inputs.x).value, *gain = tape.node(inputs.gain).value;
  const std::int64_t chunks = column_chunks(rows, cols);
  float* sums = tape.allocate<float>(chunks * 2 * cols);  // of each chunk: gain, then bias
  const Tape::Target target = tape.target(inputs.x);
  for_column_chunks(rows, cols, [&, cols = cols](std::int64_t begin, std::int64_t end, std::int64_t chunk) {
    const std::int64_t at = begin * cols;
    tape.kernels().layer_norm_backward(end - begin, cols, x + at, gain, inputs.statistics + 2 * begin,
                                       node.gradient + at, target.gradient + at, target.accumulate,
                                       sums + chunk * 2 * cols);
  });
  add_column_sums(tape, inputs.gain, chunks, sums, 2 * cols);
  add_column_sums(tape, inputs.bias, chunks, sums + cols, 2 * cols);
}

}  // namespace

Handle layer_norm(Tape& tape, Handle x, Handle gain, Handle bias, float epsilon) {
  const Shape shape = tape.shape(x), times = tape.shape(gain), plus = tape.shape(bias);
  require(times.rows == 1 && times.cols == shape.cols && plus.rows == 1 && plus.cols == shape.cols,
          "layer_norm: expected x n x d, gain 1 x d and bias 1 x d, got ", shape.rows, " x ", shape.cols,
          ", ", times.rows, " x ", times.cols, " and ", plus.rows, " x ", plus.cols);
  require(std::isfinite(epsilon) && epsilon > 0,
          "layer_norm: epsilon: expected a finite number above 0, got ", epsilon);
  const float *from = tape.node(x).value, *factor = tape.node(gain).value, *offset = tape.node(bias).value;
  float* out = tape.allocate<float>(shape.size());
  float* statistics = tape.allocate<float>(2 * shape.rows);
  for_rows(shape.rows, shape.cols, [&](std::int64_t begin, std::int64_t end) {
    tape.kernels().layer_norm(end - begin, shape.cols, from + begin * shape.cols, factor, offset, epsilon,
                              out + begin * shape.cols, statistics + 2 * begin);
  });
  return tape.push<layer_norm_backward>(shape, out, LayerNormInputs{x, gain, bias, statistics});
}

}  // namespace l4r
