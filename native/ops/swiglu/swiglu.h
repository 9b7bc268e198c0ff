#pragma once

#include "autograd/tape.h"

namespace l4r {

// silu(gate) * up with silu(g) = g sigmoid(g) (Shazeer 2020): x [n x 2 f] holds gate and up side by side, to
// [n x f]. Throws Error(argument) for an odd number of columns.
Handle swiglu(Tape& tape, Handle x);

}  // namespace l4r
