#include "ops/swiglu/swiglu.h"

#include "base/status.h"
#include "ops/parallel.h"

namespace l4r {

namespace {

// Cost of a number of the result in streamed elements: an exponential and a division.
constexpr std::int64_t kCost = 4;

struct SwigluInputs {
  Handle x;
};

void swiglu_backward(Tape& tape, const Tape::Node& node, const SwigluInputs& inputs) {
  const auto [rows, cols] = node.shape;
  const float* x = tape.node(inputs.x).value;
  const Tape::Target target = tape.target(inputs.x);
  for_rows(rows, kCost * cols, [&, cols = cols](std::int64_t begin, std::int64_t end) {
    const std::int64_t at = begin * 2 * cols;
    tape.kernels().swiglu_backward(end - begin, cols, x + at, node.gradient + begin * cols,
                                   target.gradient + at, target.accumulate);
  });
}

}  // namespace

Handle swiglu(Tape& tape, Handle x) {
  const Shape from = tape.shape(x);
  require(from.cols % 2 == 0, "swiglu: expected an even number of columns, gate and up side by side, got ",
          from.rows, " x ", from.cols);
  const Shape shape{from.rows, from.cols / 2};
  const float* value = tape.node(x).value;
  float* out = tape.allocate<float>(shape.size());
  for_rows(shape.rows, kCost * shape.cols, [&](std::int64_t begin, std::int64_t end) {
    tape.kernels().swiglu(end - begin, shape.cols, value + begin * from.cols, out + begin * shape.cols);
  });
  return tape.push<swiglu_backward>(shape, out, SwigluInputs{x}, !tape.wants_gradient(x));
}

}  // namespace l4r
