#include "ops/bpr/bpr.h"

#include "base/status.h"
#include "ops/gradient.h"

namespace l4r {

namespace {

// Cost of a row in streamed elements: two exponentials, a logarithm, two divisions.
constexpr std::int64_t kRowCost = 16;

struct BprInputs {
  Handle positive, negative;
  const float* slope;  // [n] d loss_i / d positive_i
};

void bpr_backward(Tape& tape, const Tape::Node& node, const BprInputs& inputs) {
  const std::int64_t rows = tape.shape(inputs.positive).rows;
  if (rows == 0) return;
  const float factor = node.gradient[0] / static_cast<float>(rows);
  add_to_gradient(tape, inputs.positive, factor, inputs.slope);
  add_to_gradient(tape, inputs.negative, -factor, inputs.slope);
}

}  // namespace

Handle bpr_loss(Tape& tape, Handle positive, Handle negative) {
  const Shape shape = tape.shape(positive), other = tape.shape(negative);
  require(shape.cols == 1 && other.cols == 1 && shape.rows == other.rows,
          "bpr_loss: expected scores n x 1 and n x 1, got ", shape.rows, " x ", shape.cols, " and ",
          other.rows, " x ", other.cols);
  const std::int64_t rows = shape.rows;
  const float *above = tape.node(positive).value, *below = tape.node(negative).value;
  float* slope = tape.allocate<float>(rows);
  double* parts = tape.allocate<double>(part_count(rows, kRowCost));
  const double total = sum_rows(rows, kRowCost, parts, [&](std::int64_t begin, std::int64_t end) {
    return tape.kernels().bpr_loss(end - begin, above + begin, below + begin, slope + begin);
  });
  float* loss = tape.allocate<float>(1);
  *loss = rows == 0 ? 0.0f : static_cast<float>(total / static_cast<double>(rows));
  return tape.push<bpr_backward>({1, 1}, loss, BprInputs{positive, negative, slope});
}

}  // namespace l4r
