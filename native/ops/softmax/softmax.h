#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "autograd/tape.h"

namespace l4r {

// Cross-entropy of a softmax over a whole table: mean over i of logsumexp_j(states[i] . table[j]) - states[i]
// . table[targets[i]]; states [n x d], table [items x d], result 1 x 1. With weights [n] the mean is sum of
// weights[i] * loss[i] / sum of weights; none: all count alike. Rows of weight 0 cost nothing. The scores
// exist for 144 rows at a time, or more where 2^18 of them are more rows. Throws Error(argument) for shapes
// that do not fit, n = 0, a target that the table does not have, a weight that is negative or not finite, or
// weights that are all 0.
Handle softmax_loss(Tape& tape, Handle states, Handle table, std::span<const std::int32_t> targets,
                    std::optional<std::span<const float>> weights = std::nullopt);

}  // namespace l4r
