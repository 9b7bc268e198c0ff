// Exact top-k over items that stay on a device, by the rules of Catalogue (catalogue.h): a scan of an int8
// shadow whose scores come with a proved error bound, then float64 scores of what is left, in ascending
// dimension. The answer does not depend on the order in which threads run.
#pragma once

#include "cuda/device.h"

namespace l4r::cuda {

inline constexpr int kPanel = 32;  // items side by side, one a lane
inline constexpr int kChunk = 16;  // dimensions that one load of a lane takes

// Largest of a panel's items, rounded up: |r|, what its codes leave; |x| + |r|; |bias|.
struct PanelBound {
  float residual, length, bias;
};

// A query beside its codes: its scores in a panel err by at most
// residual * bound.residual + length * bound.length + bias * bound.bias + slack.
struct QueryTerm {
  float scale, residual, length, bias, slack;
};

// Codes of 8 bits: chunk c of the item in lane i of a panel is the kChunk bytes at
// ((panel * chunks + c) * kPanel + i) * kChunk. Panels are filled up with zeros.
struct ShadowView {
  const std::int8_t* codes;
  const float *scales, *biases;  // [panels x kPanel]; biases null: all 0
  const PanelBound* bounds;      // [panels]
  std::int64_t n, panels;
  int chunks;
};

struct CodedView {
  const std::int8_t* codes;  // [batch x chunks x kChunk]
  const QueryTerm* terms;    // [batch]
  std::int64_t batch;
};

// Items that a query may not get.
struct FilterView {
  const std::uint8_t* blocked;              // [n] or null
  const std::int32_t *seen_offsets, *seen;  // [batch + 1] and ascending ids, or null
};

// Items that may be among the best of each query: capacity places a query, counts[b] of them taken, or more
// when there was no room for all.
struct HitsView {
  std::int32_t* places;
  float *lowers, *uppers;  // of their true scores; null where they are not wanted
  std::int32_t* counts;
  std::int64_t capacity;
};

// items [n x d], biases [n] or null, on the device: codes, scales and bounds of whole panels.
void code_items(Stream stream, const float* items, const float* biases, std::int64_t n, std::int64_t d,
                int chunks, std::int8_t* codes, float* scales, PanelBound* bounds);
// queries [batch x d]; largest_length and largest_bias are those of all panels.
void code_queries(Stream stream, const float* queries, std::int64_t batch, std::int64_t d, int chunks,
                  double largest_length, double largest_bias, std::int8_t* codes, QueryTerm* terms);

// The panels that a sample looks at: `groups` warps of `depth` panels, `spacing` apart. Each lane of a warp
// keeps its largest lower bound: maxima [batch x groups x kPanel].
struct Sample {
  std::int64_t groups, depth, spacing;
};
void sample_maxima(Stream stream, const ShadowView& shadow, const CodedView& queries,
                   const FilterView& filter, const Sample& sample, float* maxima);
// thresholds[b] = the k-th largest of row b, -infinity when there are fewer.
void kth_largest_of_rows(Stream stream, const float* values, std::int64_t batch, std::int64_t columns,
                         std::int64_t k, float* thresholds);
// All items whose upper bound reaches the threshold of a query.
void scan_panels(Stream stream, const ShadowView& shadow, const CodedView& queries, const FilterView& filter,
                 const float* thresholds, const HitsView& hits);

// The same on the tensor cores, for many queries.
inline constexpr std::int64_t kTiledFrom = 16;
void scan_tiles(Stream stream, const ShadowView& shadow, const CodedView& queries, const FilterView& filter,
                const float* thresholds, const HitsView& hits);

// Raises thresholds to the k-th largest lower bound among the hits of a query.
void raise_thresholds(Stream stream, const HitsView& hits, std::int64_t batch, std::int64_t k,
                      float* thresholds);
// Appends the hits that reach the threshold to `kept`.
void keep_reaching(Stream stream, const HitsView& hits, std::int64_t batch, const float* thresholds,
                   const HitsView& kept);
// Appends the items list[0 .. count), or first .. first + count with a null list, to every query's hits.
void offer_items(Stream stream, const std::int32_t* list, std::int64_t first, std::int64_t count,
                 std::int64_t batch, const FilterView& filter, const HitsView& hits);
// Appends what is in the result rows of k places.
void offer_best(Stream stream, const std::int32_t* ids, const std::int32_t* counts, std::int64_t batch,
                std::int64_t k, const HitsView& hits);
// scores [batch x capacity] of the hits, in float64.
void score_hits(Stream stream, const HitsView& hits, const float* items, const float* biases, std::int64_t d,
                const float* queries, std::int64_t batch, double* scores);
// Lists up to this long come sorted; longer ones hold the k best in no order.
inline constexpr std::int64_t kMostSorted = 2048;
void select_best(Stream stream, const HitsView& hits, const double* scores, std::int64_t batch,
                 std::int64_t k, std::int32_t* ids, double* best, std::int32_t* counts);

class DeviceCatalogue {
 public:
  DeviceCatalogue(Device& device, const ItemsView& items);

  Device& device() const noexcept { return device_; }
  void top_k(const TopKCall& call);

 private:
  struct Work;

  ShadowView shadow() const noexcept;
  void search(const TopKCall& call, std::int64_t first, std::int64_t count, Work& work);
  void scan(Work& work, std::int64_t count);
  void settle(Work& work, const HitsView& hits, std::int64_t first, std::int64_t count);
  void look_at_all(Work& work, std::int64_t first, std::int64_t count);

  Device& device_;
  std::int64_t n_, d_, panels_;
  int chunks_;
  Array<float> items_, biases_;
  Array<std::int8_t> codes_;
  Array<float> scales_, panel_biases_;
  Array<PanelBound> bounds_;
  double largest_length_ = 0, largest_bias_ = 0;
};

}  // namespace l4r::cuda
