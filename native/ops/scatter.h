#pragma once

#include <cstdint>

#include "autograd/tape.h"

namespace l4r {

// Gradients of single rows of a tensor: entry j of `count` adds scales[j] * gradient[sources[j]] to row
// rows[j] of the gradient of x; null scales mean 1, null sources mean j. Rows get their entries in ascending
// j.
struct RowEntries {
  std::int64_t count;
  const std::int32_t* rows;
  const std::int32_t* sources;
  const float* scales;
  const float* gradient;  // [any x columns of x]
};
void add_rows_to_gradient(Tape& tape, Handle x, const RowEntries& entries);

}  // namespace l4r
