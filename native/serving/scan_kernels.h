// The inner loop of the exact top-k: scores of panels of items from their shadow of integers (see shadow.h)
// against a few queries at once, and the items whose score, error bound added, reaches a threshold. One table
// per instruction-set level.
#pragma once

#include <cstdint>

namespace l4r {

enum class Level;

inline constexpr int kPanelItems = 16;  // items of a panel, side by side
inline constexpr int kCodeBlock = 4;    // dimensions that one multiply-add of bytes takes
inline constexpr int kBlockBytes = kPanelItems * kCodeBlock;

// Largest of a panel's items, rounded up: |r|, what its codes leave; |x| + |r|; |bias|.
struct PanelBounds {
  float residual, length, bias;
};

// Items that may be among the best, places ascending: the true score of places[i] lies in
// [lowers[i], uppers[i]]. Each has room for all items of the tile.
struct ScanHits {
  std::int32_t* places;
  float *lowers, *uppers;
  std::int64_t count;  // set by the kernel
};

// A query beside its codes. Its scores in a panel err by at most
// residual * bounds.residual + length * bounds.length + bias * bounds.bias + slack.
struct QueryTerms {
  float scale, inverse;  // above 0, and one over it
  std::int32_t
      offset;  // takes back what items are stored with too much: -128 or -8 times the sum of the codes
  float residual, length, bias, slack;
};

// A block holds kCodeBlock dimensions of every item of a panel, a byte each: byte 4 i + j is 128 + code of
// dimension j of item i. With codes of 4 bits it holds twice as many: the byte's lower half is 8 + code of
// dimension j, its upper half that of dimension kCodeBlock + j.
struct ScanTile {
  int bits;                   // of a code: 8 or 4
  const std::uint8_t* codes;  // [count x blocks x kBlockBytes]
  const float* scales;        // [count x kPanelItems]
  const float* biases;        // [count x kPanelItems], or null: all 0
  const PanelBounds* bounds;  // [count]
  std::int64_t count;         // panels
  std::int64_t blocks;
  std::int32_t first;  // place of the tile's first item
  const std::int32_t*
      queries;  // [words x number of queries], kCodeBlock codes each; a block of 4 bits takes two words
  const QueryTerms* terms;  // per query
  const float* thresholds;  // per query
  ScanHits* hits;           // per query
};

// Panels whose items share one maximum a lane: multiples of the least.
inline constexpr int kLeastGroup = 4, kMostGroup = 16;

struct ScanKernels {
  int max_queries;                                  // queries that one pass can take
  void (*scan)(const ScanTile& tile, int queries);  // 1 <= queries <= max_queries
  // For each query the largest lower bounds of disjoint sets of items: `maxima` is
  // [queries x count / group x kPanelItems]. Thresholds and hits of the tile are not used; count is a
  // multiple of `group`.
  void (*maxima)(const ScanTile& tile, int queries, int group, float* maxima);
  float (*read)(const float* data,
                std::int64_t count);  // sum of count floats, a multiple of 128: for the probe
  float (*multiply_add)(
      std::int64_t rounds);  // rounds * multiply_adds_per_round FMAs in registers: for the probe
  std::int64_t multiply_adds_per_round;
  // rounds * byte_multiply_adds_per_round multiply-adds of bytes in registers: for the probe.
  float (*multiply_add_bytes)(std::int64_t rounds);
  std::int64_t byte_multiply_adds_per_round;
};

// The table of the active level, or of one level; throws Error(argument) when this build or machine lacks it.
const ScanKernels& scan_kernels();
const ScanKernels& scan_kernels(Level level);

}  // namespace l4r
