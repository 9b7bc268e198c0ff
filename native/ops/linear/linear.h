#pragma once

#include "autograd/tape.h"
#include "ops/linear/activation.h"

namespace l4r {

// activation(x weight + bias): x [n x in], weight [in x out], bias [1 x out]. Throws Error(argument) for
// shapes that do not fit.
Handle linear(Tape& tape, Handle x, Handle weight, Handle bias, Activation activation);

}  // namespace l4r
