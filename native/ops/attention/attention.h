#pragma once

#include <cstdint>
#include <span>

#include "autograd/tape.h"

namespace l4r {

struct AttentionOptions {
  std::int64_t heads = 1;  // must divide d
  bool causal = true;      // a token sees itself and those before it; else all of its sequence
  float dropout = 0;       // of the attention weights, in a training step
};

// Multi-head scaled dot-product attention over packed sequences: qkv [tokens x 3 d] holds queries, keys and
// values side by side, each cut into heads; sequence s is rows offsets[s]..offsets[s + 1] - 1, so nothing is
// padded. offsets ascend from 0 to tokens; a sequence may be empty. Result [tokens x d]. Throws
// Error(argument) for shapes, offsets, heads or a rate that do not fit.
Handle attention(Tape& tape, Handle qkv, std::span<const std::int32_t> offsets,
                 const AttentionOptions& options);

}  // namespace l4r
