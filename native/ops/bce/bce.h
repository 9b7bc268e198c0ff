#pragma once

#include "autograd/tape.h"

namespace l4r {

// Binary cross-entropy of observed and sampled items: mean of softplus(-positive) plus mean of
// softplus(negative); positive [n x 1], negative [m x 1], result 1 x 1. Throws Error(argument) for other
// shapes or empty ones.
Handle bce_loss(Tape& tape, Handle positive, Handle negative);

}  // namespace l4r
