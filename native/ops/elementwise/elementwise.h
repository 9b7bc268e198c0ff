#pragma once

#include "autograd/tape.h"

namespace l4r {

// a + b for tensors of equal shape. Throws Error(argument) when the shapes differ.
Handle add(Tape& tape, Handle a, Handle b);

// a * b, number by number, for tensors of equal shape. Throws Error(argument) when the shapes differ.
Handle multiply(Tape& tape, Handle a, Handle b);

// max(x, 0).
Handle relu(Tape& tape, Handle x);

// factor * x.
Handle scale(Tape& tape, Handle x, float factor);

}  // namespace l4r
