#pragma once

#include "autograd/tape.h"

namespace l4r {

// Each row on its own: gain * (x - mean) / sqrt(variance + epsilon) + bias; x [n x d], gain and bias [1 x d].
// Throws Error(argument) for shapes that do not fit and an epsilon that is not above 0.
Handle layer_norm(Tape& tape, Handle x, Handle gain, Handle bias, float epsilon);

}  // namespace l4r
