#include "ops/l2/l2.h"

#include "ops/gradient.h"

namespace l4r {

namespace {

struct L2Inputs {
  Handle x;
};

void l2_backward(Tape& tape, const Tape::Node& node, const L2Inputs& inputs) {
  const Shape shape = tape.shape(inputs.x);
  if (shape.rows == 0) return;
  const float factor = node.gradient[0] / static_cast<float>(shape.rows);
  add_to_gradient(tape, inputs.x, factor, tape.node(inputs.x).value);
}

}  // namespace

Handle l2(Tape& tape, Handle x) {
  const Shape shape = tape.shape(x);
  const float* value = tape.node(x).value;
  double* parts = tape.allocate<double>(part_count(shape.size(), 1));
  const double total = sum_rows(shape.size(), 1, parts, [&](std::int64_t begin, std::int64_t end) {
    return tape.kernels().sum_squares(end - begin, value + begin);
  });
  float* out = tape.allocate<float>(1);
  *out = shape.rows == 0 ? 0.0f : static_cast<float>(total / (2.0 * static_cast<double>(shape.rows)));
  return tape.push<l2_backward>({1, 1}, out, L2Inputs{x});
}

}  // namespace l4r
