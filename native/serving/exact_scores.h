// The float64 scores that decide every exact top-k.
#pragma once

#include <algorithm>
#include <cstdint>

namespace l4r {

// scores[i] = the sum over j, ascending from 0, of query[j] * rows[ids[i] d + j], then the bias of the item;
// rows [n x d], biases [n] or null. Eight items side by side: each is one chain of dependent sums.
inline void exact_scores(const float* query, std::int64_t d, const float* rows, const float* biases,
                         const std::int32_t* ids, std::int64_t count, double* scores) {
  constexpr int kSide = 8;
  for (std::int64_t begin = 0; begin < count; begin += kSide) {
    const float* side[kSide];
    double sums[kSide] = {};
    for (int s = 0; s < kSide; ++s) side[s] = rows + std::int64_t{ids[std::min(begin + s, count - 1)]} * d;
    for (std::int64_t j = 0; j < d; ++j)
      for (int s = 0; s < kSide; ++s) sums[s] += double{query[j]} * double{side[s][j]};
    for (int s = 0; s < kSide && begin + s < count; ++s)
      scores[begin + s] = sums[s] + (biases == nullptr ? 0.0 : double{biases[ids[begin + s]]});
  }
}

}  // namespace l4r
