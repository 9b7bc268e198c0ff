#include "base/arena.h"

#include <algorithm>

namespace l4r {

namespace {
constexpr std::size_t kAlignment = 64;
constexpr std::size_t kSmallestBlock = std::size_t{1} << 20;
}  // namespace

void* Arena::allocate_bytes(std::size_t bytes) {
  const std::size_t padded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (blocks_.empty() || offset_ + padded > static_cast<std::size_t>(blocks_.back().size())) {
    blocks_.emplace_back(static_cast<std::int64_t>(std::max({kSmallestBlock, padded, used_})));
    offset_ = 0;
  }
  void* memory = blocks_.back().data() + offset_;
  offset_ += padded;
  used_ += padded;
  return memory;
}

void Arena::reset() {
  offset_ = 0;
  used_ = 0;
  if (blocks_.size() > 1) {
    const std::size_t total = capacity();
    blocks_.clear();
    blocks_.emplace_back(static_cast<std::int64_t>(total));
  }
}

std::size_t Arena::capacity() const noexcept {
  std::size_t total = 0;
  for (const auto& block : blocks_) total += static_cast<std::size_t>(block.size());
  return total;
}

}  // namespace l4r
