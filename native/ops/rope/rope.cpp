#include "ops/rope/rope.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/exact_math.h"
#include "base/status.h"
#include "ops/parallel.h"

namespace l4r {

namespace {

constexpr std::int64_t kTurnCost = 16;  // streamed elements: of a cosine and a sine
constexpr std::int64_t kNear = 32;      // positions whose angles are kept to be added to others
constexpr double kTurn = 6.283185307179586;

struct RopeInputs {
  Handle x;
  std::int64_t turned, width;  // columns that turn, and those of a head
  const float* turns;          // [any x width / 2 x 2], cosine and sine
  const std::int32_t* places;  // [n]: rows of turns
};

SineCosine at_position(double frequency, std::int64_t position) {
  const double turns = frequency * static_cast<double>(position);
  return sine_cosine_of_turn(turns - std::floor(turns));
}

// Cosines and sines of `count` positions, position(i) that of row i. The angle is added up from that of a
// multiple of kNear and that of the rest, which takes far fewer sines than rows; a position has the same bits
// in any row.
template <typename Position>
float* fill_turns(Tape& tape, std::int64_t count, const RopeOptions& options, Position&& position) {
  const std::int64_t pairs = options.width / 2;
  double* frequencies = tape.allocate<double>(pairs);  // full turns a position
  // Where `near` has the rests that occur.
  std::array<std::int64_t, kNear> slots;
  slots.fill(-1);
  std::int64_t rests = 0;
  for (std::int64_t i = 0; i < count; ++i)
    if (std::int64_t& slot = slots[static_cast<std::size_t>(position(i) % kNear)]; slot < 0) slot = rests++;
  SineCosine* near = tape.allocate<SineCosine>(pairs * rests);
  const double step = -2 * natural_log(options.base) / static_cast<double>(options.width);
  for (std::int64_t j = 0; j < pairs; ++j) {
    frequencies[j] = natural_exp(static_cast<double>(j) * step) / kTurn;
    for (std::int64_t rest = 0; rest < kNear; ++rest)
      if (const std::int64_t slot = slots[static_cast<std::size_t>(rest)]; slot >= 0)
        near[j * rests + slot] = at_position(frequencies[j], rest);
  }
  float* turns = tape.allocate<float>(count * options.width);
  for_rows(count, pairs * kTurnCost, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t j = 0; j < pairs; ++j) {
      SineCosine far{};
      for (std::int64_t i = begin, known = -1; i < end; ++i) {
        const std::int64_t rest = position(i) % kNear, multiple = position(i) - rest;
        if (multiple != known) far = at_position(frequencies[j], known = multiple);
        const auto [sine, cosine] = near[j * rests + slots[static_cast<std::size_t>(rest)]];
        float* to = turns + (i * pairs + j) * 2;
        to[0] = static_cast<float>(far.cosine * cosine - far.sine * sine);
        to[1] = static_cast<float>(far.sine * cosine + far.cosine * sine);
      }
    }
  });
  return turns;
}

void turn(const OpKernels& kernels, Shape shape, const RopeInputs& inputs, const float* x, float sign,
          float* out, bool accumulate) {
  for_rows(shape.rows, shape.cols, [&](std::int64_t begin, std::int64_t end) {
    kernels.turn_pairs(end - begin, shape.cols, inputs.turned, inputs.width, x + begin * shape.cols,
                       inputs.turns, inputs.places + begin, sign, out + begin * shape.cols, accumulate);
  });
}

void rope_backward(Tape& tape, const Tape::Node& node, const RopeInputs& inputs) {
  const auto [to, accumulate] = tape.target(inputs.x);
  turn(tape.kernels(), node.shape, inputs, node.gradient, -1.0f, to, accumulate);
}

}  // namespace

Handle rope(Tape& tape, Handle x, std::span<const std::int32_t> positions, const RopeOptions& options) {
  const Shape shape = tape.shape(x);
  require(options.width >= 2 && options.width % 2 == 0, "rope: width: expected an even number above 0, got ",
          options.width);
  require(options.heads >= 0 && options.heads <= shape.cols / options.width, "rope: heads: expected 0..",
          shape.cols / options.width, " of ", options.width, " columns each, got ", options.heads);
  require(std::isfinite(options.base) && options.base > 0,
          "rope: base: expected a finite float32 above 0, got ", options.base);
  require(static_cast<std::int64_t>(positions.size()) == shape.rows, "rope: positions: expected ", shape.rows,
          ", one a row, got ", positions.size());
  std::int64_t highest = 0;
  for (std::size_t i = 0; i < positions.size(); ++i) {
    require(positions[i] >= 0, "rope: positions[", i, "]: expected 0 or more, got ", positions[i]);
    highest = std::max<std::int64_t>(highest, positions[i]);
  }
  if (shape.rows == 0 || options.heads == 0) return x;  // what follows takes memory by the width

  // One row of cosines and sines a position, unless the positions are fewer than they could be.
  RopeInputs inputs{x, options.heads * options.width, options.width, nullptr, nullptr};
  if (highest < shape.rows) {
    inputs.places = tape.copy(positions);
    inputs.turns = fill_turns(tape, highest + 1, options, [](std::int64_t i) { return i; });
  } else {
    std::int32_t* places = tape.allocate<std::int32_t>(shape.rows);
    for (std::int64_t i = 0; i < shape.rows; ++i) places[i] = static_cast<std::int32_t>(i);
    inputs.places = places;
    inputs.turns = fill_turns(tape, shape.rows, options, [&](std::int64_t i) -> std::int64_t {
      return positions[static_cast<std::size_t>(i)];
    });
  }
  float* out = tape.allocate<float>(shape.size());
  turn(tape.kernels(), shape, inputs, tape.node(x).value, 1.0f, out, false);
  return tape.push<rope_backward>(shape, out, inputs, !tape.wants_gradient(x));
}

}  // namespace l4r
