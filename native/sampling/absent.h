#pragma once

#include <cstdint>

namespace l4r {

// The item that has `rank` items before it among those that are not in `list` (`length` items, strictly
// ascending): exact, no rejection. Below the c-th entry of the list lie list[c] - c absent items.
inline std::int32_t absent_item(const std::int32_t* list, std::int32_t length, std::int32_t rank) {
  // With branches: a wrong guess costs less than loads that wait for one another.
  std::int32_t before = 0;  // list entries before the answer
  for (std::int32_t end = length; before < end;) {
    const std::int32_t middle = before + (end - before) / 2;
    if (list[middle] - middle <= rank)
      before = middle + 1;
    else
      end = middle;
  }
  return rank + before;
}

}  // namespace l4r
