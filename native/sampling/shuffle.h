#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "sampling/draws.h"

namespace l4r {

// Fisher and Yates: draw i - 1 places an element in [0, i). Places are drawn some way ahead of the swaps,
// which would else wait for memory one by one.
template <typename T>
void shuffle(std::span<T> values, Draws random) {
  constexpr std::size_t kAhead = 32;
  std::size_t places[kAhead];
  for (std::size_t i = values.size(); i > 1;) {
    const std::size_t count = std::min(kAhead, i - 1);
    for (std::size_t k = 0; k < count; ++k) {
      places[k] = random.below(i - k, i - k);
      __builtin_prefetch(&values[places[k]], 1);
    }
    for (std::size_t k = 0; k < count; ++k) std::swap(values[--i], values[places[k]]);
  }
}

}  // namespace l4r
