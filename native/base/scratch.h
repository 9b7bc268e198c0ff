// Memory that a thread keeps between calls, so that a steady state allocates nothing.
#pragma once

#include <algorithm>
#include <utility>

#include "base/buffer.h"

namespace l4r {

inline constexpr std::int64_t kKeptBytes = std::int64_t{64} << 20;

// Room for `count` numbers; what was there is lost when it grows.
template <typename T>
T* grown(Buffer<T>& memory, std::int64_t count) {
  if (memory.size() < count) {
    memory = {};  // not both at once
    memory = Buffer<T>(count);
  }
  return memory.data();
}

// Room for `more` numbers after the first `kept`, which stay.
template <typename T>
void extend(Buffer<T>& memory, std::int64_t kept, std::int64_t more) {
  if (memory.size() >= kept + more) return;
  Buffer<T> wider(2 * (kept + more));
  std::copy_n(memory.data(), kept, wider.data());
  memory = std::move(wider);
}

// Gives back what is too large to keep.
template <typename T>
void trim(Buffer<T>& memory) {
  if (memory.size() > kKeptBytes / static_cast<std::int64_t>(sizeof(T))) memory = {};
}

}  // namespace l4r
