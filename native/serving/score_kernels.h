// What decides an exact top-k once a scan has left few items: their float64 scores, and thresholds among many
// numbers. One table per instruction-set level; every level gives the same bits.
#pragma once

#include <cstdint>

namespace l4r {

enum class Level;

// Comparing all pairs of so many is faster than sorting.
inline constexpr std::int64_t kMostPlaced = 160;

struct ScoreKernels {
  // scores[i] = ((q[0] x[0] + q[1] x[1]) + ...) of row x = rows[ids[i]], from 0 in ascending dimension, then
  // the bias of the item; rows [n x d], biases [n] or null. Products of two float32 are exact in float64, so
  // a fused multiply-add rounds as a plain loop does.
  void (*exact_scores)(const float* query, std::int64_t d, const float* rows, const float* biases,
                       const std::int32_t* ids, std::int64_t count, double* scores);
  // A number that exactly k of the values reach, or at least k and it is near the k-th largest: a threshold,
  // found without sorting.
  // 1 <= k <= count; no value is NaN.
  float (*floor_of_kth)(const float* values, std::int64_t count, std::int64_t k);
  // The place of each item in the order of TopKRows; no score is NaN, no id is there twice. Quadratic: for
  // few, 0 <= count <= kMostPlaced.
  void (*places)(const double* scores, const std::int32_t* ids, std::int64_t count, std::int32_t* out);
};

// The table of the active level, or of one level; throws Error(argument) when this build or machine lacks it.
const ScoreKernels& score_kernels();
const ScoreKernels& score_kernels(Level level);

}  // namespace l4r
