#pragma once

#include <cstdint>
#include <optional>

#include "autograd/tape.h"

namespace l4r {

// Which numbers of a result dropout keeps: drawn in the forward pass, used again in the backward pass.
struct Mask {
  const std::uint8_t* bits;  // number e stays where bit e % 8 of byte e / 8 is set
  float scale;               // of those that stay
};

// The mask of the next random operation, for `size` numbers; none where nothing is dropped: outside of a
// training step and for rate 0. Throws Error(argument) that begins with `what` unless 0 <= rate < 1.
std::optional<Mask> draw_mask(Tape& tape, const char* what, float rate, std::int64_t size);

// out = dropout(x), plus base unless that is null, of n numbers, the first of them number `first` of the
// result; x, base and out point at it and may be one.
void drop(const OpKernels& kernels, const Mask& mask, std::int64_t first, std::int64_t n, const float* x,
          const float* base, float* out);

}  // namespace l4r
