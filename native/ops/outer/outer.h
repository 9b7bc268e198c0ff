#pragma once

#include "autograd/tape.h"

namespace l4r {

// Outer products of corresponding rows: a [n x m] and b [n x h] give [n x m h]. Throws Error(argument) when
// the numbers of rows differ.
Handle outer_rows(Tape& tape, Handle a, Handle b);

}  // namespace l4r
