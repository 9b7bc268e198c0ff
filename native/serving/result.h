// Checks shared by every top-k, and the rows they fill.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "base/buffer.h"
#include "base/overlap.h"
#include "base/status.h"
#include "serving/top_k.h"

namespace l4r {

// Throws Error(argument) for k < 1, a negative size, more items than an id can name.
inline void check_sizes(std::int64_t batch, std::int64_t n, std::int64_t k) {
  constexpr std::int64_t kLargest = std::numeric_limits<std::int32_t>::max() / 2;
  require(k >= 1 && k <= kLargest, "k: expected an integer of at least 1, got ", k);
  require(batch >= 0 && batch <= kLargest, "batch: expected at least 0, got ", batch);
  require(n >= 0 && n <= kLargest, "items: expected 0..", kLargest, ", got ", n);
}

// Throws Error(argument) as check_sizes, and unless `rows` are batch lists of k places.
inline void check_rows(const TopKRows& rows, std::int64_t batch, std::int64_t n, std::int64_t k) {
  check_sizes(batch, n, k);
  const auto places = static_cast<std::size_t>(batch * k);
  require(rows.ids.size() == places, "ids: expected ", places, " places, got ", rows.ids.size());
  require(rows.scores.size() == places, "scores: expected ", places, " places, got ", rows.scores.size());
  require(rows.counts.size() == static_cast<std::size_t>(batch), "counts: expected ", batch, " places, got ",
          rows.counts.size());
}

// Throws Error(argument) unless `rows` share no memory with each other, with the filter and with what else is
// read: JavaScript can lay any of them over any other.
template <typename... Read>
void check_apart(const TopKRows& rows, const TopKFilter& filter, const Read&... read) {
  const auto apart = [](const auto& out, const auto&... others) {
    require((!overlap(out, others) && ...), "into: expected memory apart from what is read");
  };
  apart(rows.ids, rows.scores, rows.counts, filter.exclude_offsets, filter.exclude, filter.deny, filter.allow,
        read...);
  apart(rows.scores, rows.counts, filter.exclude_offsets, filter.exclude, filter.deny, filter.allow, read...);
  apart(rows.counts, filter.exclude_offsets, filter.exclude, filter.deny, filter.allow, read...);
}

// None filled.
inline void clear_rows(const TopKRows& rows) {
  std::fill(rows.ids.begin(), rows.ids.end(), -1);
  std::fill(rows.scores.begin(), rows.scores.end(), 0.0);
  std::fill(rows.counts.begin(), rows.counts.end(), 0);
}

// Memory for batch lists of k places.
inline TopKResult new_rows(std::int64_t batch, std::int64_t n, std::int64_t k) {
  check_sizes(batch, n, k);
  const std::size_t places = checked_bytes(batch * k, sizeof(double)) / sizeof(double);
  return {std::vector<std::int32_t>(places), std::vector<double>(places),
          std::vector<std::int32_t>(static_cast<std::size_t>(batch))};
}

}  // namespace l4r
