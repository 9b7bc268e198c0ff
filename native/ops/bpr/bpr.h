#pragma once

#include "autograd/tape.h"

namespace l4r {

// Bayesian personalised ranking (Rendle et al., UAI 2009, section 4.1): mean over rows of
// -log sigmoid(positive - negative), for scores [n x 1]; 1 x 1, 0 when n is 0. Throws Error(argument) for
// other shapes.
Handle bpr_loss(Tape& tape, Handle positive, Handle negative);

}  // namespace l4r
