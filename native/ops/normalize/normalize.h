#pragma once

#include "autograd/tape.h"

namespace l4r {

// Each row of x [n x d] divided by its length.
Handle normalize_rows(Tape& tape, Handle x);

}  // namespace l4r
