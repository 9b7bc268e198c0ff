#include "ops/segment_attention/segment_attention.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "base/scratch.h"
#include "base/status.h"
#include "ops/kept_share.h"
#include "ops/offsets.h"
#include "ops/parallel.h"

namespace l4r {

namespace {

constexpr std::int64_t kRowTiles = 4;  // of weights that a thread has at a time
constexpr int kKeyBits = 25;           // of a Philox counter: 8 keys share a block of random bits

struct SegmentInputs {
  Handle x;
  std::int64_t sequences, width;
  const std::int32_t *segments, *first;  // sequence s has segments first[s]..first[s + 1] - 1
  std::int64_t heads, kv_heads;
  std::uint32_t keep;
  float inverse_keep;
  RandomKey key;
  float* statistics;  // [tokens x heads x 2], sequence by sequence, group by group

  std::int64_t group() const { return heads / kv_heads; }
  std::int64_t columns() const { return (heads + 2 * kv_heads) * width; }
  std::int64_t tokens() const { return segments[first[sequences]]; }
};

// One sequence and one head of keys and values, with the query heads that read it.
struct Item {
  const SegmentInputs& inputs;
  std::int64_t sequence, kv_head;

  Item(const SegmentInputs& all, std::int64_t index)
      : inputs(all), sequence(index / all.kv_heads), kv_head(index % all.kv_heads) {}

  const std::int32_t* bounds() const { return inputs.segments + inputs.first[sequence]; }
  std::int64_t segments() const { return inputs.first[sequence + 1] - inputs.first[sequence]; }
  std::int64_t begin() const { return bounds()[0]; }
  std::int64_t length() const { return bounds()[segments()] - begin(); }
  float* statistics() const {
    return inputs.statistics + 2 * (begin() * inputs.heads + kv_head * inputs.group() * length());
  }
  // Where its part begins in a matrix [tokens x heads w] and in one laid out like x.
  std::int64_t out_place() const {
    return (begin() * inputs.heads + kv_head * inputs.group()) * inputs.width;
  }
  std::int64_t query_place() const {
    return begin() * inputs.columns() + kv_head * inputs.group() * inputs.width;
  }
  std::int64_t key_place() const {
    return begin() * inputs.columns() + (inputs.heads + kv_head) * inputs.width;
  }
  std::int64_t value_place() const { return key_place() + inputs.kv_heads * inputs.width; }

