#pragma once

#include <cstdint>
#include <span>

#include "autograd/tape.h"

namespace l4r {

struct RopeOptions {
  std::int64_t heads = 1;  // the first so many heads of a row are rotated, the rest stays as it is; 0: none
  std::int64_t width = 2;  // numbers of a head, even
  float base = 10000;      // finite, above 0
};

// Rotary position embedding (Su et al. 2021, equation 34): in every rotated head of row i, the neighbours 2 j
// and 2 j + 1 turn by positions[i] * base^(-2 j / width). x [n x c], c at least heads * width; positions [n],
// at least 0. x itself where nothing turns. Throws Error(argument) for what does not fit.
Handle rope(Tape& tape, Handle x, std::span<const std::int32_t> positions, const RopeOptions& options);

}  // namespace l4r
