#include "ops/elementwise/elementwise.h"

#include "base/status.h"
#include "ops/gradient.h"

namespace l4r {

namespace {

struct AddInputs {
  Handle a, b;
};

void add_backward(Tape& tape, const Tape::Node& node, const AddInputs& inputs) {
  add_to_gradient(tape, inputs.b, 1.0f, node.gradient);
  pass_to_gradient(tape, node, inputs.a);
}

struct MultiplyInputs {
  Handle a, b;
};

// gradient of x (+)= gradient * other.
void add_product(Tape& tape, Handle x, const float* gradient, const float* other) {
  if (!tape.wants_gradient(x)) return;
  const auto [to, accumulate] = tape.target(x);
  for_rows(tape.shape(x).size(), 1,
           [&, to = to, accumulate = accumulate](std::int64_t begin, std::int64_t end) {
             tape.kernels().multiply(end - begin, gradient + begin, other + begin, to + begin, accumulate);
           });
}

void multiply_backward(Tape& tape, const Tape::Node& node, const MultiplyInputs& inputs) {
  add_product(tape, inputs.a, node.gradient, tape.node(inputs.b).value);
  add_product(tape, inputs.b, node.gradient, tape.node(inputs.a).value);
}

struct ReluInputs {
  Handle x;
};

void relu_backward(Tape& tape, const Tape::Node& node, const ReluInputs& inputs) {
  const auto [to, accumulate] = tape.target(inputs.x);
  for_rows(node.shape.size(), 1, [&, to = to, accumulate = accumulate](std::int64_t begin, std::int64_t end) {
    tape.kernels().relu_slope(end - begin, node.value + begin, node.gradient + begin, to + begin, accumulate);
  });
}

struct ScaleInputs {
  Handle x;
  float factor;
};

void scale_backward(Tape& tape, const Tape::Node& node, const ScaleInputs& inputs) {
  add_to_gradient(tape, inputs.x, inputs.factor, node.gradient);
}

}  // namespace

Handle add(Tape& tape, Handle a, Handle b) {
  const Shape shape = tape.shape(a), other = tape.shape(b);
  require(shape.rows == other.rows && shape.cols == other.cols, "add: expected equal shapes, got ",
          shape.rows, " x ", shape.cols, " and ", other.rows, " x ", other.cols);
  const float *left = tape.node(a).value, *right = tape.node(b).value;
  float* out = tape.allocate<float>(shape.size());
  for_rows(shape.size(), 1, [&](std::int64_t begin, std::int64_t end) {
    tape.kernels().add(end - begin, left + begin, right + begin, out + begin);
  });
  return tape.push<add_backward>(shape, out, AddInputs{a, b},
                                 !tape.wants_gradient(a) && !tape.wants_gradient(b));
}

Handle multiply(Tape& tape, Handle a, Handle b) {
  const Shape shape = tape.shape(a), other = tape.shape(b);
  require(shape.rows == other.rows && shape.cols == other.cols, "multiply: expected equal shapes, got ",
          shape.rows, " x ", shape.cols, " and ", other.rows, " x ", other.cols);
  const float *left = tape.node(a).value, *right = tape.node(b).value;
  float* out = tape.allocate<float>(shape.size());
  for_rows(shape.size(), 1, [&](std::int64_t begin, std::int64_t end) {
    tape.kernels().multiply(end - begin, left + begin, right + begin, out + begin, false);
  });
  return tape.push<multiply_backward>(shape, out, MultiplyInputs{a, b},
                                      !tape.wants_gradient(a) && !tape.wants_gradient(b));
}

Handle relu(Tape& tape, Handle x) {
  const Shape shape = tape.shape(x);
  const float* from = tape.node(x).value;
  float* out = tape.allocate<float>(shape.size());
  for_rows(shape.size(), 1, [&](std::int64_t begin, std::int64_t end) {
    tape.kernels().relu(end - begin, from + begin, out + begin);
  });
  return tape.push<relu_backward>(shape, out, ReluInputs{x}, !tape.wants_gradient(x));
}

Handle scale(Tape& tape, Handle x, float factor) {
  const Shape shape = tape.shape(x);
  const float* from = tape.node(x).value;
  float* out = tape.allocate<float>(shape.size());
  for_rows(shape.size(), 1, [&](std::int64_t begin, std::int64_t end) {
    tape.kernels().scale_add(end - begin, factor, from + begin, out + begin, false);
  });
  return tape.push<scale_backward>(shape, out, ScaleInputs{x, factor}, !tape.wants_gradient(x));
}

}  // namespace l4r
