#include "ops/rms_norm/rms_norm.h"

#include <cmath>

#include "base/status.h"
#include "ops/column_sums.h"

namespace l4r {

namespace {

struct RmsNormInputs {
  Handle x, gain;
  const float* scales;  // [n] 1 / sqrt(mean of x^2 + epsilon) of each row
};

void rms_norm_backward(Tape& tape, const Tape::Node& node, const RmsNormInputs& inputs) {
  const auto [rows, cols] = node.shape;
  const float *x = tape.node(inputs.x).value, *gain = tape.node(inputs.gain).value;
  const std::int64_t chunks = column_chunks(rows, cols);
  float* sums = tape.wants_gradient(inputs.gain) ? tape.allocate<float>(chunks * cols) : nullptr;
  const Tape::Target target = tape.target(inputs.x);
  for_column_chunks(rows, cols, [&, cols = cols](std::int64_t begin, std::int64_t end, std::int64_t chunk) {
    const std::int64_t at = begin * cols;
    tape.kernels().rms_norm_backward(end - begin, cols, x + at, gain, inputs.scales + begin,
                                     node.gradient + at, target.gradient + at, target.accumulate,
                                     sums == nullptr ? nullptr : sums + chunk * cols);
  });
  add_column_sums(tape, inputs.gain, chunks, sums, cols);
}

}  // namespace

Handle rms_norm(Tape& tape, Handle x, Handle gain, float epsilon) {
  const Shape shape = tape.shape(x), times = tape.shape(gain);
  require(times.rows == 1 && times.cols == shape.cols, "rms_norm: expected x n x d and gain 1 x d, got ",
          shape.rows, " x ", shape.cols, " and ", times.rows, " x ", times.cols);
  require(std::isfinite(epsilon) && epsilon > 0, "rms_norm: epsilon: expected a finite number above 0, got ",
          epsilon);
  const float *from = tape.node(x).value, *factor = tape.node(gain).value;
  float* out = tape.allocate<float>(shape.size());
  float* scales = tape.allocate<float>(shape.rows);
  for_rows(shape.rows, shape.cols, [&](std::int64_t begin, std::int64_t end) {
    tape.kernels().rms_norm(end - begin, shape.cols, from + begin * shape.cols, factor, epsilon,
                            out + begin * shape.cols, scales + begin);
  });
  return tape.push<rms_norm_backward>(shape, out, RmsNormInputs{x, gain, scales},
                                      !tape.wants_gradient(x) && !tape.wants_gradient(gain));
}

}  // namespace l4r
