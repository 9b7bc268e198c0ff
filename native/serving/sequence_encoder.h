// Inference of a transformer over item histories, without a tape: the state after the last item, and the
// catalogue's best items for it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "ops/linear/linear.h"
#include "serving/catalogue.h"
#include "serving/encoder_kernels.h"

namespace l4r {

struct PackedEncoder;

// The architecture (Kang and McAuley, SASRec, ICDM 2018, section III): x = items[id] * input_scale +
// positions[p]; in each block x += attention(norm1(x)), x += feed_forward(norm2(x)); the state is norm(x) of
// the last token. The last token of a history has position length - 1, the one before it length - 2, and so
// on: a position says how recent an item is. A model that fills gaps (Sun et al., BERT4Rec, CIKM 2019,
// section 3.6) has a mask token behind the last item, whose state it is.
struct EncoderShape {
  std::int64_t dimension;  // d
  std::int64_t hidden;     // width of the feed-forward layer
  std::int64_t blocks, heads;
  std::int64_t length;  // most tokens of a history: its last items, and the mask token where there is one
  bool causal;
  Activation activation;  // of the feed-forward layer
  float input_scale;
  float epsilon;  // of the layer norms
};

// Weights as they are trained, row-major, not copied.
struct EncoderWeights {
  std::span<const float> items;      // [items x d], also what states are scored against
  std::span<const float> positions;  // [length x d]
  struct Block {
    std::span<const float> norm1_gain, norm1_bias;  // [d]
    std::span<const float> qkv, qkv_bias;           // [d x 3 d], [3 d]
    std::span<const float> out, out_bias;           // [d x d], [d]
    std::span<const float> norm2_gain, norm2_bias;  // [d]
    std::span<const float> up, up_bias;             // [d x hidden], [hidden]
    std::span<const float> down, down_bias;         // [hidden x d], [d]
  };
  std::vector<Block> blocks;
  std::span<const float> norm_gain, norm_bias;  // [d]
  std::span<const float> mask_token = {};       // [d], the token behind the last item; empty: none
};

// Histories of a batch: row b is items[offsets[b]] .. items[offsets[b + 1] - 1], oldest first.
struct Histories {
  std::span<const std::int32_t> offsets, items;
};

// Immutable after construction; any number of threads may call it at once.
class SequenceEncoder {
 public:
  // Copies the weights. Throws Error(argument) for sizes that do not fit or a weight that is not finite.
  SequenceEncoder(const EncoderShape& shape, const EncoderWeights& weights);
  // The same with the kernels of one instruction-set level, for tests and benchmarks.
  SequenceEncoder(const EncoderShape& shape, const EncoderWeights& weights, const EncoderKernels& kernels);
  // Over a catalogue of its items, which it shares; `weights` have none of their own. As above, and throws
  // for a catalogue of another dimension or with biases.
  SequenceEncoder(std::shared_ptr<const Catalogue> catalogue, const EncoderShape& shape,
                  const EncoderWeights& weights, const EncoderKernels& kernels = encoder_kernels());
  ~SequenceEncoder();

  std::int64_t size() const noexcept { return catalogue_->size(); }
  std::int64_t dimension() const noexcept { return shape_.dimension; }

  // Throws Error(argument) for malformed offsets and for an item that is not in the table.
  void check(const Histories& histories) const;

  // Writes the state of each history to states [batch x d]; an empty history has a state of zeros. A history
  // has the same bits in any batch and at any number of threads. Once this thread has seen a batch as large,
  // nothing is allocated, but for what the pool needs to share a large one; a workspace above 64 MB, which
  // takes histories of many thousand items, is given back after each group. Throws as check.
  void encode(const Histories& histories, std::span<float> states) const;

  // The best items for the state of each history, as Catalogue::top_k; an empty history has an empty list.
  void top_k(const Histories& histories, std::int64_t k, const TopKFilter& filter, const TopKRows& out) const;
  TopKResult top_k(const Histories& histories, std::int64_t k, const TopKFilter& filter = {}) const {
    check(histories);
    TopKResult result = new_rows(static_cast<std::int64_t>(histories.offsets.size()) - 1, size(), k);
    top_k(histories, k, filter, result.rows());
    return result;
  }

 private:
  struct Pass;

  // Tokens of history b: 0 when it is empty.
  std::int64_t token_count(const Histories& histories, std::int64_t b) const;

  EncoderShape shape_;
  const EncoderKernels& kernels_;
  std::shared_ptr<const Catalogue> catalogue_;  // its rows are what a history's items enter as
  std::unique_ptr<const PackedEncoder> weights_;
};

}  // namespace l4r
