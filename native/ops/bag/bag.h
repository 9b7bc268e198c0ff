#pragma once

#include <memory>
#include <span>

#include "autograd/tape.h"

namespace l4r {

enum class BagMode { sum, mean };

// Pooled rows of a parameter: out[b] = sum over j in offsets[b]..offsets[b + 1] - 1 of weights[j] * row
// indices[j], divided by the number of entries for `mean`. [bags x cols], bags = offsets.size() - 1; an empty
// bag is zeros. No weights means all 1; weights are constants. Gradients are sparse. Throws Error(argument)
// for an index out of range, offsets that do not rise from 0 to indices.size(), or a wrong number of weights.
Handle bag(Tape& tape, const std::shared_ptr<Parameter>& parameter, std::span<const std::int32_t> indices,
           std::span<const std::int32_t> offsets, std::span<const float> weights, BagMode mode);

}  // namespace l4r
