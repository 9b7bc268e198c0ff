#include "ops/interaction/interaction.h"

#include <algorithm>

#include "base/status.h"
#include "ops/parallel.h"

namespace l4r {

namespace {

struct FieldInputs {
  Handle x;
  std::int64_t fields;
};

std::int64_t pairs_of(std::int64_t fields) { return fields * (fields - 1) / 2; }

// Numbers of a field of x.
std::int64_t width_of(const char* name, Shape shape, std::int64_t fields) {
  require(fields > 0 && shape.cols % fields == 0, name, ": expected a number of fields that divides ",
          shape.cols, " columns, got ", fields);
  return shape.cols / fields;
}

void bi_interaction_backward(Tape& tape, const Tape::Node& node, const FieldInputs& inputs) {
  const auto [rows, width] = node.shape;
  const std::int64_t cols = inputs.fields * width;
  const float* x = tape.node(inputs.x).value;
  const Tape::Target target = tape.target(inputs.x);
  for_rows(rows, cols, [&, cols = cols, width = width](std::int64_t begin, std::int64_t end) {
    tape.kernels().bi_interaction_backward(end - begin, inputs.fields, width, x + begin * cols,
                                           node.gradient + begin * width, target.gradient + begin * cols,
                                           target.accumulate);
  });
}

void pair_products_backward(Tape& tape, const Tape::Node& node, const FieldInputs& inputs) {
  const auto [rows, cols] = tape.shape(inputs.x);
  const std::int64_t width = node.shape.cols, size = pairs_of(inputs.fields) * width;
  const float* x = tape.node(inputs.x).value;
  const Tape::Target target = tape.target(inputs.x);
  for_rows(width == 0 ? 0 : rows, cols + 2 * size, [&, cols = cols](std::int64_t begin, std::int64_t end) {
    tape.kernels().pair_products_backward(end - begin, inputs.fields, width, x + begin * cols,
                                          node.gradient + begin * size, target.gradient + begin * cols,
                                          target.accumulate);
  });
}

}  // namespace

Handle bi_interaction(Tape& tape, Handle x, std::int64_t fields) {
  const Shape from = tape.shape(x);
  const Shape shape{from.rows, width_of("bi_interaction", from, fields)};
  const float* value = tape.node(x).value;
  float* out = tape.allocate<float>(shape.size());
  for_rows(shape.rows, from.cols, [&](std::int64_t begin, std::int64_t end) {
    tape.kernels().bi_interaction(end - begin, fields, shape.cols, value + begin * from.cols,
                                  out + begin * shape.cols);
  });
  return tape.push<bi_interaction_backward>(shape, out, FieldInputs{x, fields}, !tape.wants_gradient(x));
}

Handle pair_products(Tape& tape, Handle x, std::int64_t fields) {
  const Shape from = tape.shape(x);
  const std::int64_t width = width_of("pair_products", from, fields), size = pairs_of(fields) * width;
  constexpr std::int64_t kMostRows = (std::int64_t{1} << 31) - 1;
  require(pairs_of(fields) <= kMostRows / std::max<std::int64_t>(1, from.rows),
          "pair_products: expected less than 2^31 rows of pairs, got ", from.rows, " times the pairs of ",
          fields, " fields");
  const Shape shape{from.rows * pairs_of(fields), width};
  const float* value = tape.node(x).value;
  float* out = tape.allocate<float>(shape.size());
  for_rows(width == 0 ? 0 : from.rows, from.cols + size, [&](std::int64_t begin, std::int64_t end) {
    tape.kernels().pair_products(end - begin, fields, width, value + begin * from.cols, out + begin * size);
  });
  return tape.push<pair_products_backward>(shape, out, FieldInputs{x, fields}, !tape.wants_gradient(x));
}

}  // namespace l4r
