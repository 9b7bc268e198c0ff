#include "ops/log_softmax/log_softmax.h"

#include <algorithm>

#include "base/status.h"
#include "ops/matmul/matmul.h"
#include "ops/parallel.h"
#include "ops/softmax/score_rows.h"

namespace l4r {

namespace {

struct LogSoftmaxInputs {};

void log_softmax_backward(Tape&, const Tape::Node&, const LogSoftmaxInputs&) {
  throw Error(Code::argument, "log_softmax: it is for evaluation and has no gradient; softmax_loss has one");
}

}  // namespace

Handle log_softmax(Tape& tape, Handle states, Handle table, std::span<const std::int32_t> targets) {
  const Shape shape = tape.shape(states);
  check_scores("log_softmax", shape, tape.shape(table), targets);
  const std::int64_t rows = shape.rows, d = shape.cols, items = tape.shape(table).rows;
  const std::int64_t step = score_rows(rows, items);
  const float *from = tape.node(states).value, *to = tape.node(table).value;
  float* scores = tape.allocate<float>(step * items);
  float* out = tape.allocate<float>(rows);
  const OpKernels& kernels = tape.kernels();
  for (std::int64_t first = 0; first < rows; first += step) {
    const std::int64_t count = std::min(step, rows - first);
    gemm(kernels, false, true, count, items, d, from + first * d, to, scores, false);
    for_rows(count, kScoreCost * items, [&](std::int64_t begin, std::int64_t end) {
      kernels.log_softmax_rows(end - begin, items, targets.data() + first + begin, scores + begin * items,
                               out + first + begin);
    });
  }
  return tape.push<log_softmax_backward>({rows, 1}, out, LogSoftmaxInputs{});
}

}  // namespace l4r
