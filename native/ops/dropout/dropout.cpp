#include "ops/dropout/dropout.h"

#include "base/status.h"
#include "ops/dropout/mask.h"
#include "ops/elementwise/elementwise.h"
#include "ops/gradient.h"

namespace l4r {

namespace {

constexpr std::int64_t kElementCost = 3;  // streamed elements

void drop_all(const OpKernels& kernels, const Mask& mask, std::int64_t size, const float* x,
              const float* base, float* out) {
  for_rows(size, kElementCost, [&](std::int64_t begin, std::int64_t end) {
    drop(kernels, mask, begin, end - begin, x + begin, base == nullptr ? nullptr : base + begin, out + begin);
  });
}

void add_dropped_gradient(Tape& tape, Handle x, const Mask& mask, const float* gradient) {
  if (!tape.wants_gradient(x)) return;
  const auto [to, accumulate] = tape.target(x);
  drop_all(tape.kernels(), mask, tape.shape(x).size(), gradient, accumulate ? to : nullptr, to);
}

struct DropoutInputs {
  Handle x;
  Mask mask;
};

void dropout_backward(Tape& tape, const Tape::Node& node, const DropoutInputs& inputs) {
  add_dropped_gradient(tape, inputs.x, inputs.mask, node.gradient);
}

struct AddDropoutInputs {
  Handle residual, x;
  Mask mask;
};

void add_dropout_backward(Tape& tape, const Tape::Node& node, const AddDropoutInputs& inputs) {
  add_dropped_gradient(tape, inputs.x, inputs.mask, node.gradient);
  pass_to_gradient(tape, node, inputs.residual);
}

}  // namespace

Handle dropout(Tape& tape, Handle x, float rate) {
  const Shape shape = tape.shape(x);
  const std::optional<Mask> mask = draw_mask(tape, "dropout: rate", rate, shape.size());
  if (!mask) return x;
  float* out = tape.allocate<float>(shape.size());
  drop_all(tape.kernels(), *mask, shape.size(), tape.node(x).value, nullptr, out);
  return tape.push<dropout_backward>(shape, out, DropoutInputs{x, *mask}, !tape.wants_gradient(x));
}

Handle add_dropout(Tape& tape, Handle residual, Handle x, float rate) {
  const Shape shape = tape.shape(x), other = tape.shape(residual);
  require(shape.rows == other.rows && shape.cols == other.cols, "add_dropout: expected equal shapes, got ",
          other.rows, " x ", other.cols, " and ", shape.rows, " x ", shape.cols);
  const std::optional<Mask> mask = draw_mask(tape, "dropout: rate", rate, shape.size());
  if (!mask) return add(tape, residual, x);
  float* out = tape.allocate<float>(shape.size());
  drop_all(tape.kernels(), *mask, shape.size(), tape.node(x).value, tape.node(residual).value, out);
  return tape.push<add_dropout_backward>(shape, out, AddDropoutInputs{residual, x, *mask});
}

}  // namespace l4r
