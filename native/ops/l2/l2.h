#pragma once

#include "autograd/tape.h"

namespace l4r {

// Squared norm per row, halved: sum(x^2) / (2 rows), 1 x 1; 0 when there are no rows. Its gradient is x /
// rows.
Handle l2(Tape& tape, Handle x);

}  // namespace l4r
