// The inner loop of the exact top-k: float32 scores of panels of items against a few queries at once, and the
// items whose score, error bound added, reaches a threshold. One table per instruction-set level.
#pragma once

#include <cstdint>

namespace l4r {

enum class Level;

// An item that may be among the best: its true score lies in [lower, upper].
struct ScanHit {
  std::int32_t item;
  float lower, upper;
};

struct ScanTile {
  const float* panels;  // [count x d x lanes]
  const float* norms;   // [count x lanes]
  const float* biases;  // [count x lanes]
  std::int64_t count;   // panels
  std::int64_t d;
  std::int32_t first;       // id of the tile's first item
  const float* queries;     // [d x number of queries]
  const float* thresholds;  // per query
  // The error of a score is at most norm_error[q] * norm + bias_error * |bias| + slack[q].
  const float* norm_error;
  const float* slack;
  float bias_error;
  ScanHit* hits;  // [queries x capacity], capacity >= count * lanes; ids ascend within a query
  std::int64_t capacity;
  std::int32_t* hit_counts;  // per query, set by the kernel
};

struct ScanKernels {
  int lanes;                                        // items in a panel
  int max_queries;                                  // queries that one pass can take
  void (*scan)(const ScanTile& tile, int queries);  // 1 <= queries <= max_queries
  float (*read)(const float* data,
                std::int64_t count);  // sum of count floats, a multiple of 128: for the probe
  float (*multiply_add)(
      std::int64_t rounds);  // rounds * multiply_adds_per_round FMAs in registers: for the probe
  std::int64_t multiply_adds_per_round;
};

// The table of the active level, or of one level; throws Error(argument) when this build or machine lacks it.
const ScanKernels& scan_kernels();
const ScanKernels& scan_kernels(Level level);

}  // namespace l4r
