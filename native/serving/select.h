// Top-k of dense float64 scores.
#pragma once

#include <cstdint>
#include <span>

#include "serving/result.h"

namespace l4r {

// The k best of every row of `scores` [batch x n], by the rule of TopKRows. Lists are short when fewer than
// k items are left. Throws Error(argument) for k < 1, a score that is NaN, and sizes that do not fit. Runs on
// the shared pool.
void select_top_k(std::span<const double> scores, std::int64_t batch, std::int64_t n, std::int64_t k,
                  const TopKFilter& filter, const TopKRows& out);
inline TopKResult select_top_k(std::span<const double> scores, std::int64_t batch, std::int64_t n,
                               std::int64_t k, const TopKFilter& filter = {}) {
  TopKResult result = new_rows(batch, n, k);
  select_top_k(scores, batch, n, k, filter, result.rows());
  return result;
}

}  // namespace l4r
