#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "autograd/tape.h"

namespace l4r {

// dropout(scale * table[rows[i]] + positions[places[i]]): [rows.size() x d], d the columns of both
// parameters. Their gradients stay sparse, as those of gather. Throws Error(argument) naming position and
// value of an index that is no row of its parameter, for lists or parameters that do not fit each other, and
// for a scale that is not finite.
Handle embed(Tape& tape, const std::shared_ptr<Parameter>& table, std::span<const std::int32_t> rows,
             float scale, const std::shared_ptr<Parameter>& positions, std::span<const std::int32_t> places,
             float dropout = 0);

}  // namespace l4r
