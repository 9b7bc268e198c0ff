#pragma once

#include "autograd/tape.h"

namespace l4r {

// One layer of a cross network: first (x . weight) + bias + x, row by row; first and x [n x d], which may be
// one tensor, weight and bias [1 x d]. Throws Error(argument) when the shapes do not fit.
Handle cross(Tape& tape, Handle first, Handle x, Handle weight, Handle bias);

}  // namespace l4r
