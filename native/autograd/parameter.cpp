#include "autograd/parameter.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <utility>

#include "base/exact_math.h"
#include "base/rng.h"
#include "base/status.h"

namespace l4r {

namespace {

std::int64_t checked_cells(const std::string& name, std::int64_t rows, std::int64_t cols) {
  constexpr std::int64_t kLargest = std::numeric_limits<std::int32_t>::max();
  require(rows >= 0 && rows <= kLargest && cols >= 0 && cols <= kLargest, "parameter \"", name,
          "\": expected rows and cols in 0..", kLargest, ", got ", rows, " x ", cols);
  return rows * cols;
}

// In (0, 1), 32 bits, centred in their steps so that neither end is reached.
double open_unit(std::uint32_t word) { return (word + 0.5) * 0x1p-32; }

}  // namespace

Parameter::Parameter(std::string given_name, std::int64_t given_rows, std::int64_t given_cols)
    : name(std::move(given_name)),
      rows(given_rows),
      cols(given_cols),
      value(checked_cells(name, given_rows, given_cols)) {}

void fill_uniform(Parameter& parameter, float low, float high, std::uint64_t seed, std::uint64_t stream) {
  require(std::isfinite(low) && std::isfinite(high) && low <= high && std::isfinite(high - low),
          "fill_uniform: expected finite low <= high, got ", low, " and ", high);
  const Philox random(seed, stream);
  for (std::int64_t e = 0; e < parameter.value.size(); e += 4) {
    const auto words = random.block(static_cast<std::uint64_t>(e) / 4);
    for (int i = 0; i < 4 && e + i < parameter.value.size(); ++i)
      parameter.value[e + i] = low + (high - low) * Philox::unit(words[static_cast<std::size_t>(i)]);
  }
}

void fill_normal(Parameter& parameter, float mean, float std, std::uint64_t seed, std::uint64_t stream) {
  require(std::isfinite(mean) && std::isfinite(std) && std >= 0,
          "fill_normal: expected a finite mean and a std of 0 or more, got ", mean, " and ", std);
  const Philox random(seed, stream);
  for (std::int64_t e = 0; e < parameter.value.size(); e += 4) {
    const auto words = random.block(static_cast<std::uint64_t>(e) / 4);
    double normals[4];
    for (std::size_t pair = 0; pair < 2; ++pair) {
      const double radius = std::sqrt(-2 * natural_log(open_unit(words[2 * pair])));
      const auto [sine, cosine] = sine_cosine_of_turn(open_unit(words[2 * pair + 1]));
      normals[2 * pair] = radius * cosine;
      normals[2 * pair + 1] = radius * sine;
    }
    for (int i = 0; i < 4 && e + i < parameter.value.size(); ++i)
      parameter.value[e + i] = static_cast<float>(mean + std * normals[i]);
  }
}

// ---- Adam's memory ----

namespace {

// Threads may meet at one parameter: whoever makes, writes or reads a state holds this.
std::mutex& state_mutex() {
  static std::mutex mutex;
  return mutex;
}

bool has_state(const Parameter& parameter) {
  const AdamState& state = parameter.adam;
  return state.row_steps.size() == parameter.rows && state.first.size() == parameter.value.size();
}

void make_state(Parameter& parameter) {
  if (has_state(parameter)) return;
  Buffer<float> first(parameter.value.size()), second(parameter.value.size());
  Buffer<std::int32_t> row_steps(parameter.rows);
  parameter.adam = {std::move(first), std::move(second), std::move(row_steps), 0};
}

}  // namespace

void make_adam_state(Parameter& parameter) {
  const std::lock_guard lock(state_mutex());
  make_state(parameter);
}

void write_adam_state(Parameter& parameter, std::span<const float> first, std::span<const float> second,
                      std::span<const std::int32_t> row_steps, std::int64_t steps) {
  require(steps >= 0 && steps <= kMostSteps, "steps: expected 0..", kMostSteps, ", got ", steps);
  require(static_cast<std::int64_t>(first.size()) == parameter.value.size() && second.size() == first.size(),
          "first, second: expected ", parameter.value.size(), " numbers each, got ", first.size(), " and ",
          second.size());
  require(static_cast<std::int64_t>(row_steps.size()) == parameter.rows, "rowSteps: expected ",
          parameter.rows, " numbers, got ", row_steps.size());
  require(std::ranges::all_of(first, [](float x) { return std::isfinite(x); }),
          "first: expected finite numbers");
  require(std::ranges::all_of(second, [](float x) { return std::isfinite(x) && x >= 0; }),
          "second: expected finite numbers of 0 or more");
  require(std::ranges::all_of(row_steps, [&](std::int32_t x) { return x >= 0 && x <= steps; }),
          "rowSteps: expected 0..", steps, " (steps)");
  const std::lock_guard lock(state_mutex());
  make_state(parameter);
  AdamState& state = parameter.adam;
  std::ranges::copy(first, state.first.data());
  std::ranges::copy(second, state.second.data());
  std::ranges::copy(row_steps, state.row_steps.data());
  state.steps = steps;
}

std::optional<std::int64_t> read_adam_state(const Parameter& parameter, std::span<float> first,
                                            std::span<float> second, std::span<std::int32_t> row_steps) {
  const std::lock_guard lock(state_mutex());
  if (!has_state(parameter)) return std::nullopt;
  const AdamState& state = parameter.adam;
  require(static_cast<std::int64_t>(first.size()) == state.first.size() && second.size() == first.size() &&
              static_cast<std::int64_t>(row_steps.size()) == parameter.rows,
          "read_adam_state: expected room for ", state.first.size(), " numbers twice and ", parameter.rows,
          " counts");
  std::ranges::copy(state.first.span(), first.data());
  std::ranges::copy(state.second.span(), second.data());
  std::ranges::copy(state.row_steps.span(), row_steps.data());
  return state.steps;
}

}  // namespace l4r
