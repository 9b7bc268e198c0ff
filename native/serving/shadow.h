// A shadow of a catalogue in integers of 8 or 4 bits: a quarter or an eighth of its bytes, from which scores
// follow within a bound that is proved.
//
// An item is x = s c + r: c its codes in -127..127 or -7..7, s its scale, r the rest; likewise, always of 8
// bits, a query q = t k + e. Then q x = t s (k c) + e (s c) + q r, where k c is an integer, computed exactly,
// and by Cauchy and Schwarz the rest is at most |e| (|x| + |r|) + |q| |r|. Norms are computed in double and
// rounded up; roundings in float32 are bounded on top.
//
// Items stand by falling norm, so that panels are alike and a scan ends where nothing longer is to come.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "serving/catalogue_layout.h"
#include "serving/scan_kernels.h"

namespace l4r {

// Smallest float >= x and largest float <= x, for finite x.
float round_up(double x);
float round_down(double x);

// Queries as the kernels take them.
struct CodedQueries {
  // Groups of up to `group` queries, [words x queries of the group] each.
  std::vector<std::int32_t> codes;
  std::vector<QueryTerms> terms;
  std::vector<float> norms;  // rounded up; infinite for a query that has no bound
};

// Items by falling norm, equal ones by id.
struct NormOrder {
  std::vector<double> norms;        // [n] by item, rounded up
  std::vector<std::int32_t> items;  // [n]
};
NormOrder order_by_norm(std::span<const float> items, std::int64_t n, std::int64_t d);

class Shadow {
 public:
  // No panels.
  Shadow() = default;
  // Writes the shadow of items of [n x d], biases: n or empty, all finite. bits: 8 or 4.
  static void write(const ShadowSlices& slices, std::uint8_t* memory, std::span<const float> items,
                    std::span<const float> biases, const NormOrder& order, std::int64_t d, int bits);
  // A view of what was written; the memory must outlive it.
  Shadow(const ShadowSlices& slices, const std::uint8_t* memory, std::int64_t n, std::int64_t d, int bits);

  // Throw Error(argument), as a part of a sentence about the file, unless the numbers can do no harm: after
  // that, other bytes than `write` wrote may cost the right answer but no read out of bounds. Of what shadows
  // share: each item has one place. Of this one: no score, nor a bound of one, can be NaN.
  void check_order() const;
  void check_bounds() const;

  std::int64_t panels() const noexcept { return panels_; }
  std::int64_t words() const noexcept { return bits_ == 8 ? blocks_ : 2 * blocks_; }
  std::int64_t panel_bytes() const noexcept { return blocks_ * kBlockBytes; }
  // The item at a place, or -1 in the last panel's empty places.
  std::int32_t item(std::int32_t place) const noexcept { return items_[place]; }

  // Where an item stands.
  std::int32_t place(std::int32_t item) const noexcept { return places_[item]; }

  CodedQueries code(std::span<const float> queries, std::int64_t batch, std::int64_t group) const;

  // Panels [begin, end) as a tile without queries.
  ScanTile tile(std::int64_t begin, std::int64_t end) const noexcept;

  // No item in panel `panel` or any after it scores above this against a query of that norm.
  double reach(std::int64_t panel, float query_norm) const noexcept;

 private:
  int bits_ = 8;
  std::int64_t n_ = 0, d_ = 0, blocks_ = 0, panels_ = 0;
  // See ShadowSlices.
  const std::uint8_t* codes_ = nullptr;
  const float* scales_ = nullptr;
  const float* biases_ = nullptr;  // null: all 0
  const PanelBounds* bounds_ = nullptr;
  const float* largest_bias_ = nullptr;
  const std::int32_t* items_ = nullptr;
  const std::int32_t* places_ = nullptr;
  double largest_length_ = 0, largest_bias_size_ = 0;
};

}  // namespace l4r
