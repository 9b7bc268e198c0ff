#pragma once

#include <cstdint>
#include <span>

#include "autograd/tape.h"

namespace l4r {

// Rows of a tensor: result[i] = x[rows[i]], in any order and any number of times. Throws Error(argument) for
// a row that x does not have.
Handle take(Tape& tape, Handle x, std::span<const std::int32_t> rows);

}  // namespace l4r
