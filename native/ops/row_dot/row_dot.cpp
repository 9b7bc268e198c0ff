#include "ops/row_dot/row_dot.h"

#include "base/status.h"
#include "ops/parallel.h"

namespace l4r {

namespace {

struct RowDotInputs {
  Handle a, b;
};

// target(x)[i] (+)= gradient[i] * other[i].
void add_scaled_rows(Tape& tape, Handle x, const float* gradient, const float* other) {
  if (!tape.wants_gradient(x)) return;
  const Shape shape = tape.shape(x);
  const auto [to, accumulate] = tape.target(x);
  for_rows(shape.rows, shape.cols,
           [&, to = to, accumulate = accumulate](std::int64_t begin, std::int64_t end) {
             const std::int64_t skip = begin * shape.cols;
             tape.kernels().row_scale_add(end - begin, shape.cols, gradient + begin, other + skip, to + skip,
                                          accumulate);
           });
}

void row_dot_backward(Tape& tape, const Tape::Node& node, const RowDotInputs& inputs) {
  add_scaled_rows(tape, inputs.a, node.gradient, tape.node(inputs.b).value);
  add_scaled_rows(tape, inputs.b, node.gradient, tape.node(inputs.a).value);
}

}  // namespace

Handle row_dot(Tape& tape, Handle a, Handle b) {
  const Shape shape = tape.shape(a), other = tape.shape(b);
  require(shape.rows == other.rows && shape.cols == other.cols, "row_dot: expected equal shapes, got ",
          shape.rows, " x ", shape.cols, " and ", other.rows, " x ", other.cols);
  const float *left = tape.node(a).value, *right = tape.node(b).value;
  float* out = tape.allocate<float>(shape.rows);
  for_rows(shape.rows, shape.cols, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t skip = begin * shape.cols;
    tape.kernels().row_dot(end - begin, shape.cols, left + skip, right + skip, out + begin);
  });
  return tape.push<row_dot_backward>({shape.rows, 1}, out, RowDotInputs{a, b},
                                     !tape.wants_gradient(a) && !tape.wants_gradient(b));
}

}  // namespace l4r
