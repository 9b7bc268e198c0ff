// What the ops over softmaxes of a whole table share: their checks, and how they cut their rows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "autograd/tape.h"
#include "base/status.h"

namespace l4r {

// Cost of a score in streamed elements: an exponential, three passes.
inline constexpr std::int64_t kScoreCost = 4;

// Rows at a time: about 2^18 scores, 1 MB, near the size of an L2 cache; but never so few that packing the
// table for them would cost more than the products.
inline std::int64_t score_rows(std::int64_t rows, std::int64_t items) {
  constexpr std::int64_t kScores = std::int64_t{1} << 18, kFewestRows = 144;
  return std::min(rows, std::max(kFewestRows, kScores / std::max<std::int64_t>(1, items)));
}

// Throws Error(argument), which begins with the name of the op.
inline void check_scores(const char* op, Shape states, Shape table, std::span<const std::int32_t> targets) {
  require(states.cols == table.cols, op, ": expected states and table of equal width, got ", states.rows,
          " x ", states.cols, " and ", table.rows, " x ", table.cols);
  require(static_cast<std::int64_t>(targets.size()) == states.rows, op, ": targets: expected ", states.rows,
          ", one a row, got ", targets.size());
  for (std::size_t i = 0; i < targets.size(); ++i)
    require(targets[i] >= 0 && targets[i] < table.rows, op, ": targets[", i,
            "]: expected a row of the table in 0..", table.rows - 1, ", got ", targets[i]);
}

}  // namespace l4r
