#pragma once

#include <cstdint>

#include "autograd/tape.h"

namespace l4r {

// The numbers of x as rows x cols, in the same order. Throws Error(argument) unless there are as many.
Handle reshape(Tape& tape, Handle x, std::int64_t rows, std::int64_t cols);

// `rows` rows of x from row `first`. Throws Error(argument) when x has not so many.
Handle slice(Tape& tape, Handle x, std::int64_t first, std::int64_t rows);

}  // namespace l4r
