#include "serving/encoder_weights.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/thread_pool.h"

namespace l4r {

namespace {

using Weights = std::span<const float>;

constexpr std::int64_t kLargestWidth = std::int64_t{1} << 16;
constexpr std::int64_t kLargestLength = std::int64_t{1} << 16;
constexpr std::int64_t kMostBlocks = 1024;

void check_range(const char* name, std::int64_t value, std::int64_t largest) {
  require(value >= 1 && value <= largest, name, ": expected an integer in 1..", largest, ", got ", value);
}

// One tensor [rows x cols] by its name.
void check_tensor(const std::string& name, Weights values, std::int64_t rows, std::int64_t cols) {
  require(static_cast<std::int64_t>(values.size()) == rows * cols, name, ": expected ", rows, " x ", cols,
          " numbers, got ", values.size());
  const auto bad = std::find_if(values.begin(), values.end(), [](float x) { return !std::isfinite(x); });
  require(bad == values.end(), name, ": row ", (bad - values.begin()) / cols, ", column ",
          (bad - values.begin()) % cols, " is not finite");
}

void check_block(const EncoderShape& s, const EncoderWeights::Block& block, const std::string& name) {
  const std::int64_t d = s.dimension;
  check_tensor(name + "norm1_gain", block.norm1_gain, 1, d);
  check_tensor(name + "norm1_bias", block.norm1_bias, 1, d);
  check_tensor(name + "qkv", block.qkv, d, 3 * d);
  check_tensor(name + "qkv_bias", block.qkv_bias, 1, 3 * d);
  check_tensor(name + "out", block.out, d, d);
  check_tensor(name + "out_bias", block.out_bias, 1, d);
  check_tensor(name + "norm2_gain", block.norm2_gain, 1, d);
  check_tensor(name + "norm2_bias", block.norm2_bias, 1, d);
  check_tensor(name + "up", block.up, d, s.hidden);
  check_tensor(name + "up_bias", block.up_bias, 1, s.hidden);
  check_tensor(name + "down", block.down, s.hidden, d);
  check_tensor(name + "down_bias", block.down_bias, 1, d);
}

Buffer<float> copy(Weights values) {
  Buffer<float> to(static_cast<std::int64_t>(values.size()));
  std::copy(values.begin(), values.end(), to.data());
  return to;
}

// Packs [in x out] numbers weight(p, j) and bias(j).
template <typename Weight, typename Bias>
PackedLinear pack(int lanes, std::int64_t in, std::int64_t out, const Weight& weight, const Bias& bias) {
  const std::int64_t panels = (out + lanes - 1) / lanes;
  PackedLinear packed{in, out, Buffer<float>(panels * in * lanes), Buffer<float>(panels * lanes)};
  for (std::int64_t j = 0; j < out; ++j) {
    float* to = packed.panels.data() + j / lanes * in * lanes + j % lanes;
    for (std::int64_t p = 0; p < in; ++p) to[p * lanes] = static_cast<float>(weight(p, j));
    packed.bias[j] = static_cast<float>(bias(j));
  }
  return packed;
}

// Columns [first, first + out) of a row-major weight [in x stride].
PackedLinear pack_columns(int lanes, Weights weight, Weights bias, std::int64_t in, std::int64_t stride,
                          std::int64_t first, std::int64_t out) {
  return pack(
      lanes, in, out, [&](std::int64_t p, std::int64_t j) { return weight[p * stride + first + j]; },
      [&](std::int64_t j) { return bias[first + j]; });
}

PackedLinear pack_whole(int lanes, Weights weight, Weights bias, std::int64_t in, std::int64_t out) {
  return pack_columns(lanes, weight, bias, in, out, 0, out);
}

// left [rows x d] times right(c, j), c and j below d, in float64; every sum in the order of c. Columns go to
// threads in tiles, which stay in the cache and whose sums stay in registers.
template <typename Right>
std::vector<double> product(const std::vector<double>& left, std::int64_t d, const Right& right) {
  constexpr std::int64_t kTile = 16;
  std::vector<double> result(left.size());
  ThreadPool::shared().for_ranges(d, kTile, [&](std::int64_t begin, std::int64_t end) {
    std::vector<double> tile(static_cast<std::size_t>(d * kTile));  // 0 beyond the last column
    for (std::int64_t c = 0; c < d; ++c)
      for (std::int64_t j = begin; j < end; ++j)
        tile[static_cast<std::size_t>(c * kTile + j - begin)] = right(c, j);
    for (std::size_t row = 0; row < left.size(); row += static_cast<std::size_t>(d)) {
      const double* factors = left.data() + row;
      const double* from = tile.data();
      double sums[kTile] = {};
      for (std::int64_t c = 0; c < d; ++c, from += kTile)
        for (std::int64_t t = 0; t < kTile; ++t) sums[t] += factors[c] * from[t];
      std::copy_n(sums, end - begin, result.data() + row + begin);
    }
  });
  return result;
}

// Columns [first, first + d) of qkv, and their bias as one row more: [d + 1 x d].
std::vector<double> with_bias(const EncoderWeights::Block& from, std::int64_t d, std::int64_t first) {
  std::vector<double> rows;
  rows.reserve(static_cast<std::size_t>((d + 1) * d));
  for (std::int64_t p = 0; p <= d; ++p)
    for (std::int64_t c = first; c < first + d; ++c)
      rows.push_back(double{p < d ? from.qkv[p * 3 * d + c] : from.qkv_bias[c]});
  return rows;
}

// The products of one head, in float64 and rounded once.
void join(const EncoderWeights::Block& from, std::int64_t d, int lanes, EncoderBlock& to) {
  const auto entry = [d](const std::vector<double>& matrix, std::int64_t p, std::int64_t j) {
    return matrix[static_cast<std::size_t>(p * d + j)];
  };
  const std::vector<double> query = product(with_bias(from, d, 0), d, [&](std::int64_t c, std::int64_t j) {
    return double{from.qkv[j * 3 * d + d + c]};
  });
  to.query = pack(
      lanes, d, d, [&](std::int64_t p, std::int64_t j) { return entry(query, p, j); },
      [&](std::int64_t j) { return entry(query, d, j); });
  const std::vector<double> out = product(with_bias(from, d, 2 * d), d, [&](std::int64_t c, std::int64_t j) {
    return double{from.out[c * d + j]};
  });
  to.out = pack(
      lanes, d, d, [&](std::int64_t p, std::int64_t j) { return entry(out, p, j); },
      [&](std::int64_t j) { return entry(out, d, j) + double{from.out_bias[j]}; });
}

void split_heads(const EncoderShape& s, const EncoderWeights::Block& from, int lanes, EncoderBlock& to) {
  const std::int64_t d = s.dimension, width = d / s.heads;
  to.query = pack_columns(lanes, from.qkv, from.qkv_bias, d, 3 * d, 0, d);
  for (std::int64_t first = 0; first < d; first += width) {
    to.keys.push_back(pack(
        lanes, width, d, [&](std::int64_t p, std::int64_t j) { return from.qkv[j * 3 * d + d + first + p]; },
        [](std::int64_t) { return 0.0f; }));
    to.values.push_back(pack_columns(lanes, from.qkv, from.qkv_bias, d, 3 * d, 2 * d + first, width));
  }
}

EncoderBlock pack_block(const EncoderShape& s, const EncoderWeights::Block& from, bool last, int lanes) {
  const std::int64_t d = s.dimension;
  EncoderBlock to;
  to.norm1 = {copy(from.norm1_gain), copy(from.norm1_bias)};
  to.norm2 = {copy(from.norm2_gain), copy(from.norm2_bias)};
  if (s.heads == 1) {
    join(from, d, lanes, to);
  } else {
    if (last)
      split_heads(s, from, lanes, to);
    else
      to.query = pack_whole(lanes, from.qkv, from.qkv_bias, d, 3 * d);
    to.out = pack_whole(lanes, from.out, from.out_bias, d, d);
  }
  to.up = pack_whole(lanes, from.up, from.up_bias, d, s.hidden);
  to.down = pack_whole(lanes, from.down, from.down_bias, s.hidden, d);
  return to;
}

}  // namespace

const EncoderShape& checked(const EncoderShape& s) {
  check_range("dimension", s.dimension, kLargestWidth);
  check_range("hidden", s.hidden, kLargestWidth);
  check_range("blocks", s.blocks, kMostBlocks);
  check_range("heads", s.heads, s.dimension);
  check_range("length", s.length, kLargestLength);
  require(s.dimension % s.heads == 0, "heads: expected a divisor of dimension ", s.dimension, ", got ",
          s.heads);
  require(std::isfinite(s.input_scale), "input scale: expected a finite number, got ", s.input_scale);
  require(std::isfinite(s.epsilon) && s.epsilon > 0, "epsilon: expected a number above 0, got ", s.epsilon);
  return s;
}

PackedEncoder pack_encoder(const EncoderShape& s, const EncoderWeights& weights, int lanes) {
  const std::int64_t d = s.dimension;
  check_tensor("positions", weights.positions, s.length, d);
  check_tensor("norm_gain", weights.norm_gain, 1, d);
  check_tensor("norm_bias", weights.norm_bias, 1, d);
  if (!weights.mask_token.empty()) check_tensor("mask_token", weights.mask_token, 1, d);
  require(static_cast<std::int64_t>(weights.blocks.size()) == s.blocks, "blocks: expected weights of ",
          s.blocks, " blocks, got ", weights.blocks.size());
  for (std::size_t i = 0; i < weights.blocks.size(); ++i)
    check_block(s, weights.blocks[i], "blocks[" + std::to_string(i) + "].");

  PackedEncoder packed{copy(weights.positions),
                       {},
                       {copy(weights.norm_gain), copy(weights.norm_bias)},
                       copy(weights.mask_token)};
  for (const auto& block : weights.blocks)
    packed.blocks.push_back(pack_block(s, block, &block == &weights.blocks.back(), lanes));
  return packed;
}

}  // namespace l4r
