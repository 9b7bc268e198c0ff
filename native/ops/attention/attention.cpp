#include "ops/attention/attention.h"

#include <algorithm>
#include <cmath>

#include "base/scratch.h"
#include "base/status.h"
#include "ops/kept_share.h"
#include "ops/offsets.h"
#include "ops/parallel.h"

namespace l4r {

namespace {

constexpr std::int64_t kWidest = 16;      // lanes of the widest level: lines end at multiples of it
constexpr std::int64_t kDrawRows = 8;     // rows that share blocks of random bits
constexpr std::int64_t kMostRows = 64;    // query rows at a time in the backward pass ...
constexpr std::int64_t kWeights = 16384;  // ... but no more than so many weights: 64 KB of L2
constexpr int kKeyBits = 28;              // of a Philox counter, for the position of the key

struct AttentionInputs {
  Handle qkv;
  std::int64_t sequences, heads;
  const std::int32_t* offsets;
  bool causal;
  std::uint32_t keep;
  float inverse_keep;
  RandomKey key;
  float* statistics;  // [tokens x heads x 2], sequence by sequence, head by head
};

// What all heads of a call share.
struct Call {
  const AttentionInputs* inputs;
  const float* qkv;
  std::int64_t d;

  std::int64_t width() const { return d / inputs->heads; }
  std::int64_t begin(std::int64_t item) const { return inputs->offsets[item / inputs->heads]; }
  std::int64_t length(std::int64_t item) const {
    return inputs->offsets[item / inputs->heads + 1] - begin(item);
  }
  // First column of the item's head.
  std::int64_t column(std::int64_t item) const { return item % inputs->heads * width(); }
  float* statistics(std::int64_t item) const {
    return inputs->statistics + 2 * (begin(item) * inputs->heads + item % inputs->heads * length(item));
  }

  // Item: sequence * heads + head.
  AttentionHead head(std::int64_t item) const {
    const float* queries = qkv + begin(item) * 3 * d + column(item);
    const auto heads = static_cast<std::uint64_t>(inputs->heads);
    const std::uint64_t first =
        static_cast<std::uint64_t>(begin(item)) * heads + static_cast<std::uint64_t>(item) % heads;
    return {length(item),
            width(),
            inputs->offsets[inputs->sequences] - begin(item) - length(item),
            queries,
            queries + d,
            queries + 2 * d,
            3 * d,
            d,
            static_cast<float>(1.0 / std::sqrt(static_cast<double>(width()))),
            inputs->causal,
            inputs->key.seed,
            inputs->key.stream,
            first << kKeyBits,
            heads << kKeyBits,
            inputs->keep,
            inputs->inverse_keep};
  }
};

// Working memory of this thread for one item.
struct Memory {
  Buffer<float> numbers;
  Buffer<std::uint32_t> words;
};
Memory& memory() {
  static thread_local Memory own;
  return own;
}

AttentionScratch scratch(std::int64_t length, std::int64_t width, bool backward) {
  const std::int64_t line = (length + kWidest - 1) / kWidest * kWidest;
  const std::int64_t fitting = kWeights / std::max<std::int64_t>(1, line) / kDrawRows * kDrawRows;
  const std::int64_t rows = backward ? std::clamp(fitting, kDrawRows, kMostRows) : kDrawRows;
  float* keys = grown(memory().numbers, 2 * (width + rows) * line);
  std::uint32_t* words = grown(memory().words, 4 * line);
  float* weights = keys + 2 * width * line;
  return {keys, keys + width * line, weights, weights + rows * line, words, rows};
}

// body(item) for every head of every sequence; items are independent of each other.
template <typename Body>
void for_items(const AttentionInputs& inputs, std::int64_t d, Body&& body) {
  const std::int64_t items = inputs.sequences * inputs.heads;
  if (items == 0 || d == 0) return;
  const double mean =
      static_cast<double>(inputs.offsets[inputs.sequences]) / static_cast<double>(inputs.sequences);
  const double work = (mean + 1) * (mean + 1) * static_cast<double>(d) / static_cast<double>(inputs.heads);
  for_rows(items, static_cast<std::int64_t>(std::min<double>(work, kGrainElements)),
           [&](std::int64_t begin, std::int64_t end) {
             for (std::int64_t item = begin; item < end; ++item) body(item);
             trim(memory().numbers);
           });
}

void attention_backward(Tape& tape, const Tape::Node& node, const AttentionInputs& inputs) {
  const auto [to, accumulate] = tape.target(inputs.qkv);
  const std::int64_t d = node.shape.cols;
  const Call call{&inputs, tape.node(inputs.qkv).value, d};
  for_items(inputs, d, [&, to = to, accumulate = accumulate](std::int64_t item) {
    const std::int64_t from = call.begin(item) * d + call.column(item);
    float* queries = to + call.begin(item) * 3 * d + call.column(item);
    tape.kernels().attention_backward(call.head(item), scratch(call.length(item), call.width(), true),
                                      node.value + from, node.gradient + from, call.statistics(item),
                                      {queries, queries + d, queries + 2 * d, 3 * d, accumulate});
  });
}

}  // namespace

Handle attention(Tape& tape, Handle qkv, std::span<const std::int32_t> offsets,
                 const AttentionOptions& options) {
  const auto [tokens, cols] = tape.shape(qkv);
  require(cols % 3 == 0, "attention: qkv: expected 3 d columns, got ", cols);
  const Shape shape{tokens, cols / 3};
  require(options.heads >= 1 && shape.cols % options.heads == 0,
          "attention: heads: expected a divisor of d = ", shape.cols, ", got ", options.heads);
  require(options.dropout >= 0 && options.dropout < 1, "attention: dropout: expected a rate in [0, 1), got ",
          options.dropout);
  check_offsets("attention: offsets", offsets, tokens, "tokens");

  AttentionInputs inputs{.qkv = qkv,
                         .sequences = static_cast<std::int64_t>(offsets.size()) - 1,
                         .heads = options.heads,
                         .offsets = tape.copy(offsets),
                         .causal = options.causal,
                         .keep = kKeepAll,
                         .inverse_keep = 1,
                         .key = {},
                         .statistics = tape.allocate<float>(2 * tokens * options.heads)};
  if (const auto key = options.dropout > 0 ? tape.next_random() : std::nullopt) {
    inputs.key = *key;
    const KeptShare share = kept_share(options.dropout);
    inputs.keep = share.kept;
    inputs.inverse_keep = share.scale;
  }
  float* out = tape.allocate<float>(shape.size());
  const Call call{&inputs, tape.node(qkv).value, shape.cols};
  for_items(inputs, shape.cols, [&](std::int64_t item) {
    tape.kernels().attention_forward(call.head(item), scratch(call.length(item), call.width(), false),
                                     out + call.begin(item) * shape.cols + call.column(item),
                                     call.statistics(item));
  });
  return tape.push<attention_backward>(shape, out, inputs, !tape.wants_gradient(qkv));
}

}  // namespace l4r
