#pragma once

#include <cstdint>

#include "autograd/tape.h"

namespace l4r {

// Sums of `size` rows each that follow one another: [n size x d] to [n x d]. Throws Error(argument) unless
// `size` is above 0 and divides the rows.
Handle sum_groups(Tape& tape, Handle x, std::int64_t size);

// The same, weighted by the softmax of the group's scores [n size x 1]. Throws as sum_groups does, and when
// there is not one score a row.
Handle softmax_pool(Tape& tape, Handle scores, Handle x, std::int64_t size);

}  // namespace l4r
