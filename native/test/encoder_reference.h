// A sequence encoder's weights drawn at random, and its states in float64, written in the plainest way.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "serving/sequence_encoder.h"

namespace l4r::test {

using Floats = std::vector<float>;
using Doubles = std::vector<double>;
using Items = std::vector<std::int32_t>;

inline std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

class Random {
 public:
  explicit Random(std::uint64_t seed) : philox_(seed, 7) {}
  std::int64_t below(std::int64_t bound) {
    return static_cast<std::int64_t>(philox_.below(counter_++, static_cast<std::uint64_t>(bound)));
  }
  // Uniform in centre +- spread.
  Floats vector(std::int64_t count, double spread, double centre = 0) {
    Floats values(at(count));
    for (float& value : values)
      value = static_cast<float>(centre + spread * (2.0 * Philox::unit(philox_.block(counter_++)[0]) - 1));
    return values;
  }
  Items items(std::int64_t count, std::int64_t n) {
    Items values(at(count));
    for (auto& value : values) value = static_cast<std::int32_t>(below(n));
    return values;
  }

 private:
  Philox philox_;
  std::uint64_t counter_ = 0;
};

// Owns what EncoderWeights borrows.
struct Model {
  struct Block {
    Floats norm1_gain, norm1_bias, qkv, qkv_bias, out, out_bias, norm2_gain, norm2_bias, up, up_bias, down,
        down_bias;
  };
  EncoderShape shape;
  std::int64_t n;
  Floats items, positions, norm_gain, norm_bias;
  std::vector<Block> blocks;
  Floats mask_token = {};

  EncoderWeights weights() const {
    EncoderWeights view{items, positions, {}, norm_gain, norm_bias};
    for (const Block& b : blocks)
      view.blocks.push_back({b.norm1_gain, b.norm1_bias, b.qkv, b.qkv_bias, b.out, b.out_bias, b.norm2_gain,
                             b.norm2_bias, b.up, b.up_bias, b.down, b.down_bias});
    view.mask_token = mask_token;
    return view;
  }
};

// `scale` 1 gives layers that keep the size of what they get, about.
inline Model random_model(Random& random, const EncoderShape& s, std::int64_t n, double scale = 1) {
  const std::int64_t d = s.dimension;
  const auto matrix = [&](std::int64_t rows, std::int64_t cols) {
    return random.vector(rows * cols, scale * std::sqrt(3.0 / static_cast<double>(rows)));
  };
  Model m{s,
          n,
          random.vector(n * d, scale),
          random.vector(s.length * d, scale),
          random.vector(d, 0.5, 1),
          random.vector(d, 0.5),
          {}};
  for (std::int64_t b = 0; b < s.blocks; ++b)
    m.blocks.push_back({random.vector(d, 0.5, 1), random.vector(d, 0.5), matrix(d, 3 * d),
                        random.vector(3 * d, scale), matrix(d, d), random.vector(d, scale),
                        random.vector(d, 0.5, 1), random.vector(d, 0.5), matrix(d, s.hidden),
                        random.vector(s.hidden, scale), matrix(s.hidden, d), random.vector(d, scale)});
  return m;
}

inline EncoderShape shape_of(std::int64_t d, std::int64_t hidden, std::int64_t blocks, std::int64_t heads,
                             std::int64_t length, bool causal = true,
                             Activation activation = Activation::relu) {
  return {d, hidden, blocks, heads, length, causal, activation, static_cast<float>(std::sqrt(d)), 1e-6f};
}

inline Doubles reference_norm(const Doubles& x, const Floats& gain, const Floats& bias, double epsilon) {
  double mean = 0, variance = 0;
  for (const double value : x) mean += value / static_cast<double>(x.size());
  for (const double value : x) variance += (value - mean) * (value - mean) / static_cast<double>(x.size());
  Doubles out;
  for (std::size_t i = 0; i < x.size(); ++i)
    out.push_back(double{gain[i]} * (x[i] - mean) / std::sqrt(variance + epsilon) + double{bias[i]});
  return out;
}

inline Doubles reference_linear(const Doubles& x, const Floats& weight, const Floats& bias) {
  Doubles out(bias.begin(), bias.end());
  for (std::size_t p = 0; p < x.size(); ++p)
    for (std::size_t j = 0; j < out.size(); ++j) out[j] += x[p] * double{weight[p * out.size() + j]};
  return out;
}

inline double reference_activation(double x, Activation activation) {
  if (activation == Activation::relu) return std::max(x, 0.0);
  if (activation == Activation::gelu)
    return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
  return x;
}

inline void add_to(Doubles& x, const Doubles& y) {
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
}

// The same model with a mask token behind the last item.
inline Model masked(Random& random, Model m) {
  m.mask_token = random.vector(m.shape.dimension, 1);
  return m;
}

// The state after a history that is not empty.
inline Doubles reference_state(const Model& m, Items history) {
  const EncoderShape& s = m.shape;
  const std::size_t d = at(s.dimension), width = d / at(s.heads);
  const std::size_t behind = m.mask_token.empty() ? 0 : 1, most = at(s.length) - behind;
  if (history.size() > most)
    history.erase(history.begin(), history.end() - static_cast<std::ptrdiff_t>(most));
  const std::size_t items = history.size(), count = items + behind;
  std::vector<Doubles> x(count, Doubles(d));
  for (std::size_t t = 0; t < count; ++t) {
    const float* vector = t < items ? m.items.data() + at(history[t]) * d : m.mask_token.data();
    for (std::size_t j = 0; j < d; ++j)
      x[t][j] =
          double{vector[j]} * double{s.input_scale} + double{m.positions[(at(s.length) - count + t) * d + j]};
  }
  for (const Model::Block& b : m.blocks) {
    std::vector<Doubles> qkv;
    for (const Doubles& token : x)
      qkv.push_back(
          reference_linear(reference_norm(token, b.norm1_gain, b.norm1_bias, s.epsilon), b.qkv, b.qkv_bias));
    for (std::size_t i = 0; i < count; ++i) {
      Doubles attended(d, 0.0);
      for (std::size_t first = 0; first < d; first += width) {
        Doubles p(s.causal ? i + 1 : count, 0.0);
        for (std::size_t j = 0; j < p.size(); ++j) {
          for (std::size_t c = first; c < first + width; ++c) p[j] += qkv[i][c] * qkv[j][d + c];
          p[j] /= std::sqrt(static_cast<double>(width));
        }
        const double highest = *std::max_element(p.begin(), p.end());
        double total = 0;
        for (double& value : p) total += value = std::exp(value - highest);
        for (std::size_t j = 0; j < p.size(); ++j)
          for (std::size_t c = first; c < first + width; ++c) attended[c] += p[j] / total * qkv[j][2 * d + c];
      }
      add_to(x[i], reference_linear(attended, b.out, b.out_bias));
      Doubles hidden =
          reference_linear(reference_norm(x[i], b.norm2_gain, b.norm2_bias, s.epsilon), b.up, b.up_bias);
      for (double& value : hidden) value = reference_activation(value, s.activation);
      add_to(x[i], reference_linear(hidden, b.down, b.down_bias));
    }
  }
  return reference_norm(x.back(), m.norm_gain, m.norm_bias, s.epsilon);
}

}  // namespace l4r::test
