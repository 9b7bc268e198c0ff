#include "serving/sequence_encoder.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/scratch.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "serving/encoder_weights.h"

namespace l4r {

namespace {

// Tokens of a group of histories: enough that each weight is read for many tokens, few enough that what a
// group works on stays in the second-level cache.
constexpr std::int64_t kGroupBytes = 192 * 1024;
constexpr std::int64_t kFewestTokens = 64, kMostTokens = 256;
// Multiply-adds that one thread does in about 50 microseconds. Waking others for less does not pay.
constexpr double kSharedWork = 1 << 21;
// Floats between two regions of the workspace: kernels read up to a panel beyond the end of a row.
constexpr std::int64_t kSlack = 64;

// Of this thread, for one group at a time.
Buffer<float>& workspace() {
  thread_local Buffer<float> memory;
  return memory;
}

std::shared_ptr<const Catalogue> catalogue_of(const EncoderShape& shape, std::span<const float> items) {
  const std::int64_t count = static_cast<std::int64_t>(items.size()) / shape.dimension;
  return std::make_shared<Catalogue>(items, std::span<const float>{}, count, shape.dimension);
}

}  // namespace

SequenceEncoder::SequenceEncoder(const EncoderShape& shape, const EncoderWeights& weights)
    : SequenceEncoder(shape, weights, encoder_kernels()) {}

SequenceEncoder::SequenceEncoder(const EncoderShape& shape, const EncoderWeights& weights,
                                 const EncoderKernels& kernels)
    : SequenceEncoder(catalogue_of(checked(shape), weights.items), shape, weights, kernels) {}

SequenceEncoder::SequenceEncoder(std::shared_ptr<const Catalogue> catalogue, const EncoderShape& shape,
                                 const EncoderWeights& weights, const EncoderKernels& kernels)
    : shape_(checked(shape)),
      kernels_(kernels),
      catalogue_(std::move(catalogue)),
      weights_(std::make_unique<PackedEncoder>(pack_encoder(shape, weights, kernels.lanes))) {
  require(catalogue_->dimension() == shape.dimension, "catalogue: expected ", shape.dimension,
          " dimensions, got ", catalogue_->dimension());
  require(!catalogue_->layout().sizes.biased, "catalogue: expected one without biases");
}

SequenceEncoder::~SequenceEncoder() = default;

// A group of histories on its way through the blocks. The tokens of all of them stand one after another,
// without padding.
struct SequenceEncoder::Pass {
  Pass(const SequenceEncoder& of, const Histories& group_of, std::int64_t first_history,
       std::int64_t last_history);

  void run(float* states);
  void embed();
  void block(const EncoderBlock& weights);
  void last_block(const EncoderBlock& weights);
  void feed_forward(const EncoderBlock& weights, std::int64_t count);
  void multiply(const PackedLinear& weights, std::int64_t count, const float* a, std::int64_t a_row, float* c,
                std::int64_t c_row, bool accumulate = false) const;

  // body(history, first token, tokens) for every history that is not empty.
  template <typename Body>
  void each(const Body& body) const {
    std::int64_t token = 0;
    for (std::int64_t b = first; b < last; ++b)
      if (const std::int64_t count = encoder.token_count(histories, b); count > 0) {
        body(b, token, count);
        token += count;
      }
  }

