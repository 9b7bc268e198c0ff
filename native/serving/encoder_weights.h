// The weights of a sequence encoder, checked and brought into the form its kernels want. Built once.
#pragma once

#include <cstdint>
#include <vector>

#include "base/buffer.h"
#include "serving/sequence_encoder.h"

namespace l4r {

// y = x weight + bias, packed: panels [panels x in x lanes], bias [panels x lanes], padded with 0.
struct PackedLinear {
  std::int64_t in = 0, out = 0;
  Buffer<float> panels, bias;
};

struct NormWeights {
  Buffer<float> gain, bias;  // [d]
};

// A head's score is q_i k_j = (n_i Wq + bq) Wk^T n_j + a part that is the same for every j, which softmax
// does not see. With u_i = (n_i Wq + bq) Wk^T scores are taken against the normed tokens n themselves, and
// since probabilities add up to 1, the head's output is (sum_j p_j n_j) Wv + bv. So keys and values of tokens
// need not be computed:
// - with one head, Wq Wk^T and Wv Wo are multiplied out beforehand, and tokens cost half the products;
// - in the last block, which has one query a history, Wk^T and Wv are applied to that query alone.
struct EncoderBlock {
  NormWeights norm1, norm2;
  // One head: n -> u. More heads: n -> q | k | v, in the last block n -> q.
  PackedLinear query;
  // Last block of more heads: head h takes its q to u with keys[h] [width x d], and sum_j p_j n_j to its
  // output with values[h] [d x width].
  std::vector<PackedLinear> keys, values;
  PackedLinear out;  // [d x d]; with one head it includes Wv
  PackedLinear up, down;
};

struct PackedEncoder {
  Buffer<float> positions;  // [length x d]
  std::vector<EncoderBlock> blocks;
  NormWeights norm;
  Buffer<float> mask_token;  // [d], or nothing

  // Tokens behind the last item.
  std::int64_t appended() const noexcept { return mask_token.size() > 0 ? 1 : 0; }
};

// Returns the shape; throws Error(argument) when it is out of range.
const EncoderShape& checked(const EncoderShape& shape);

// Weights for panels of `lanes` columns. Throws Error(argument) for a tensor of the wrong size or a number
// that is not finite.
PackedEncoder pack_encoder(const EncoderShape& shape, const EncoderWeights& weights, int lanes);

}  // namespace l4r
