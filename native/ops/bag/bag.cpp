#include "ops/bag/bag.h"

#include "base/status.h"
#include "ops/gather/gather.h"
#include "ops/offsets.h"
#include "ops/parallel.h"

namespace l4r {

namespace {

struct BagInputs {
  const Parameter* parameter;
  std::int64_t count;
  const std::int32_t *indices, *bags;  // bags[j]: the bag that entry j belongs to
  const float* scales;
};

void bag_backward(Tape& tape, const Tape::Node& node, const BagInputs& inputs) {
  tape.add_row_gradients(
      {inputs.parameter, inputs.count, inputs.indices, inputs.bags, inputs.scales, node.gradient});
}

}  // namespace

Handle bag(Tape& tape, const std::shared_ptr<Parameter>& parameter, std::span<const std::int32_t> indices,
           std::span<const std::int32_t> offsets, std::span<const float> weights, BagMode mode) {
  check_indices("bag: indices", *parameter, indices);
  check_offsets("bag: offsets", offsets, std::ssize(indices), "indices");
  require(weights.empty() || weights.size() == indices.size(), "bag: weights: expected none or ",
          indices.size(), ", got ", weights.size());

  const auto count = static_cast<std::int64_t>(indices.size());
  const Shape shape{static_cast<std::int64_t>(offsets.size()) - 1, parameter->cols};
  const std::int32_t *kept = tape.copy(indices), *kept_offsets = tape.copy(offsets);
  std::int32_t* bags = tape.allocate<std::int32_t>(count);
  float* scales = tape.allocate<float>(count);
  for (std::int64_t b = 0; b < shape.rows; ++b) {
    const auto entries = static_cast<float>(kept_offsets[b + 1] - kept_offsets[b]);
    for (std::int32_t j = kept_offsets[b]; j < kept_offsets[b + 1]; ++j) {
      const float weight = weights.empty() ? 1.0f : weights[static_cast<std::size_t>(j)];
      bags[j] = static_cast<std::int32_t>(b);
      scales[j] = mode == BagMode::mean ? weight / entries : weight;
    }
  }

  const float* table = parameter->value.data();
  float* out = tape.allocate<float>(shape.size());
  const std::int64_t mean_entries = shape.rows == 0 ? 1 : count / shape.rows + 1;
  for_rows(shape.rows, shape.cols * mean_entries, [&](std::int64_t begin, std::int64_t end) {
    tape.kernels().bag_rows(end - begin, shape.cols, table, kept, scales, kept_offsets + begin,
                            out + begin * shape.cols, false);
  });
  tape.keep(parameter);
  return tape.push<bag_backward>(shape, out, BagInputs{parameter.get(), count, kept, bags, scales});
}

}  // namespace l4r
