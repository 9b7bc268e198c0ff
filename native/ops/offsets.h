#pragma once

#include <cstdint>
#include <span>

#include "base/status.h"

namespace l4r {

// Part i of a row of things goes from offsets[i] to offsets[i + 1] - 1: checks that the list ascends from 0
// to `last`, which is the number of `things`. Throws Error(argument) that begins with `name`.
inline void check_offsets(const char* name, std::span<const std::int32_t> offsets, std::int64_t last,
                          const char* things) {
  require(!offsets.empty() && offsets[0] == 0, name, ": expected a list that begins with 0");
  for (std::size_t i = 1; i < offsets.size(); ++i)
    require(offsets[i] >= offsets[i - 1], name, "[", i, "]: expected at least ", offsets[i - 1], ", got ",
            offsets[i]);
  require(offsets.back() == last, name, ": expected the last to be ", last, ", the number of ", things,
          ", got ", offsets.back());
}

}  // namespace l4r