  SegmentGroup group(const float* x) const {
    const auto heads = static_cast<std::uint64_t>(inputs.heads);
    const auto row = static_cast<std::uint64_t>(begin() * inputs.heads + kv_head * inputs.group());
    return {bounds(),
            segments(),
            inputs.group(),
            inputs.width,
            x + query_place(),
            x + key_place(),
            x + value_place(),
            inputs.columns(),
            inputs.heads * inputs.width,
            static_cast<float>(1.0 / std::sqrt(static_cast<double>(inputs.width))),
            inputs.key.seed,
            inputs.key.stream,
            row << kKeyBits,
            heads << kKeyBits,
            std::uint64_t{1} << kKeyBits,
            inputs.keep,
            inputs.inverse_keep};
  }
};

struct Memory {
  Buffer<float> numbers;
  Buffer<std::uint8_t> bits;
};
Memory& memory() {
  static thread_local Memory own;
  return own;
}

// Working memory of this thread for one item.
SegmentScratch scratch(const OpKernels& kernels, const Item& item, bool backward) {
  constexpr std::int64_t kLine = 16;  // numbers in a cache line
  const auto round_up = [](std::int64_t count, std::int64_t size) {
    return (count + size - 1) / size * size;
  };
  const std::int64_t w = item.inputs.width, n = item.length(), panel = kernels.gemm_cols;
  const std::int64_t prefix = item.bounds()[1] - item.bounds()[0];
  std::int64_t longest = prefix;  // line of keys
  for (std::int64_t s = 1; s < item.segments(); ++s)
    longest = std::max<std::int64_t>(longest, prefix + item.bounds()[s + 1] - item.bounds()[s]);

  SegmentScratch own{};
  own.tokens = std::max<std::int64_t>(1, kRowTiles * kernels.gemm_rows / item.inputs.group());
  // No two rows of weights a power of two apart: they would share cache sets.
  own.line = round_up(longest, kLine) | kLine;
  const std::int64_t rows = own.tokens * item.inputs.group();
  const std::int64_t columns = round_up(n, panel) + std::min(item.segments(), n) * panel;
  struct Part {
    float** place;
    std::int64_t count;
  };
  constexpr std::size_t kForward = 5;  // of them: the others are for the backward pass alone
  const Part all[] = {{&own.key_columns, columns * w},
                      {&own.value_rows, n * round_up(w, panel)},
                      {&own.queries, rows * w},
                      {&own.results, rows * w},
                      {&own.weights, rows * own.line},
                      {&own.value_columns, columns * w},
                      {&own.key_rows, n * round_up(w, panel)},
                      {&own.slopes, rows * own.line},
                      {&own.query_panels, rows * round_up(w, panel)},
                      {&own.result_panels, rows * round_up(w, panel)},
                      {&own.key_sums, n * w},
                      {&own.value_sums, n * w}};
  const auto parts = std::span(all).first(backward ? std::size(all) : kForward);
  std::int64_t total = 0;
  for (const Part& part : parts) total += round_up(part.count, kLine);
  float* next = grown(memory().numbers, total);
  for (const Part& part : parts) {
    *part.place = next;
    next += round_up(part.count, kLine);
  }
  own.bits = grown(memory().bits, own.line / 8 + kLine);
  return own;
}

// body(item) for every sequence and head of keys; items are independent of each other.
template <typename Body>
void for_items(const SegmentInputs& inputs, Body&& body) {
  const std::int64_t items = inputs.sequences * inputs.kv_heads;
  if (items == 0) return;
  const double mean = static_cast<double>(inputs.tokens()) / static_cast<double>(inputs.sequences);
  const double work = (mean + 1) * (mean + 1) * static_cast<double>(inputs.width * inputs.group());
  for_rows(items, static_cast<std::int64_t>(std::min<double>(work, kGrainElements)),
           [&](std::int64_t begin, std::int64_t end) {
             for (std::int64_t index = begin; index < end; ++index)
               if (const Item item(inputs, index); item.segments() > 0 && item.length() > 0) body(item);
             trim(memory().numbers);
           });
}

void segment_attention_backward(Tape& tape, const Tape::Node& node, const SegmentInputs& inputs) {
  const auto [to, accumulate] = tape.target(inputs.x);
  const float* x = tape.node(inputs.x).value;
  for_items(inputs, [&, to = to, accumulate = accumulate](const Item& item) {
    tape.kernels().segment_attention_backward(item.group(x), scratch(tape.kernels(), item, true),
                                              node.value + item.out_place(), node.gradient + item.out_place(),
                                              item.statistics(),
                                              {to + item.query_place(), to + item.key_place(),
                                               to + item.value_place(), inputs.columns(), accumulate});
  });
}

}  // namespace

Handle segment_attention(Tape& tape, Handle x, std::span<const std::int32_t> segments,
                         std::span<const std::int32_t> sequences, const SegmentAttentionOptions& options) {
  const auto [tokens, cols] = tape.shape(x);
  const auto [heads, kv_heads, dropout] = options;
  require(heads >= 1 && kv_heads >= 1 && heads % kv_heads == 0,
          "segment_attention: kvHeads: expected a divisor of heads = ", heads, ", got ", kv_heads);
  require(cols > 0 && cols % (heads + 2 * kv_heads) == 0, "segment_attention: x: expected a multiple of ",
          heads + 2 * kv_heads, " columns, heads + 2 kvHeads, got ", cols);
  require(dropout >= 0 && dropout < 1, "segment_attention: dropout: expected a rate in [0, 1), got ",
          dropout);
  check_offsets("segment_attention: segments", segments, tokens, "tokens");
  check_offsets("segment_attention: sequences", sequences, std::ssize(segments) - 1, "segments");

  SegmentInputs inputs{.x = x,
                       .sequences = static_cast<std::int64_t>(sequences.size()) - 1,
                       .width = cols / (heads + 2 * kv_heads),
                       .segments = tape.copy(segments),
                       .first = tape.copy(sequences),
                       .heads = heads,
                       .kv_heads = kv_heads,
                       .keep = kKeepAll,
                       .inverse_keep = 1,
                       .key = {},
                       .statistics = tape.allocate<float>(2 * tokens * heads)};
  if (const auto key = dropout > 0 ? tape.next_random() : std::nullopt) {
    inputs.key = *key;
    const KeptShare share = kept_share(dropout);
    inputs.keep = share.kept;
    inputs.inverse_keep = share.scale;
  }
  const Shape shape{tokens, heads * inputs.width};
  float* out = tape.allocate<float>(shape.size());
  const float* from = tape.node(x).value;
  for_items(inputs, [&](const Item& item) {
    tape.kernels().segment_attention_forward(item.group(from), scratch(tape.kernels(), item, false),
                                             out + item.out_place(), item.statistics());
  });
  return tape.push<segment_attention_backward>(shape, out, inputs, !tape.wants_gradient(x));
}

}  // namespace l4r
