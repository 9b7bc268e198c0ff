#include "ops/cross/cross.h"

#include "base/status.h"
#include "ops/column_sums.h"

namespace l4r {

namespace {

struct CrossInputs {
  Handle first, x, weight, bias;
  const float* dots;  // [n] x . weight
};

void cross_backward(Tape& tape, const Tape::Node& node, const CrossInputs& inputs) {
  const auto [rows, cols] = node.shape;
  const float *first = tape.node(inputs.first).value, *x = tape.node(inputs.x).value;
  const float* weight = tape.node(inputs.weight).value;
  const std::int64_t chunks = column_chunks(rows, cols);
  float* sums = tape.allocate<float>(chunks * 2 * cols);  // of each chunk: weight, then bias
  const Tape::Target to_first = tape.target(inputs.first), to_x = tape.target(inputs.x);
  for_column_chunks(rows, cols, [&, cols = cols](std::int64_t begin, std::int64_t end, std::int64_t chunk) {
    const std::int64_t at = begin * cols;
    tape.kernels().cross_backward(
        end - begin, cols, first + at, x + at, weight, inputs.dots + begin, node.gradient + at,
        {to_first.gradient + at, to_first.accumulate, to_x.gradient + at, to_x.accumulate},
        sums + chunk * 2 * cols);
  });
  add_column_sums(tape, inputs.weight, chunks, sums, 2 * cols);
  add_column_sums(tape, inputs.bias, chunks, sums + cols, 2 * cols);
}

}  // namespace

Handle cross(Tape& tape, Handle first, Handle x, Handle weight, Handle bias) {
  const Shape shape = tape.shape(x), begin_shape = tape.shape(first), times = tape.shape(weight),
              plus = tape.shape(bias);
  require(begin_shape.rows == shape.rows && begin_shape.cols == shape.cols && times.rows == 1 &&
              times.cols == shape.cols && plus.rows == 1 && plus.cols == shape.cols,
          "cross: expected first and x n x d, weight and bias 1 x d, got ", begin_shape.rows, " x ",
          begin_shape.cols, ", ", shape.rows, " x ", shape.cols, ", ", times.rows, " x ", times.cols, " and ",
          plus.rows, " x ", plus.cols);
  const float *from = tape.node(first).value, *value = tape.node(x).value;
  const float *factor = tape.node(weight).value, *offset = tape.node(bias).value;
  float *out = tape.allocate<float>(shape.size()), *dots = tape.allocate<float>(shape.rows);
  for_rows(shape.rows, 2 * shape.cols, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t at = begin * shape.cols;
    tape.kernels().cross(end - begin, shape.cols, from + at, value + at, factor, offset, out + at,
                         dots + begin);
  });
  const bool frozen = !tape.wants_gradient(first) && !tape.wants_gradient(x) &&
                      !tape.wants_gradient(weight) && !tape.wants_gradient(bias);
  return tape.push<cross_backward>(shape, out, CrossInputs{first, x, weight, bias, dots}, frozen);
}

}  // namespace l4r
