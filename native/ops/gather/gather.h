#pragma once

#include <memory>
#include <span>

#include "autograd/tape.h"

namespace l4r {

// Rows of a parameter (an embedding table): [rows.size() x parameter.cols]. Its gradient stays sparse: only
// the rows named here reach the optimizer, repeated rows summed. Throws Error(argument) naming position and
// value of an index outside 0..parameter.rows - 1.
Handle gather(Tape& tape, const std::shared_ptr<Parameter>& parameter, std::span<const std::int32_t> rows);

// Throws Error(argument) unless every index is a row of the parameter; `what` begins the message.
void check_indices(const char* what, const Parameter& parameter, std::span<const std::int32_t> indices);

}  // namespace l4r
