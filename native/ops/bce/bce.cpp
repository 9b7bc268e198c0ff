#include "ops/bce/bce.h"

#include "base/status.h"
#include "ops/gradient.h"

namespace l4r {

namespace {

// Cost of a row in streamed elements: two exponentials, a logarithm, two divisions.
constexpr std::int64_t kRowCost = 16;

struct BceInputs {
  Handle positive, negative;
  const float *positive_slope, *negative_slope;  // d term / d score of each
};

struct Side {
  double mean;         // of softplus(sign * score)
  const float* slope;  // in the arena
};

Side side(Tape& tape, Handle scores, float sign) {
  const std::int64_t rows = tape.shape(scores).rows;
  const float* x = tape.node(scores).value;
  float* slope = tape.allocate<float>(rows);
  double* parts = tape.allocate<double>(part_count(rows, kRowCost));
  const double total = sum_rows(rows, kRowCost, parts, [&](std::int64_t begin, std::int64_t end) {
    return tape.kernels().bce_loss(end - begin, sign, x + begin, slope + begin);
  });
  return {total / static_cast<double>(rows), slope};
}

void bce_backward(Tape& tape, const Tape::Node& node, const BceInputs& inputs) {
  const auto share = [&](Handle scores) {
    return node.gradient[0] / static_cast<float>(tape.shape(scores).rows);
  };
  add_to_gradient(tape, inputs.positive, share(inputs.positive), inputs.positive_slope);
  add_to_gradient(tape, inputs.negative, share(inputs.negative), inputs.negative_slope);
}

}  // namespace

Handle bce_loss(Tape& tape, Handle positive, Handle negative) {
  const Shape above = tape.shape(positive), below = tape.shape(negative);
  require(above.cols == 1 && below.cols == 1 && above.rows > 0 && below.rows > 0,
          "bce_loss: expected scores n x 1 and m x 1, at least one of each, got ", above.rows, " x ",
          above.cols, " and ", below.rows, " x ", below.cols);
  const Side positives = side(tape, positive, -1), negatives = side(tape, negative, 1);
  float* loss = tape.allocate<float>(1);
  *loss = static_cast<float>(positives.mean + negatives.mean);
  return tape.push<bce_backward>({1, 1}, loss,
                                 BceInputs{positive, negative, positives.slope, negatives.slope});
}

}  // namespace l4r
