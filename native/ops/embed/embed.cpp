#include "ops/embed/embed.h"

#include <algorithm>
#include <cmath>

#include "base/status.h"
#include "ops/dropout/mask.h"
#include "ops/gather/gather.h"
#include "ops/parallel.h"

namespace l4r {

namespace {

struct EmbedInputs {
  const Parameter *table, *positions;
  const std::int32_t *rows, *places;
  float scale;
  std::optional<Mask> mask;
};

void embed_backward(Tape& tape, const Tape::Node& node, const EmbedInputs& inputs) {
  const std::int64_t n = node.shape.rows;
  if (inputs.mask)
    for_rows(node.shape.size(), 2, [&](std::int64_t begin, std::int64_t end) {
      float* g = node.gradient + begin;
      drop(tape.kernels(), *inputs.mask, begin, end - begin, g, nullptr, g);
    });
  float* scales = tape.allocate<float>(n);
  std::fill_n(scales, n, inputs.scale);
  tape.add_row_gradients({inputs.table, n, inputs.rows, nullptr, scales, node.gradient});
  tape.add_row_gradients({inputs.positions, n, inputs.places, nullptr, nullptr, node.gradient});
}

}  // namespace

Handle embed(Tape& tape, const std::shared_ptr<Parameter>& table, std::span<const std::int32_t> rows,
             float scale, const std::shared_ptr<Parameter>& positions, std::span<const std::int32_t> places,
             float dropout) {
  require(table->cols == positions->cols, "embed: expected parameters of one width, got ", table->cols,
          " and ", positions->cols, " columns");
  require(rows.size() == places.size(), "embed: expected as many places as rows, got ", places.size(),
          " and ", rows.size());
  require(std::isfinite(scale), "embed: scale: expected a finite number, got ", scale);
  check_indices("embed: rows", *table, rows);
  check_indices("embed: places", *positions, places);
  const Shape shape{static_cast<std::int64_t>(rows.size()), table->cols};
  const EmbedInputs inputs{table.get(),     positions.get(),
                           tape.copy(rows), tape.copy(places),
                           scale,           draw_mask(tape, "embed: dropout", dropout, shape.size())};
  float* out = tape.allocate<float>(shape.size());
  for_rows(shape.rows, 2 * shape.cols, [&](std::int64_t begin, std::int64_t end) {
    tape.kernels().embed_rows(end - begin, shape.cols, table->value.data(), inputs.rows + begin, scale,
                              positions->value.data(), inputs.places + begin, out + begin * shape.cols);
    float* done = out + begin * shape.cols;
    if (inputs.mask)
      drop(tape.kernels(), *inputs.mask, begin * shape.cols, (end - begin) * shape.cols, done, nullptr, done);
  });
  tape.keep(table);
  tape.keep(positions);
  return tape.push<embed_backward>(shape, out, inputs);
}

}  // namespace l4r
