// Trainable matrices. They outlive the steps that use them and are shared (std::shared_ptr) by tapes,
// optimizers and whoever saves them. Not synchronised: whoever trains a parameter is the only one to touch it
// meanwhile.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/buffer.h"

namespace l4r {

// Adam's memory of one parameter; empty until an Adam is made for it.
struct AdamState {
  Buffer<float> first, second;     // moment estimates [rows x cols]
  Buffer<std::int32_t> row_steps;  // updates of each row so far [rows]
  std::int64_t steps = 0;          // updates so far: no row has more
};

// Updates that a state may be given; what is left up to 2^31 - 1 is for those to come.
inline constexpr std::int64_t kMostSteps = (std::int64_t{1} << 31) - (std::int64_t{1} << 20);

struct Parameter {
  // A zero matrix. Throws Error(argument) for a negative size or more than 2^31 - 1 rows, Error(no_memory).
  Parameter(std::string name, std::int64_t rows, std::int64_t cols);

  std::string name;  // for error messages and checkpoints
  std::int64_t rows, cols;
  Buffer<float> value;  // [rows x cols] row-major
  AdamState adam;       // made once, by make_adam_state: its buffers stay where they are
};

// Gives the parameter Adam's memory, all zeros, unless it has it. Several threads may call. Throws
// Error(no_memory).
void make_adam_state(Parameter& parameter);

// Copies Adam's memory in: first and second [rows x cols], row_steps [rows] of at most `steps` each. Throws
// Error(argument) naming what is not as described, not finite, negative or above kMostSteps;
// Error(no_memory).
void write_adam_state(Parameter& parameter, std::span<const float> first, std::span<const float> second,
                      std::span<const std::int32_t> row_steps, std::int64_t steps);

// Copies Adam's memory out and returns `steps`; nothing when there is none. Sizes as above.
std::optional<std::int64_t> read_adam_state(const Parameter& parameter, std::span<float> first,
                                            std::span<float> second, std::span<std::int32_t> row_steps);

// Fills with uniform numbers in [low, high]. Element e depends on (seed, stream, e) alone.
void fill_uniform(Parameter& parameter, float low, float high, std::uint64_t seed, std::uint64_t stream);

// Fills with normal numbers by the Box-Muller transform, in float64 with own logarithm and sine so that the
// bits are the same on every machine. Element e depends on (seed, stream, e) alone; |x - mean| < 8.6 std.
void fill_normal(Parameter& parameter, float mean, float std, std::uint64_t seed, std::uint64_t stream);

}  // namespace l4r
