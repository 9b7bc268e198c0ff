#include "ops/bpr/bpr_rows.h"

#include <cmath>

#include "base/status.h"
#include "ops/gather/gather.h"
#include "ops/parallel.h"

namespace l4r {

namespace {

// A pair in streamed elements: three rows and what bpr_loss costs.
std::int64_t pair_cost(std::int64_t cols) { return 3 * cols + 16; }

struct BprRowsInputs {
  const Parameter *users, *items;
  std::int64_t pairs;
  const std::int32_t *user_rows, *positive_rows, *negative_rows;  // [pairs]
  const float* slopes;                                            // [pairs] d loss / d score of the negative
  float l2;
};

void bpr_rows_backward(Tape& tape, const Tape::Node& node, const BprRowsInputs& in) {
  if (in.pairs == 0) return;
  const float factor = node.gradient[0] / static_cast<float>(in.pairs);
  float* up = tape.allocate<float>(in.pairs);
  float* down = tape.allocate<float>(in.pairs);
  tape.kernels().scale_add(in.pairs, factor, in.slopes, up, false);
  tape.kernels().scale_add(in.pairs, -factor, in.slopes, down, false);
  const auto add = [&](const Parameter& to, const std::int32_t* rows, const Parameter& source,
                       const std::int32_t* sources, const float* scales, float own) {
    tape.add_row_gradients({&to, in.pairs, rows, sources, scales, source.value.data(), own, &source,
                            to.adam.steps + source.adam.steps});
  };
  const float own = in.l2 * factor;
  add(*in.users, in.user_rows, *in.items, in.positive_rows, down, own);
  add(*in.users, in.user_rows, *in.items, in.negative_rows, up, 0);
  add(*in.items, in.positive_rows, *in.users, in.user_rows, down, own);
  add(*in.items, in.negative_rows, *in.users, in.user_rows, up, own);
}

// One row a pair.
const std::int32_t* repeated(Tape& tape, std::span<const std::int32_t> rows, std::int64_t times) {
  if (times == 1) return tape.copy(rows);
  std::int32_t* to = tape.allocate<std::int32_t>(std::ssize(rows) * times);
  for (std::int64_t i = 0; i < std::ssize(rows) * times; ++i)
    to[i] = rows[static_cast<std::size_t>(i / times)];
  return to;
}

}  // namespace

Handle bpr_rows(Tape& tape, const std::shared_ptr<Parameter>& users, const std::shared_ptr<Parameter>& items,
                const PairRows& rows, float l2) {
  const std::int64_t examples = std::ssize(rows.users), pairs = std::ssize(rows.negatives);
  require(users->cols == items->cols, "bpr_rows: expected parameters of one width, got ", users->cols,
          " and ", items->cols, " columns");
  require(std::ssize(rows.positives) == examples, "bpr_rows: positives: expected ", examples, " rows, got ",
          rows.positives.size());
  require(examples == 0 ? pairs == 0 : pairs > 0 && pairs % examples == 0,
          "bpr_rows: negatives: expected a multiple of ", examples, " rows, got ", pairs);
  require(std::isfinite(l2) && l2 >= 0, "bpr_rows: l2: expected a finite number of 0 or more, got ", l2);
  check_indices("bpr_rows: users", *users, rows.users);
  check_indices("bpr_rows: positives", *items, rows.positives);
  check_indices("bpr_rows: negatives", *items, rows.negatives);
  const std::int64_t each = examples == 0 ? 1 : pairs / examples;
  float* slopes = tape.allocate<float>(pairs);
  const BprRowsInputs in{users.get(),
                         items.get(),
                         pairs,
                         repeated(tape, rows.users, each),
                         repeated(tape, rows.positives, each),
                         tape.copy(rows.negatives),
                         slopes,
                         l2};
  const std::int64_t parts = part_count(pairs, pair_cost(users->cols));
  double* losses = tape.allocate<double>(parts);
  double* squares = tape.allocate<double>(parts);
  const std::int64_t grain = row_grain(pair_cost(users->cols));
  const double loss =
      sum_rows(pairs, pair_cost(users->cols), losses, [&](std::int64_t begin, std::int64_t end) {
        return tape.kernels().bpr_rows(
            end - begin, users->cols, users->value.data(), items->value.data(),
            {in.user_rows + begin, in.positive_rows + begin, in.negative_rows + begin}, slopes + begin,
            squares + begin / grain);
      });
  double norms = 0;
  for (std::int64_t part = 0; part < parts; ++part) norms += squares[part];
  float* out = tape.allocate<float>(1);
  *out = pairs == 0 ? 0.0f : static_cast<float>((loss + 0.5 * l2 * norms) / static_cast<double>(pairs));
  tape.keep(users);
  tape.keep(items);
  return tape.push<bpr_rows_backward>({1, 1}, out, in);
}

}  // namespace l4r
