#include "ops/dropout/dropout.h"

#include <optional>

#include "base/status.h"
#include "ops/elementwise/elementwise.h"
#include "ops/gradient.h"
#include "ops/kept_share.h"

namespace l4r {

namespace {

constexpr std::int64_t kDraws = 8;        // elements decided by one block of random numbers
constexpr std::int64_t kPadding = 16;     // blocks that a kernel may draw at once
constexpr std::int64_t kElementCost = 3;  // streamed elements

struct Mask {
  const std::uint8_t* bits;  // element e stays where bit e % 8 of byte e / 8 is set
  float scale;               // of those that stay
};

// Whole bytes of the mask belong to one chunk.
std::int64_t grain() { return row_grain(kElementCost) / (kDraws * kPadding) * (kDraws * kPadding); }

// out = dropout(x), plus base unless that is null; the mask is drawn while x is read.
Mask drop(Tape& tape, const RandomKey& key, float rate, std::int64_t size, const float* x, const float* base,
          float* out) {
  const std::int64_t blocks = (size + kDraws - 1) / kDraws;
  std::uint8_t* bits = tape.allocate<std::uint8_t>((blocks + kPadding - 1) / kPadding * kPadding);
  const auto [kept, scale] = kept_share(rate);
  const std::uint32_t limit = kept - 1;
  ThreadPool::shared().for_ranges(size, grain(), [&, scale = scale](std::int64_t begin, std::int64_t end) {
    std::uint8_t* own = bits + begin / kDraws;
    tape.kernels().keep_bits((end - begin + kDraws - 1) / kDraws, key.seed, key.stream,
                             static_cast<std::uint64_t>(begin / kDraws), limit, own);
    tape.kernels().scale_kept(end - begin, scale, own, x + begin, base == nullptr ? nullptr : base + begin,
                              out + begin);
  });
  return {bits, scale};
}

void add_dropped_gradient(Tape& tape, Handle x, const Mask& mask, const float* gradient) {
  if (!tape.wants_gradient(x)) return;
  const auto [to, accumulate] = tape.target(x);
  ThreadPool::shared().for_ranges(
      tape.shape(x).size(), grain(),
      [&, to = to, accumulate = accumulate](std::int64_t begin, std::int64_t end) {
        tape.kernels().scale_kept(end - begin, mask.scale, mask.bits + begin / kDraws, gradient + begin,
                                  accumulate ? to + begin : nullptr, to + begin);
      });
}

struct DropoutInputs {
  Handle x;
  Mask mask;
};

void dropout_backward(Tape& tape, const Tape::Node& node, const DropoutInputs& inputs) {
  add_dropped_gradient(tape, inputs.x, inputs.mask, node.gradient);
}

struct AddDropoutInputs {
  Handle residual, x;
  Mask mask;
};

void add_dropout_backward(Tape& tape, const Tape::Node& node, const AddDropoutInputs& inputs) {
  add_dropped_gradient(tape, inputs.x, inputs.mask, node.gradient);
  pass_to_gradient(tape, node, inputs.residual);
}

// The numbers of this call, unless nothing is dropped.
std::optional<RandomKey> draw(Tape& tape, float rate) {
  require(rate >= 0 && rate < 1, "dropout: rate: expected 0 <= rate < 1, got ", rate);
  return rate == 0 ? std::nullopt : tape.next_random();
}

}  // namespace

Handle dropout(Tape& tape, Handle x, float rate) {
  const Shape shape = tape.shape(x);
  const std::optional<RandomKey> key = draw(tape, rate);
  if (!key) return x;
  float* out = tape.allocate<float>(shape.size());
  const Mask mask = drop(tape, *key, rate, shape.size(), tape.node(x).value, nullptr, out);
  return tape.push<dropout_backward>(shape, out, DropoutInputs{x, mask}, !tape.wants_gradient(x));
}

Handle add_dropout(Tape& tape, Handle residual, Handle x, float rate) {
  const Shape shape = tape.shape(x), other = tape.shape(residual);
  require(shape.rows == other.rows && shape.cols == other.cols, "add_dropout: expected equal shapes, got ",
          other.rows, " x ", other.cols, " and ", shape.rows, " x ", shape.cols);
  const std::optional<RandomKey> key = draw(tape, rate);
  if (!key) return add(tape, residual, x);
  float* out = tape.allocate<float>(shape.size());
  const Mask mask = drop(tape, *key, rate, shape.size(), tape.node(x).value, tape.node(residual).value, out);
  return tape.push<add_dropout_backward>(shape, out, AddDropoutInputs{residual, x, mask});
}

}  // namespace l4r
