// Numbers that have to be finite.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

#include "base/status.h"

namespace l4r {

// Throws Error(argument) naming row and dimension of the first value [rows x d] that is not finite.
inline void check_finite(std::span<const float> values, std::int64_t d, const char* what, const char* row) {
  const auto bad = std::find_if(values.begin(), values.end(), [](float x) { return !std::isfinite(x); });
  if (bad == values.end()) return;
  const std::int64_t at = bad - values.begin();
  require(false, what, ": ", row, " ", at / d, ", dimension ", at % d, " is not finite");
}

}  // namespace l4r
