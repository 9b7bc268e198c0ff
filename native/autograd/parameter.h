// Trainable matrices. They outlive the steps that use them and are shared (std::shared_ptr) by tapes,
// optimizers and whoever saves them. Not synchronised: whoever trains a parameter is the only one to touch it
// meanwhile.
#pragma once

#include <cstdint>
#include <string>

#include "base/buffer.h"

namespace l4r {

// Adam's memory of one parameter; empty until an Adam is made for it.
struct AdamState {
  Buffer<float> first, second;     // moment estimates [rows x cols]
  Buffer<std::int32_t> row_steps;  // updates of each row so far [rows]
  std::int64_t steps = 0;          // updates so far: no row has more
};

struct Parameter {
  // A zero matrix. Throws Error(argument) for a negative size or more than 2^31 - 1 rows, Error(no_memory).
  Parameter(std::string name, std::int64_t rows, std::int64_t cols);

  std::string name;  // for error messages and checkpoints
  std::int64_t rows, cols;
  Buffer<float> value;  // [rows x cols] row-major
  AdamState adam;
};

// Fills with uniform numbers in [low, high]. Element e depends on (seed, stream, e) alone.
void fill_uniform(Parameter& parameter, float low, float high, std::uint64_t seed, std::uint64_t stream);

// Fills with normal numbers by the Box-Muller transform, in float64 with own logarithm and sine so that the
// bits are the same on every machine. Element e depends on (seed, stream, e) alone; |x - mean| < 8.6 std.
void fill_normal(Parameter& parameter, float mean, float std, std::uint64_t seed, std::uint64_t stream);

}  // namespace l4r
