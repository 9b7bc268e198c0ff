// Exact top-k over vectors that are seen once: nothing is built for them. For vectors that stay, a Catalogue
// is many times faster.
#pragma once

#include <cstdint>
#include <span>

#include "serving/top_k.h"

namespace l4r {

// The k best of items [n x d] for each of queries [batch x d] by query . item + bias (biases [n], or empty:
// 0), by the rule of TopKRows; the same scores and order as Catalogue::top_k. Throws Error(argument) for
// sizes that do not fit and numbers that are not finite.
void brute_force_top_k(std::span<const float> items, std::span<const float> biases, std::int64_t d,
                       std::span<const float> queries, std::int64_t k, const TopKFilter& filter,
                       const TopKRows& out);

}  // namespace l4r
