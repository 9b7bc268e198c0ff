// Attention over sequences in the caller's memory, without a model around it.
#pragma once

#include <cstdint>
#include <span>

#include "serving/encoder_kernels.h"

namespace l4r {

// Tokens of all sequences stand one after another: sequence s has tokens offsets[s] .. offsets[s + 1] - 1.
// Heads stand side by side in a token.
struct SequenceAttention {
  std::span<const float> queries, keys, values;  // [tokens x d]
  std::span<const std::int32_t> offsets;         // sequences + 1 numbers rising from 0 to the tokens
  std::int64_t d, heads;                         // heads divides d
  float scale;  // of the scores, at least 0; Vaswani et al., NIPS 2017, Eq. 1: 1 / sqrt(d / heads)
  bool causal;  // a token sees itself and those before it; else its whole sequence
};

// out [tokens x d] = softmax(scale * queries keys^T) values, head by head. Throws Error(argument) for sizes
// that do not fit and for an `out` that shares memory with what is read. A sequence has the same bits
// whatever else is asked for and at any number of threads.
void sequence_attention(const SequenceAttention& task, std::span<float> out,
                        const EncoderKernels& kernels = encoder_kernels());

}  // namespace l4r