  const SequenceEncoder& encoder;
  const EncoderShape& shape;
  const EncoderKernels& kernels;
  const Histories& histories;
  std::int64_t first, last;  // histories
  std::int64_t tokens = 0, rows = 0, longest = 0;
  float scale;  // of attention
  // Workspace: residual stream, normed tokens and attention output [tokens x d], queries [tokens x d] or
  // q | k | v, feed-forward layer [tokens x hidden]. For the last block of several heads: queries in the
  // space of tokens and sums of tokens [rows x heads d].
  float *x, *normed, *attended, *queries, *hidden, *lifted, *pooled, *scratch;
};

SequenceEncoder::Pass::Pass(const SequenceEncoder& of, const Histories& group_of, std::int64_t first_history,
                            std::int64_t last_history)
    : encoder(of),
      shape(of.shape_),
      kernels(of.kernels_),
      histories(group_of),
      first(first_history),
      last(last_history) {
  const std::int64_t d = shape.dimension, heads = shape.heads, width = d / heads;
  scale = static_cast<float>(1 / std::sqrt(static_cast<double>(width)));
  each([&](std::int64_t, std::int64_t, std::int64_t count) {
    tokens += count;
    ++rows;
    longest = std::max(longest, count);
  });
  const std::int64_t joined = heads > 1 ? rows * heads * d : 0;
  const std::pair<float**, std::int64_t> regions[] = {
      {&x, tokens * d},
      {&normed, tokens * d},
      {&attended, tokens * d},
      {&queries, tokens * (heads > 1 ? 3 * d : d)},
      {&hidden, tokens * shape.hidden},
      {&lifted, joined},
      {&pooled, joined},
      {&scratch, kernels.attention_scratch(longest, d)},
  };
  const auto padded = [](std::int64_t count) { return (count + kSlack - 1) / kSlack * kSlack + kSlack; };
  std::int64_t total = 0;
  for (const auto& [place, count] : regions) total += padded(count);
  float* next = grown(workspace(), total);
  for (const auto& [place, count] : regions) {
    *place = next;
    next += padded(count);
  }
}

void SequenceEncoder::Pass::multiply(const PackedLinear& weights, std::int64_t count, const float* a,
                                     std::int64_t a_row, float* c, std::int64_t c_row,
                                     bool accumulate) const {
  kernels.product({.m = count,
                   .n = weights.out,
                   .depth = weights.in,
                   .a = a,
                   .a_row = a_row,
                   .b = weights.panels.data(),
                   .b_row = kernels.lanes,
                   .b_panel = weights.in * kernels.lanes,
                   .bias = weights.bias.data(),
                   .c = c,
                   .c_row = c_row,
                   .accumulate = accumulate});
}

void SequenceEncoder::Pass::embed() {
  const std::int64_t d = shape.dimension;
  const PackedEncoder& weights = *encoder.weights_;
  constexpr std::int32_t kOnlyRow = 0;
  each([&](std::int64_t b, std::int64_t token, std::int64_t count) {
    const std::int64_t items = count - weights.appended();
    const std::int32_t* end = histories.items.data() + histories.offsets[static_cast<std::size_t>(b) + 1];
    const float* positions = weights.positions.data() + (shape.length - count) * d;
    kernels.embed(items, d, encoder.catalogue_->rows().data(), end - items, shape.input_scale, positions,
                  x + token * d);
    kernels.embed(count - items, d, weights.mask_token.data(), &kOnlyRow, shape.input_scale,
                  positions + items * d, x + (token + items) * d);
  });
}

void SequenceEncoder::Pass::feed_forward(const EncoderBlock& weights, std::int64_t count) {
  const std::int64_t d = shape.dimension;
  kernels.layer_norm(count, d, x, weights.norm2.gain.data(), weights.norm2.bias.data(), shape.epsilon,
                     normed);
  multiply(weights.up, count, normed, d, hidden, shape.hidden);
  if (shape.activation == Activation::relu) kernels.relu(count * shape.hidden, hidden);
  if (shape.activation == Activation::gelu) kernels.gelu(count * shape.hidden, hidden);
  multiply(weights.down, count, hidden, shape.hidden, x, d, true);
}

// A block whose every token is needed.
void SequenceEncoder::Pass::block(const EncoderBlock& weights) {
  const std::int64_t d = shape.dimension, width = d / shape.heads;
  const bool joined = shape.heads == 1;
  const std::int64_t row = weights.query.out;
  kernels.layer_norm(tokens, d, x, weights.norm1.gain.data(), weights.norm1.bias.data(), shape.epsilon,
                     normed);
  multiply(weights.query, tokens, normed, d, queries, row);
  each([&](std::int64_t, std::int64_t token, std::int64_t count) {
    const float* q = queries + token * row;
    const float* k = joined ? normed + token * d : q + d;
    const float* v = joined ? k : q + 2 * d;
    for (std::int64_t h = 0; h < d; h += width)
      kernels.attention({.queries = count,
                         .keys = count,
                         .width = width,
                         .q = q + h,
                         .q_row = row,
                         .k = k + h,
                         .k_row = row,
                         .v = v + h,
                         .v_row = row,
                         .out = attended + token * d + h,
                         .out_row = d,
                         .scale = scale,
                         .causal = shape.causal,
                         .scratch = scratch});
  });
  multiply(weights.out, tokens, attended, d, x, d, true);
  feed_forward(weights, tokens);
}

// The block that only the last token of a history leaves: from here on there is one row a history.
void SequenceEncoder::Pass::last_block(const EncoderBlock& weights) {
  const std::int64_t d = shape.dimension, heads = shape.heads, width = d / heads;
  kernels.layer_norm(tokens, d, x, weights.norm1.gain.data(), weights.norm1.bias.data(), shape.epsilon,
                     normed);
  std::int64_t row = 0;
  each([&](std::int64_t, std::int64_t token, std::int64_t count) {
    const std::int64_t end = (token + count - 1) * d;
    std::copy_n(normed + end, d, attended + row * d);
    std::memmove(x + row * d, x + end, static_cast<std::size_t>(d) * sizeof(float));
    ++row;
  });

  const float* u = queries;
  float* sums = attended;
  multiply(weights.query, rows, attended, d, queries, d);
  if (heads > 1) {
    for (std::int64_t h = 0; h < heads; ++h)
      multiply(weights.keys[static_cast<std::size_t>(h)], rows, queries + h * width, d, lifted + h * d,
               heads * d);
    u = lifted;
    sums = pooled;
  }
  row = 0;
  each([&](std::int64_t, std::int64_t token, std::int64_t count) {
    const float* n = normed + token * d;
    kernels.attention({.queries = heads,
                       .keys = count,
                       .width = d,
                       .q = u + row * heads * d,
                       .q_row = d,
                       .k = n,
                       .k_row = d,
                       .v = n,
                       .v_row = d,
                       .out = sums + row * heads * d,
                       .out_row = d,
                       .scale = scale,
                       .causal = false,
                       .scratch = scratch});
    ++row;
  });
  if (heads > 1)
    for (std::int64_t h = 0; h < heads; ++h)
      multiply(weights.values[static_cast<std::size_t>(h)], rows, pooled + h * d, heads * d,
               attended + h * width, d);
  multiply(weights.out, rows, attended, d, x, d, true);
  feed_forward(weights, rows);
}

void SequenceEncoder::Pass::run(float* states) {
  const std::int64_t d = shape.dimension;
  const PackedEncoder& weights = *encoder.weights_;
  std::fill_n(states + first * d, (last - first) * d, 0.0f);
  if (tokens == 0) return;
  embed();
  for (std::size_t i = 0; i + 1 < weights.blocks.size(); ++i) block(weights.blocks[i]);
  last_block(weights.blocks.back());
  kernels.layer_norm(rows, d, x, weights.norm.gain.data(), weights.norm.bias.data(), shape.epsilon, normed);
  std::int64_t row = 0;
  each([&](std::int64_t b, std::int64_t, std::int64_t) {
    std::copy_n(normed + row++ * d, d, states + b * d);
  });
}

std::int64_t SequenceEncoder::token_count(const Histories& histories, std::int64_t b) const {
  const auto row = static_cast<std::size_t>(b);
  const std::int64_t items = histories.offsets[row + 1] - histories.offsets[row];
  return items == 0 ? 0 : std::min(items + weights_->appended(), shape_.length);
}

void SequenceEncoder::check(const Histories& histories) const {
  const auto& offsets = histories.offsets;
  require(!offsets.empty(), "history offsets: expected at least one number");
  require(offsets.front() == 0 && std::is_sorted(offsets.begin(), offsets.end()) &&
              static_cast<std::size_t>(offsets.back()) == histories.items.size(),
          "history offsets: expected ascending numbers from 0 to ", histories.items.size());
  for (std::size_t i = 0; i < histories.items.size(); ++i)
    require(histories.items[i] >= 0 && histories.items[i] < size(), "histories[", i,
            "]: expected an item in 0..", size() - 1, ", got ", histories.items[i]);
}

void SequenceEncoder::encode(const Histories& histories, std::span<float> states) const {
  check(histories);
  const std::int64_t batch = static_cast<std::int64_t>(histories.offsets.size()) - 1, d = shape_.dimension;
  require(static_cast<std::int64_t>(states.size()) == batch * d, "states: expected room for ", batch, " x ",
          d, " numbers, got ", states.size());

  const std::int64_t token_bytes = (6 * d + shape_.hidden) * static_cast<std::int64_t>(sizeof(float));
  const std::int64_t most = std::clamp(kGroupBytes / token_bytes, kFewestTokens, kMostTokens);
  thread_local std::vector<std::int64_t> groups;  // group g holds histories groups[g] .. groups[g + 1] - 1
  groups.assign(1, 0);
  std::int64_t tokens = 0, total = 0;
  for (std::int64_t b = 0; b < batch; ++b) {
    const std::int64_t count = token_count(histories, b);
    if (tokens > 0 && tokens + count > most) {
      groups.push_back(b);
      tokens = 0;
    }
    tokens += count;
    total += count;
  }
  groups.push_back(batch);

  const std::int64_t count = static_cast<std::int64_t>(groups.size()) - 1;
  const std::int64_t* starts = groups.data();  // the name `groups` means another vector on another thread
  const auto run_group = [&](std::int64_t g) {
    Pass(*this, histories, starts[g], starts[g + 1]).run(states.data());
    trim(workspace());
  };
  // Multiply-adds, roughly.
  const auto real = [](std::int64_t count) { return static_cast<double>(count); };
  const double work =
      real(d) * ((real(total) * real(shape_.blocks - 1) + real(batch)) * real(4 * d + 2 * shape_.hidden) +
                 2 * real(total) * real(shape_.heads));
  if (work <= kSharedWork)
    for (std::int64_t g = 0; g < count; ++g) run_group(g);
  else
    ThreadPool::shared().run(count, run_group);
}

void SequenceEncoder::top_k(const Histories& histories, std::int64_t k, const TopKFilter& filter,
                            const TopKRows& out) const {
  check(histories);
  check_apart(out, filter, histories.offsets, histories.items);
  const std::int64_t batch = static_cast<std::int64_t>(histories.offsets.size()) - 1, d = shape_.dimension;
  thread_local Buffer<float> memory;
  const std::span<float> states(grown(memory, batch * d), static_cast<std::size_t>(batch * d));
  encode(histories, states);
  catalogue_->top_k(states, batch, k, filter, out);
  trim(memory);
  for (std::int64_t b = 0; b < batch; ++b) {
    if (token_count(histories, b) > 0) continue;
    std::fill_n(out.ids.begin() + b * k, k, -1);
    std::fill_n(out.scores.begin() + b * k, k, 0.0);
    out.counts[static_cast<std::size_t>(b)] = 0;
  }
}

}  // namespace l4r
