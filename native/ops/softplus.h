// softplus, for kernel sources alone (see base/simd.h).
#pragma once

#include "base/simd.h"

namespace l4r::L4R_LEVEL {

struct Softplus {
  F32 value;  // log(1 + e^x)
  F32 slope;  // sigmoid(x)
};

// softplus(x) = max(0, x) + log(1 + e^-|x|); sigmoid(x) = e^min(0, x) / (1 + e^-|x|): neither overflows. NaN
// stays NaN: min and max return their second operand then.
inline Softplus softplus(F32 x) {
  const F32 decay = exp(zero() - abs(x));
  return {max(zero(), x) + log1p_unit(decay), exp(min(zero(), x)) / (F32::broadcast(1.0f) + decay)};
}

}  // namespace l4r::L4R_LEVEL
