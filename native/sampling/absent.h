#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace l4r {

// Finds the item that has `rank` items before it among those that are not in `list` (`length` items, strictly
// ascending): exact, no rejection. Below the c-th entry of the list lie list[c] - c absent items, so it is a
// binary search; eight run in step and without branches, for a single one waits for memory and for wrongly
// guessed branches. Lists and places to write to stay where they are until finish().
class AbsentSearch {
 public:
  void add(const std::int32_t* list, std::int32_t length, std::int32_t rank, std::int32_t* to) {
    if (length == 0) {
      *to = rank;
      return;
    }
    lists_[count_] = list;
    left_[count_] = static_cast<std::uint32_t>(length);
    items_[count_] = rank;
    to_[count_] = to;
    if (++count_ == kTogether) finish();
  }

  // Writes what has not been written yet.
  void finish() {
    for (std::size_t s = count_; s < kTogether; ++s) {
      lists_[s] = &kNone;
      left_[s] = 1;
    }
    // Those with one entry left stay where they are.
    for (std::uint32_t longest = std::ranges::max(left_); longest > 1; longest -= longest / 2)
      for (std::size_t s = 0; s < kTogether; ++s) {
        const std::uint32_t half = left_[s] / 2;
        const std::int32_t* middle = lists_[s] + half;
        const std::int32_t item = items_[s] + static_cast<std::int32_t>(half);
        const bool below = *middle <= item;
        lists_[s] = below ? middle : lists_[s];
        items_[s] = below ? item : items_[s];
        left_[s] -= half;
      }
    for (std::size_t s = 0; s < count_; ++s) *to_[s] = items_[s] + (*lists_[s] <= items_[s] ? 1 : 0);
    count_ = 0;
  }

 private:
  static constexpr std::size_t kTogether = 8;
  static constexpr std::int32_t kNone = 0;

  std::array<const std::int32_t*, kTogether> lists_;  // from the first entry in question on
  std::array<std::uint32_t, kTogether> left_;         // entries in question
  std::array<std::int32_t, kTogether> items_{};  // the rank and the entries known to lie below the answer
  std::array<std::int32_t*, kTogether> to_;
  std::size_t count_ = 0;
};

}  // namespace l4r
