#pragma once

#include <cstdint>

#include "autograd/tape.h"

namespace l4r {

// Sum of the products of all pairs of fields: [n x fields d] to [n x d]. Throws Error(argument) unless
// `fields` is above 0 and divides the columns.
Handle bi_interaction(Tape& tape, Handle x, std::int64_t fields);

// The products themselves, pair (f, g) with f < g in row r (F (F - 1) / 2) + ..., g fastest: [n x fields d]
// to [n pairs x d]. Throws as bi_interaction does.
Handle pair_products(Tape& tape, Handle x, std::int64_t fields);

}  // namespace l4r
