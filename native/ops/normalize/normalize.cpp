#include "ops/normalize/normalize.h"

#include "ops/parallel.h"

namespace l4r {

namespace {

struct NormalizeInputs {
  Handle x;
  const float* result;  // [n x d]
  const float* scales;  // [n] 1 / |x|, negative where the row was too short
};

void normalize_backward(Tape& tape, const Tape::Node& node, const NormalizeInputs& inputs) {
  const auto [rows, cols] = node.shape;
  const auto [to, accumulate] = tape.target(inputs.x);
  for_rows(
      rows, cols, [&, cols = cols, to = to, accumulate = accumulate](std::int64_t begin, std::int64_t end) {
        const std::int64_t skip = begin * cols;
        tape.kernels().normalize_rows_backward(end - begin, cols, inputs.result + skip, inputs.scales + begin,
                                               node.gradient + skip, to + skip, accumulate);
      });
}

}  // namespace

Handle normalize_rows(Tape& tape, Handle x) {
  const Shape shape = tape.shape(x);
  const float* from = tape.node(x).value;
  float* out = tape.allocate<float>(shape.size());
  float* scales = tape.allocate<float>(shape.rows);
  for_rows(shape.rows, shape.cols, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t skip = begin * shape.cols;
    tape.kernels().normalize_rows(end - begin, shape.cols, from + skip, out + skip, scales + begin);
  });
  return tape.push<normalize_backward>(shape, out, NormalizeInputs{x, out, scales}, !tape.wants_gradient(x));
}

}  // namespace l4r
