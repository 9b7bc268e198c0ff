#include "ops/transpose/transpose.h"

#include "base/status.h"
#include "ops/parallel.h"

namespace l4r {

namespace {

struct TransposeInputs {
  Handle x;
  std::int64_t rows;  // of a block of x
};

void transpose_backward(Tape& tape, const Tape::Node& node, const TransposeInputs& inputs) {
  const std::int64_t cols = tape.shape(inputs.x).cols, size = inputs.rows * cols;
  const Tape::Target target = tape.target(inputs.x);
  for_rows(tape.shape(inputs.x).rows / inputs.rows, size, [&](std::int64_t begin, std::int64_t end) {
    tape.kernels().transpose_blocks(end - begin, cols, inputs.rows, node.gradient + begin * size,
                                    target.gradient + begin * size, target.accumulate);
  });
}

}  // namespace

Handle transpose_blocks(Tape& tape, Handle x, std::int64_t rows) {
  const Shape from = tape.shape(x);
  require(rows > 0 && from.rows % rows == 0, "transpose_blocks: expected rows that divide ", from.rows,
          " rows, got ", rows);
  const std::int64_t blocks = from.rows / rows, size = rows * from.cols;
  const float* value = tape.node(x).value;
  float* out = tape.allocate<float>(from.size());
  for_rows(blocks, size, [&](std::int64_t begin, std::int64_t end) {
    tape.kernels().transpose_blocks(end - begin, rows, from.cols, value + begin * size, out + begin * size,
                                    false);
  });
  return tape.push<transpose_backward>({blocks * from.cols, rows}, out, TransposeInputs{x, rows},
                                       !tape.wants_gradient(x));
}

}  // namespace l4r
