#include "ops/take/take.h"

#include <limits>

#include "base/status.h"
#include "ops/parallel.h"
#include "ops/scatter.h"

namespace l4r {

namespace {

struct TakeInputs {
  Handle x;
  const std::int32_t* rows;  // [n]
};

void take_backward(Tape& tape, const Tape::Node& node, const TakeInputs& inputs) {
  add_rows_to_gradient(tape, inputs.x, {node.shape.rows, inputs.rows, nullptr, nullptr, node.gradient});
}

}  // namespace

Handle take(Tape& tape, Handle x, std::span<const std::int32_t> rows) {
  const Shape from = tape.shape(x), shape{static_cast<std::int64_t>(rows.size()), from.cols};
  require(rows.size() <= std::numeric_limits<std::int32_t>::max(),
          "take: rows: expected less than 2^31, got ", rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i)
    require(rows[i] >= 0 && rows[i] < from.rows, "take: rows[", i, "]: expected a row in 0..", from.rows - 1,
            ", got ", rows[i]);
  const std::int32_t* kept = tape.copy(rows);
  const float* value = tape.node(x).value;
  float* out = tape.allocate<float>(shape.size());
  for_rows(shape.rows, shape.cols, [&](std::int64_t begin, std::int64_t end) {
    tape.kernels().gather_rows(end - begin, shape.cols, value, kept + begin, out + begin * shape.cols);
  });
  return tape.push<take_backward>(shape, out, TakeInputs{x, kept}, !tape.wants_gradient(x));
}

}  // namespace l4r
