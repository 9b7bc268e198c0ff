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
    pending_[count_++] = {list, length, rank, 0, to};
    if (count_ == kTogether) finish();
  }

  // Writes what has not been written yet.
  void finish() {
    std::int32_t longest = 0;
    for (std::size_t s = 0; s < count_; ++s) longest = std::max(longest, pending_[s].left);
    // Searches that have ended, or never begun, go on without an effect.
    for (; longest > 0; longest /= 2)
      for (Search& search : pending_) search.halve();
    for (std::size_t s = 0; s < count_; ++s) *pending_[s].to = pending_[s].rank + pending_[s].before;
    count_ = 0;
  }

 private:
  static constexpr std::size_t kTogether = 8;
  static constexpr std::int32_t kNone = 0;

  struct Search {
    const std::int32_t* list = &kNone;
    std::int32_t left = 0;  // entries from `before` on that are still in question
    std::int32_t rank = 0;
    std::int32_t before = 0;  // entries known to lie below the answer
    std::int32_t* to = nullptr;

    void halve() {
      const std::int32_t half = left - left / 2;
      const std::int32_t middle = std::max(before + half - 1, 0);
      before += list[middle] - middle <= rank ? half : 0;
      left -= half;
    }
  };

  std::array<Search, kTogether> pending_;
  std::size_t count_ = 0;
};

}  // namespace l4r
