#pragma once

#include <cstdint>
#include <span>

#include "autograd/tape.h"

namespace l4r {

// Logarithm of the softmax of states[i] over a whole table, at targets[i]: states[i] . table[targets[i]] -
// logsumexp_j(states[i] . table[j]); states [n x d], table [items x d] to [n x 1]. The scores exist for a few
// rows at a time. For evaluation: it has no gradient, a backward pass that reaches it throws Error(argument).
// Throws Error(argument) for shapes that do not fit or a target that the table does not have; n may be 0.
Handle log_softmax(Tape& tape, Handle states, Handle table, std::span<const std::int32_t> targets);

}  // namespace l4r
