#pragma once

#include <cstdint>
#include <span>

#include "autograd/tape.h"

namespace l4r {

// One layer of MixGCF (Huang et al., KDD 2021, Eq. 6 and 7): a hard negative for each example, made of the
// positive and of the candidate that the user likes best in this layer x [nodes x d]:
//   out[i] = alpha x[positives[i]] + (1 - alpha) x[best],
// best among candidates [n x k] of example i by its product with users[i] [n x d], the first of equals. alpha
// is uniform in [0, 1), drawn for each example in a training step; elsewhere 1/2. The choice takes no
// gradient. Throws Error(argument) for shapes that do not fit, k of 0, and rows that x does not have.
Handle hop_mix(Tape& tape, Handle x, Handle users, std::span<const std::int32_t> positives,
               std::span<const std::int32_t> candidates);

}  // namespace l4r
