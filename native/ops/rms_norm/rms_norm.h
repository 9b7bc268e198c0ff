#pragma once

#include "autograd/tape.h"

namespace l4r {

// Each row on its own: gain * x / sqrt(mean of x^2 + epsilon) (Zhang and Sennrich, NeurIPS 2019); x [n x d],
// gain [1 x d]. Throws Error(argument) for shapes that do not fit or an epsilon that is not positive.
Handle rms_norm(Tape& tape, Handle x, Handle gain, float epsilon);

}  // namespace l4r
