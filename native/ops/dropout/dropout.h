#pragma once

#include <cstdint>

#include "autograd/tape.h"

namespace l4r {

// In a training step (Tape::randomize) each element is kept with probability 1 - rate, rounded to a
// positive multiple of 1 / 65536, and divided by it, else 0; outside of one, and for rate 0, x itself.
// Element e is kept or not by (seed, step, call, e) alone. Throws Error(argument) unless 0 <= rate < 1.
Handle dropout(Tape& tape, Handle x, float rate);

// residual + dropout(x, rate) in one pass; both [n x d].
Handle add_dropout(Tape& tape, Handle residual, Handle x, float rate);

}  // namespace l4r
