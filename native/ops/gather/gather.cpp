#include "ops/gather/gather.h"

#include "base/status.h"
#include "ops/parallel.h"

namespace l4r {

namespace {

struct GatherInputs {
  const Parameter* parameter;
  const std::int32_t* rows;
};

void gather_backward(Tape& tape, const Tape::Node& node, const GatherInputs& inputs) {
  tape.add_row_gradients({inputs.parameter, node.shape.rows, inputs.rows, nullptr, nullptr, node.gradient});
}

}  // namespace

void check_indices(const char* what, const Parameter& parameter, std::span<const std::int32_t> indices) {
  // One unsigned comparison catches negative numbers too; the loop has no exit so that it vectorises.
  const auto limit = static_cast<std::uint32_t>(parameter.rows);
  std::uint32_t bad = 0;
  for (const std::int32_t index : indices) bad |= static_cast<std::uint32_t>(index) >= limit ? 1u : 0u;
  if (bad == 0) return;
  for (std::size_t i = 0; i < indices.size(); ++i)
    require(static_cast<std::uint32_t>(indices[i]) < limit, what, "[", i, "]: expected a row of \"",
            parameter.name, "\" in 0..", parameter.rows - 1, ", got ", indices[i]);
}

Handle gather(Tape& tape, const std::shared_ptr<Parameter>& parameter, std::span<const std::int32_t> rows) {
  check_indices("gather: rows", *parameter, rows);
  const Shape shape{static_cast<std::int64_t>(rows.size()), parameter->cols};
  const std::int32_t* kept = tape.copy(rows);
  const float* table = parameter->value.data();
  float* out = tape.allocate<float>(shape.size());
  for_rows(shape.rows, shape.cols, [&](std::int64_t begin, std::int64_t end) {
    tape.kernels().gather_rows(end - begin, shape.cols, table, kept + begin, out + begin * shape.cols);
  });
  tape.keep(parameter);
  return tape.push<gather_backward>(shape, out, GatherInputs{parameter.get(), kept});
}

}  // namespace l4r
