#include "ops/pool/pool.h"

#include "base/status.h"
#include "ops/parallel.h"

namespace l4r {

namespace {

// Cost of a weight in streamed elements: an exponential.
constexpr std::int64_t kCost = 4;

struct SumInputs {
  Handle x;
  std::int64_t size;
};

void sum_groups_backward(Tape& tape, const Tape::Node& node, const SumInputs& inputs) {
  const auto [groups, cols] = node.shape;
  const std::int64_t whole = inputs.size * cols;
  const Tape::Target target = tape.target(inputs.x);
  for_rows(groups, whole, [&, cols = cols](std::int64_t begin, std::int64_t end) {
    tape.kernels().spread_groups(end - begin, inputs.size, cols, node.gradient + begin * cols,
                                 target.gradient + begin * whole, target.accumulate);
  });
}

struct SoftmaxInputs {
  Handle scores, x;
  std::int64_t size;
  const float* weights;  // [n x size]
};

void softmax_pool_backward(Tape& tape, const Tape::Node& node, const SoftmaxInputs& inputs) {
  const auto [groups, cols] = node.shape;
  const std::int64_t size = inputs.size, whole = size * cols;
  const float* x = tape.node(inputs.x).value;
  const Tape::Target to_scores = tape.target(inputs.scores), to_x = tape.target(inputs.x);
  for_rows(groups, 2 * whole, [&, cols = cols](std::int64_t begin, std::int64_t end) {
    tape.kernels().softmax_pool_backward(end - begin, size, cols, x + begin * whole,
                                         inputs.weights + begin * size, node.value + begin * cols,
                                         node.gradient + begin * cols,
                                         {to_scores.gradient + begin * size, to_scores.accumulate,
                                          to_x.gradient + begin * whole, to_x.accumulate});
  });
}

Shape pooled(const char* name, Shape shape, std::int64_t size) {
  require(size > 0 && shape.rows % size == 0, name, ": expected a size that divides ", shape.rows,
          " rows, got ", size);
  return {shape.rows / size, shape.cols};
}

}  // namespace

Handle sum_groups(Tape& tape, Handle x, std::int64_t size) {
  const Shape shape = pooled("sum_groups", tape.shape(x), size);
  const std::int64_t whole = size * shape.cols;
  const float* value = tape.node(x).value;
  float* out = tape.allocate<float>(shape.size());
  for_rows(shape.rows, whole, [&](std::int64_t begin, std::int64_t end) {
    tape.kernels().sum_groups(end - begin, size, shape.cols, value + begin * whole, out + begin * shape.cols);
  });
  return tape.push<sum_groups_backward>(shape, out, SumInputs{x, size}, !tape.wants_gradient(x));
}

Handle softmax_pool(Tape& tape, Handle scores, Handle x, std::int64_t size) {
  const Shape from = tape.shape(x), given = tape.shape(scores), shape = pooled("softmax_pool", from, size);
  require(given.rows == from.rows && given.cols == 1, "softmax_pool: expected scores ", from.rows,
          " x 1, got ", given.rows, " x ", given.cols);
  const std::int64_t whole = size * shape.cols;
  const float *score = tape.node(scores).value, *value = tape.node(x).value;
  float *out = tape.allocate<float>(shape.size()), *weights = tape.allocate<float>(from.rows);
  for_rows(shape.rows, whole + kCost * size, [&](std::int64_t begin, std::int64_t end) {
    tape.kernels().softmax_pool(end - begin, size, shape.cols, score + begin * size, value + begin * whole,
                                weights + begin * size, out + begin * shape.cols);
  });
  return tape.push<softmax_pool_backward>(shape, out, SoftmaxInputs{scores, x, size, weights},
                                          !tape.wants_gradient(scores) && !tape.wants_gradient(x));
}

}  // namespace l4r
