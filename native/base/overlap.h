// Whether two pieces of memory share a byte.
#pragma once

#include <functional>
#include <span>

namespace l4r {

template <typename A, typename B>
bool overlap(std::span<A> a, std::span<B> b) {
  if (a.empty() || b.empty()) return false;
  const auto* first = reinterpret_cast<const char*>(a.data());
  const auto* second = reinterpret_cast<const char*>(b.data());
  return std::less<>()(first, second + b.size_bytes()) && std::less<>()(second, first + a.size_bytes());
}

}  // namespace l4r
