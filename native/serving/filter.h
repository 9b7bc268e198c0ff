// A TopKFilter, checked and brought into the form that selection loops want.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "serving/top_k.h"

namespace l4r {

// Throws Error(argument) when a filter does not fit `batch` queries over n items.
void check_filter(const TopKFilter& filter, std::int64_t batch, std::int64_t n);

class ItemFilter {
 public:
  // Borrows the spans of `filter`. Throws as check_filter.
  ItemFilter(const TopKFilter& filter, std::int64_t batch, std::int64_t n);

  bool has_allow() const noexcept { return has_allow_; }
  // The allowed items without the denied ones, ascending and distinct; only with has_allow().
  std::span<const std::int32_t> allowed() const noexcept { return allowed_; }
  // True when so few items are allowed that scoring these alone beats a scan. blocked() is then not to be
  // asked.
  bool sparse() const noexcept { return sparse_; }
  // True for an item that no query of the batch may get.
  bool blocked(std::int32_t item) const noexcept {
    return !blocked_.empty() && blocked_[static_cast<std::size_t>(item)] != 0;
  }

  // The same as arrays: a byte an item; positions in `excluded`, ascending within a query. Empty: none.
  std::span<const std::uint8_t> blocked() const noexcept { return blocked_; }
  std::span<const std::int32_t> seen_offsets() const noexcept { return offsets_; }
  std::span<const std::int32_t> seen_items() const noexcept { return excluded_; }

  // True when no item is left out of any query: neither blocked() nor seen().
  bool open() const noexcept { return blocked_.empty() && offsets_.empty(); }

  // True for an item that a query has excluded.
  bool seen(std::int64_t query, std::int32_t item) const noexcept;
  // The items that a query has excluded, ascending.
  std::span<const std::int32_t> seen(std::int64_t query) const noexcept;

 private:
  void take_excluded(const TopKFilter& filter);
  void take_allowed(const TopKFilter& filter, std::int64_t n);

  std::span<const std::int32_t> offsets_, excluded_;  // ascending within a query
  std::span<const std::uint8_t> blocked_;
  std::vector<std::int32_t> sorted_, allowed_;
  std::vector<std::uint8_t> mask_;
  bool has_allow_, sparse_ = false;
};

}  // namespace l4r
