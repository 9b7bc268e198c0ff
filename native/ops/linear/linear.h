#pragma once

#include <optional>

#include "autograd/tape.h"
#include "ops/linear/activation.h"

namespace l4r {

struct LinearOptions {
  Activation activation = Activation::none;
  float dropout = 0;                              // after the activation, in a training step
  std::optional<Handle> residual = std::nullopt;  // [n x out], added last
};

// residual + dropout(activation(x weight + bias)): x [n x in], weight [in x out], bias [1 x out], result
// [n x out]. Throws Error(argument) for shapes or a rate that do not fit.
Handle linear(Tape& tape, Handle x, Handle weight, Handle bias, const LinearOptions& options);

}  // namespace l4r
