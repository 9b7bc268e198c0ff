#include "ops/linear/linear.h"

#include "base/status.h"
#include "ops/column_sums.h"
#include "ops/matmul/matmul.h"

namespace l4r {

namespace {

struct LinearInputs {
  Handle x, weight, bias;
  Activation activation;
  // [n x out] what the gradient through the activation needs: relu the result, gelu its slope.
  const float* saved;
};

void linear_backward(Tape& tape, const Tape::Node& node, const LinearInputs& inputs) {
  const OpKernels& kernels = tape.kernels();
  const auto [rows, cols] = node.shape;
  const std::int64_t in = tape.shape(inputs.x).cols, chunks = column_chunks(rows, cols);
  const float *x = tape.node(inputs.x).value, *weight = tape.node(inputs.weight).value;

  // Through the activation, and down the columns for the bias, in one pass.
  float* through = inputs.activation == Activation::none ? nullptr : node.gradient;
  float* sums = tape.allocate<float>(chunks * cols);
  for_column_chunks(rows, cols, [&, cols = cols](std::int64_t begin, std::int64_t end, std::int64_t chunk) {
    const std::int64_t at = begin * cols;
    kernels.linear_slope(end - begin, cols, inputs.activation, node.gradient + at,
                         through == nullptr ? nullptr : inputs.saved + at,
                         through == nullptr ? nullptr : through + at, sums + chunk * cols);
  });
  add_column_sums(tape, inputs.bias, chunks, sums, cols);

  const float* g = through == nullptr ? node.gradient : through;
  if (tape.wants_gradient(inputs.x)) {
    const auto [to, accumulate] = tape.target(inputs.x);
    gemm(kernels, false, true, rows, in, cols, g, weight, to, accumulate);
  }
  if (tape.wants_gradient(inputs.weight)) {
    const auto [to, accumulate] = tape.target(inputs.weight);
    gemm(kernels, true, false, in, cols, rows, x, g, to, accumulate);
  }
}

// What a block of the product needs to become a block of the result.
struct Finish {
  const OpKernels& kernels;
  std::int64_t cols;
  const float* bias;
  Activation activation;
  float *out, *slope;
};

}  // namespace

Handle linear(Tape& tape, Handle x, Handle weight, Handle bias, Activation activation) {
  const Shape from = tape.shape(x), by = tape.shape(weight), plus = tape.shape(bias);
  require(from.cols == by.rows && plus.rows == 1 && plus.cols == by.cols,
          "linear: expected x n x in, weight in x out and bias 1 x out, got ", from.rows, " x ", from.cols,
          ", ", by.rows, " x ", by.cols, " and ", plus.rows, " x ", plus.cols);
  const Shape shape{from.rows, by.cols};
  float* out = tape.allocate<float>(shape.size());
  float* slope = activation == Activation::gelu ? tape.allocate<float>(shape.size()) : nullptr;
  const Finish finish{tape.kernels(), shape.cols, tape.node(bias).value, activation, out, slope};
  const auto done = [](const void* context, std::int64_t row, std::int64_t column, std::int64_t rows,
                       std::int64_t cols) {
    const Finish& f = *static_cast<const Finish*>(context);
    const std::int64_t at = row * f.cols + column;
    f.kernels.finish_linear(rows, cols, f.cols, f.bias + column, f.activation, f.out + at,
                            f.slope == nullptr ? nullptr : f.slope + at);
  };
  gemm(tape.kernels(), false, false, shape.rows, shape.cols, from.cols, tape.node(x).value,
       tape.node(weight).value, out, false, {done, &finish});
  return tape.push<linear_backward>(
      shape, out, LinearInputs{x, weight, bias, activation, slope == nullptr ? out : slope},
      !tape.wants_gradient(x) && !tape.wants_gradient(weight) && !tape.wants_gradient(bias));
}

}  // namespace l4r
