#include "sampling/absent_items.h"

#include <algorithm>
#include <limits>

namespace l4r {

void AbsentItems::add(std::span<const std::int32_t> list) {
  const auto length = static_cast<std::int32_t>(list.size());
  int top = 0;
  while (length > 0 && nodes_of(length, top) > 1) top += SearchNode::kBits;
  lists_.push_back({nodes_.size(), length, top});
  if (list.empty()) return;
  for (int shift = top; shift >= 0; shift -= SearchNode::kBits)
    for (std::int64_t node = 0; node < nodes_of(length, shift); ++node) {
      SearchNode& made = nodes_.emplace_back();
      for (std::int64_t key = 0; key < SearchNode::kKeys; ++key) {
        const auto entry = static_cast<std::size_t>((node * SearchNode::kKeys + key) << shift);
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
  const SearchNode* level = items_.nodes_.data() + root;
  __builtin_prefetch(level);
  searches_[static_cast<std::size_t>(count_)] = {level, rank, 0, length, top, to};
  if (++count_ == std::ssize(searches_)) finish();
}

void AbsentSearch::finish() {
  while (count_ > 0) count_ = kernels_.search_level(searches_.data(), count_);
}

}  // namespace l4r
