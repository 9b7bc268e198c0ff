#include "ops/outer/outer.h"

#include "base/status.h"
#include "ops/parallel.h"

namespace l4r {

namespace {

struct OuterInputs {
  Handle a, b;
};

void outer_backward(Tape& tape, const Tape::Node& node, const OuterInputs& inputs) {
  const std::int64_t m = tape.shape(inputs.a).cols, h = tape.shape(inputs.b).cols;
  const float *a = tape.node(inputs.a).value, *b = tape.node(inputs.b).value;
  const Tape::Target to_a = tape.target(inputs.a), to_b = tape.target(inputs.b);
  for_rows(node.shape.rows, 2 * m * h, [&](std::int64_t begin, std::int64_t end) {
    tape.kernels().outer_rows_backward(
        end - begin, m, h, a + begin * m, b + begin * h, node.gradient + begin * m * h,
        {to_a.gradient + begin * m, to_a.accumulate, to_b.gradient + begin * h, to_b.accumulate});
  });
}

}  // namespace

Handle outer_rows(Tape& tape, Handle a, Handle b) {
  const Shape left = tape.shape(a), right = tape.shape(b);
  require(left.rows == right.rows, "outer_rows: expected n x m and n x h, got ", left.rows, " x ", left.cols,
          " and ", right.rows, " x ", right.cols);
  const Shape shape{left.rows, left.cols * right.cols};
  const float *from = tape.node(a).value, *other = tape.node(b).value;
  float* out = tape.allocate<float>(shape.size());
  for_rows(shape.rows, shape.cols, [&](std::int64_t begin, std::int64_t end) {
    tape.kernels().outer_rows(end - begin, left.cols, right.cols, from + begin * left.cols,
                              other + begin * right.cols, out + begin * shape.cols);
  });
  return tape.push<outer_backward>(shape, out, OuterInputs{a, b},
                                   !tape.wants_gradient(a) && !tape.wants_gradient(b));
}

}  // namespace l4r
