// What every top-k of this library takes and gives: the filter, the result, and the one rule of selection.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace l4r {

// Row b holds counts[b] results, best first: higher score first, equal scores by lower id. The rest of a row
// is id -1 and score 0 and is not a result.
struct TopKRows {
  std::span<std::int32_t> ids;     // [batch x k]
  std::span<double> scores;        // [batch x k]
  std::span<std::int32_t> counts;  // [batch]
};

// The same with memory of its own.
struct TopKResult {
  std::vector<std::int32_t> ids;
  std::vector<double> scores;
  std::vector<std::int32_t> counts;
  TopKRows rows() { return {ids, scores, counts}; }
};

// Items to leave out before the best are taken. Spans are borrowed for the call. Ids outside the catalogue
// are errors.
struct TopKFilter {
  std::span<const std::int32_t>
      exclude_offsets{};                    // batch + 1 positions in `exclude`; empty = nothing excluded
  std::span<const std::int32_t> exclude{};  // ids per query, in any order, duplicates allowed
  std::span<const std::uint8_t> deny{};   // one byte an item, not 0 = denied to the whole batch; empty = none
  std::span<const std::int32_t> allow{};  // ids in any order, duplicates allowed; read when has_allow is set
  bool has_allow = false;                 // set with an empty `allow`, nothing is allowed
};

}  // namespace l4r
