#pragma once

#include <cstdint>

#include "autograd/tape.h"

namespace l4r {

// Each block of `rows` rows transposed: [n rows x d] to [n d x rows]. Throws Error(argument) unless `rows` is
// above 0 and divides the rows of x.
Handle transpose_blocks(Tape& tape, Handle x, std::int64_t rows);

}  // namespace l4r
