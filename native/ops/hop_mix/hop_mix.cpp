#include "ops/hop_mix/hop_mix.h"

#include <limits>

#include "base/rng.h"
#include "base/status.h"
#include "ops/parallel.h"
#include "ops/scatter.h"

namespace l4r {

namespace {

struct HopMixInputs {
  Handle x;
  // Two entries an example, the positive and the chosen candidate.
  const std::int32_t *rows, *sources;  // [2 n]
  const float* shares;                 // [2 n] alpha and 1 - alpha
};

void hop_mix_backward(Tape& tape, const Tape::Node& node, const HopMixInputs& inputs) {
  add_rows_to_gradient(tape, inputs.x,
                       {2 * node.shape.rows, inputs.rows, inputs.sources, inputs.shares, node.gradient});
}

void check_rows(const char* name, std::span<const std::int32_t> rows, std::int64_t limit) {
  for (std::size_t i = 0; i < rows.size(); ++i)
    require(rows[i] >= 0 && rows[i] < limit, "hop_mix: ", name, "[", i, "]: expected a row in 0..", limit - 1,
            ", got ", rows[i]);
}

}  // namespace

Handle hop_mix(Tape& tape, Handle x, Handle users, std::span<const std::int32_t> positives,
               std::span<const std::int32_t> candidates) {
  const Shape table = tape.shape(x), shape = tape.shape(users);
  const std::int64_t n = shape.rows, cols = shape.cols;
  require(table.cols == cols, "hop_mix: expected users as wide as x, ", table.cols, ", got ", cols);
  require(static_cast<std::int64_t>(positives.size()) == n, "hop_mix: positives: expected ", n, ", got ",
          positives.size());
  require(n <= std::numeric_limits<std::int32_t>::max() / 2, "hop_mix: expected less than 2^30 rows, got ",
          n);
  const std::int64_t each = n == 0 ? 0 : static_cast<std::int64_t>(candidates.size()) / n;
  require((n == 0 || each > 0) && static_cast<std::int64_t>(candidates.size()) == n * each,
          "hop_mix: candidates: expected as many for each of ", n, " rows, got ", candidates.size());
  check_rows("positives", positives, table.rows);
  check_rows("candidates", candidates, table.rows);

  auto* rows = tape.allocate<std::int32_t>(2 * n);
  auto* sources = tape.allocate<std::int32_t>(2 * n);
  auto* offsets = tape.allocate<std::int32_t>(n + 1);
  auto* shares = tape.allocate<float>(2 * n);
  float* out = tape.allocate<float>(n * cols);
  const auto key = tape.next_random();
  const Philox random(key ? key->seed : 0, key ? key->stream : 0);
  const float *values = tape.node(x).value, *queries = tape.node(users).value;
  for (std::int64_t i = 0; i <= n; ++i) offsets[i] = static_cast<std::int32_t>(2 * i);
  for_rows(n, (each + 2) * cols, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int32_t* own = candidates.data() + i * each;
      const auto word = static_cast<std::uint64_t>(i);
      const float alpha = key ? Philox::unit(random.block(word / 4)[word % 4]) : 0.5f;
      rows[2 * i] = positives[static_cast<std::size_t>(i)];
      rows[2 * i + 1] = own[tape.kernels().best_row(each, cols, values, own, queries + i * cols)];
      sources[2 * i] = sources[2 * i + 1] = static_cast<std::int32_t>(i);
      shares[2 * i] = alpha;
      shares[2 * i + 1] = 1 - alpha;
    }
    tape.kernels().bag_rows(end - begin, cols, values, rows, shares, offsets + begin, out + begin * cols,
                            false);
  });
  return tape.push<hop_mix_backward>({n, cols}, out, HopMixInputs{x, rows, sources, shares},
                                     !tape.wants_gradient(x));
}

}  // namespace l4r
