#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "autograd/tape.h"

namespace l4r {

// Rows of one example or more: users[e] has positives[e]; negatives n of each example side by side.
struct PairRows {
  std::span<const std::int32_t> users, positives;  // [examples]
  std::span<const std::int32_t> negatives;         // [examples x n], n at least 1
};

// bpr_loss of the inner products of rows of two parameters, plus l2 times the sum of l2() of the three
// gathers (see the README): 1 x 1, 0 without examples. Gradients stay sparse, as those of gather; they are
// made of the parameters' values, so the optimizer that steps first must hold both. Throws Error(argument)
// naming position and value of an index that is no row, for parameters of different widths, lists that do not
// fit each other, and unless l2 is finite and 0 or more.
Handle bpr_rows(Tape& tape, const std::shared_ptr<Parameter>& users, const std::shared_ptr<Parameter>& items,
                const PairRows& rows, float l2);

}  // namespace l4r
