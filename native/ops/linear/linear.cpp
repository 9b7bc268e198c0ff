#include "ops/linear/linear.h"

#include "base/status.h"
#include "ops/column_sums.h"
#include "ops/dropout/mask.h"
#include "ops/gradient.h"
#include "ops/matmul/matmul.h"

namespace l4r {

namespace {

struct LinearInputs {
  Handle x, weight, bias;
  std::optional<Handle> residual;
  Activation activation;
  std::optional<Mask> mask;
  // [n x out] what the gradient through the activation needs: relu what it gave, 0 where that is dropped;
  // gelu its slope.
  const float* saved;
};

void linear_backward(Tape& tape, const Tape::Node& node, const LinearInputs& inputs) {
  const OpKernels& kernels = tape.kernels();
  const auto [rows, cols] = node.shape;
  const std::int64_t in = tape.shape(inputs.x).cols, chunks = column_chunks(rows, cols);
  const float *x = tape.node(inputs.x).value, *weight = tape.node(inputs.weight).value;

  // Through dropout and the activation, in place unless the residual needs what came, and down the columns
  // for the bias, in one pass.
  const bool changed = inputs.mask || inputs.activation != Activation::none;
  const bool apart = changed && inputs.residual;
  float* g = apart ? tape.borrow(rows * cols) : node.gradient;
  float* sums = tape.allocate<float>(chunks * cols);
  for_column_chunks(rows, cols, [&, cols = cols](std::int64_t begin, std::int64_t end, std::int64_t chunk) {
    const std::int64_t at = begin * cols;
    const float* from = node.gradient + at;
    if (inputs.mask) {
      drop(kernels, *inputs.mask, at, (end - begin) * cols, from, nullptr, g + at);
      from = g + at;
    }
    kernels.linear_slope(end - begin, cols, inputs.activation, from, inputs.saved + at, g + at,
                         sums + chunk * cols);
  });
  add_column_sums(tape, inputs.bias, chunks, sums, cols);

  if (tape.wants_gradient(inputs.x)) {
    const auto [to, accumulate] = tape.target(inputs.x);
    gemm(kernels, false, true, rows, in, cols, g, weight, to, accumulate);
  }
  if (tape.wants_gradient(inputs.weight)) {
    const auto [to, accumulate] = tape.target(inputs.weight);
    gemm(kernels, true, false, in, cols, rows, x, g, to, accumulate);
  }
  if (apart) tape.give_back(g, rows * cols);
  if (inputs.residual) pass_to_gradient(tape, node, *inputs.residual);
}

// What a block of the product needs to become a block of the result.
struct Finish {
  const OpKernels& kernels;
  std::int64_t cols;
  const float* bias;
  Activation activation;
  const std::optional<Mask>& mask;
  const float* residual;         // or null
  float *product, *out, *slope;  // all but the first may be what stands before it; slope may be null

  void block(std::int64_t row, std::int64_t column, std::int64_t rows, std::int64_t width) const {
    const std::int64_t first = row * cols + column;
    kernels.finish_linear(rows, width, cols, bias + column, activation, product + first,
                          slope == nullptr ? nullptr : slope + first);
    if (width == cols)
      end(first, rows * cols);
    else
      for (std::int64_t r = 0; r < rows; ++r) end(first + r * cols, width);
  }

  void end(std::int64_t at, std::int64_t n) const {
    if (mask)
      drop(kernels, *mask, at, n, product + at, residual == nullptr ? nullptr : residual + at, out + at);
    else if (residual != nullptr)
      kernels.add(n, residual + at, product + at, out + at);
  }
};

}  // namespace

Handle linear(Tape& tape, Handle x, Handle weight, Handle bias, const LinearOptions& options) {
  const Shape from = tape.shape(x), by = tape.shape(weight), plus = tape.shape(bias);
  require(from.cols == by.rows && plus.rows == 1 && plus.cols == by.cols,
          "linear: expected x n x in, weight in x out and bias 1 x out, got ", from.rows, " x ", from.cols,
          ", ", by.rows, " x ", by.cols, " and ", plus.rows, " x ", plus.cols);
  const auto [activation, dropout, residual] = options;
  const Shape shape{from.rows, by.cols}, over = residual ? tape.shape(*residual) : shape;
  require(over.rows == shape.rows && over.cols == shape.cols, "linear: residual: expected ", shape.rows,
          " x ", shape.cols, ", got ", over.rows, " x ", over.cols);
  const std::optional<Mask> mask = draw_mask(tape, "linear: dropout", dropout, shape.size());
  float* out = tape.allocate<float>(shape.size());
  // A residual hides what relu let through.
  const bool apart = activation == Activation::relu && residual;
  float* product = apart ? tape.allocate<float>(shape.size()) : out;
  float* slope = activation == Activation::gelu ? tape.allocate<float>(shape.size()) : nullptr;
  const Finish finish{tape.kernels(), shape.cols, tape.node(bias).value,
                      activation,     mask,       residual ? tape.node(*residual).value : nullptr,
                      product,        out,        slope};
  const auto done = [](const void* context, std::int64_t row, std::int64_t column, std::int64_t rows,
                       std::int64_t cols) {
    static_cast<const Finish*>(context)->block(row, column, rows, cols);
  };
  gemm(tape.kernels(), false, false, shape.rows, shape.cols, from.cols, tape.node(x).value,
       tape.node(weight).value, product, false, {done, &finish});
  const bool frozen = !tape.wants_gradient(x) && !tape.wants_gradient(weight) && !tape.wants_gradient(bias) &&
                      !(residual && tape.wants_gradient(*residual));
  return tape.push<linear_backward>(
      shape, out,
      LinearInputs{x, weight, bias, residual, activation, mask, slope == nullptr ? product : slope}, frozen);
}

}  // namespace l4r
