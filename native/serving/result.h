// Checks shared by every top-k, and the result they fill.
#pragma once

#include <cstdint>
#include <limits>

#include "base/buffer.h"
#include "base/status.h"
#include "serving/top_k.h"

namespace l4r {

// batch lists of k places, none filled. Throws Error(argument) for k < 1, a negative size, more items than an
// id can name.
inline TopKResult empty_result(std::int64_t batch, std::int64_t n, std::int64_t k) {
  constexpr std::int64_t kLargest = std::numeric_limits<std::int32_t>::max() / 2;
  require(k >= 1 && k <= kLargest, "k: expected an integer of at least 1, got ", k);
  require(batch >= 0 && batch <= kLargest, "batch: expected at least 0, got ", batch);
  require(n >= 0 && n <= kLargest, "items: expected 0..", kLargest, ", got ", n);
  const std::size_t places = checked_bytes(batch * k, sizeof(double)) / sizeof(double);
  return {std::vector<std::int32_t>(places, -1), std::vector<double>(places, 0.0),
          std::vector<std::int32_t>(static_cast<std::size_t>(batch), 0)};
}

}  // namespace l4r
