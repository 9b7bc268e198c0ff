#include "sampling/absent_items.h"

#include <algorithm>
#include <limits>

namespace l4r {

namespace {

// Keys of a level lie 2^shift entries apart, four bits more on each level up.
constexpr int kBits = 4;

// Nodes of a level of a list that is not empty.
std::size_t nodes_of(std::int32_t length, int shift) {
  return static_cast<std::size_t>((length - 1) >> shift >> kBits) + 1;
}

}  // namespace

void AbsentItems::add(std::span<const std::int32_t> list) {
  const auto length = static_cast<std::int32_t>(list.size());
  int top = 0;
  while (length > 0 && nodes_of(length, top) > 1) top += kBits;
  lists_.push_back({nodes_.size(), length, top});
  if (list.empty()) return;
  for (int shift = top; shift >= 0; shift -= kBits)
    for (std::size_t node = 0; node < nodes_of(length, shift); ++node) {
      Node& made = nodes_.emplace_back();
      for (std::size_t key = 0; key < kKeys; ++key) {
        const std::size_t entry = (node * kKeys + key) << shift;
        made.keys[key] = entry < list.size() ? list[entry] - static_cast<std::int32_t>(entry)
                                             : std::numeric_limits<std::int32_t>::max();
      }
    }
}

void AbsentSearch::add(std::int32_t list, std::int32_t rank, std::int32_t* to) {
  const auto [root, length, top] = items_.at(list);
  if (length == 0) {
    *to = rank;
    return;
  }
  const AbsentItems::Node* level = items_.nodes_.data() + root;
  __builtin_prefetch(level);
  queries_[count_] = {level, rank, 0, length, top, to};
  if (++count_ == kTogether) finish();
}

void AbsentSearch::finish() {
  while (count_ > 0) {
    std::size_t left = 0;  // those that go on, moved to the front
    for (std::size_t q = 0; q < count_; ++q) {
      Query query = queries_[q];
      // In columns of four, which compilers turn into vectors.
      std::int32_t above[4] = {};
      for (std::size_t key = 0; key < AbsentItems::kKeys; key += 4)
        for (std::size_t lane = 0; lane < 4; ++lane)
          above[lane] += query.level[query.node].keys[key + lane] > query.rank ? 1 : 0;
      const std::int32_t below =
          static_cast<std::int32_t>(AbsentItems::kKeys) - (above[0] + above[1] + above[2] + above[3]);
      const std::int32_t first = query.node << kBits;
      if (query.shift == 0) {
        *query.to = query.rank + first + below;
        continue;
      }
      query.level += nodes_of(query.length, query.shift);
      query.node = first + std::max(below - 1, 0);
      query.shift -= kBits;
      __builtin_prefetch(query.level + query.node);
      queries_[left++] = query;
    }
    count_ = left;
  }
}

}  // namespace l4r
