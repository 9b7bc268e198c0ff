#pragma once

#include "autograd/tape.h"

namespace l4r {

// Dot products of corresponding rows: [n x d] and [n x d] give [n x 1]. Throws Error(argument) when the
// shapes differ.
Handle row_dot(Tape& tape, Handle a, Handle b);

}  // namespace l4r
