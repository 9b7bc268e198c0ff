// Top-k of dense float64 scores.
#pragma once

#include <cstdint>
#include <span>

#include "serving/top_k.h"

namespace l4r {

// The k best of every row of `scores` [batch x n], by the rule of TopKResult. Lists are short when fewer than
// k items are left. Throws Error(argument) for k < 1, a score that is NaN, and sizes that do not fit. Runs on
// the shared pool.
TopKResult select_top_k(std::span<const double> scores, std::int64_t batch, std::int64_t n, std::int64_t k,
                        const TopKFilter& filter = {});

}  // namespace l4r
