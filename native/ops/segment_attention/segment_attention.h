#pragma once

#include <cstdint>
#include <span>

#include "autograd/tape.h"

namespace l4r {

struct SegmentAttentionOptions {
  std::int64_t heads = 1;     // of queries
  std::int64_t kv_heads = 1;  // of keys and values, divides heads: query head h reads h / (heads / kv_heads)
  float dropout = 0;          // of the attention weights, in a training step
};

// Grouped-query attention (Ainslie et al., EMNLP 2023) of many tails behind one prefix. x [tokens x (heads +
// 2 kv_heads) w] holds queries, keys and values side by side. Segment g is rows segments[g]..segments[g + 1]
// - 1; sequence s is segments sequences[s]..sequences[s + 1] - 1, its first one the prefix, the others tails.
// A token sees itself and what stands before it in its own segment, and in a tail all of the prefix as well:
// never another tail. Both lists ascend from 0, to tokens and to the number of segments; any of them may be
// empty. Result [tokens x heads w]. Throws Error(argument) for what does not fit.
Handle segment_attention(Tape& tape, Handle x, std::span<const std::int32_t> segments,
                         std::span<const std::int32_t> sequences, const SegmentAttentionOptions& options);

}  // namespace l4r
