// The inner loops of the sequence encoder. Pure loops over the caller's memory: no checks, no threads, no
// allocation. One table per instruction-set level. A row of a result has the same bits whatever rows stand
// beside it.
#pragma once

#include <cstdint>

namespace l4r {

enum class Level;

// c [m x n] = bias + a b, or c += bias + a b. Strides are in floats. The columns of b stand in panels of
// `lanes` and are read up to a whole panel: packed weights have b_row = lanes, b_panel = depth * lanes, and a
// plain matrix has b_panel = lanes.
struct Product {
  std::int64_t m, n, depth;
  const float* a;  // [m x depth]
  std::int64_t a_row;
  const float* b;  // [depth x n]
  std::int64_t b_row, b_panel;
  const float* bias;  // [n, up to a whole panel], or null
  float* c;
  std::int64_t c_row;
  bool accumulate;
};

// out [queries x width] = softmax(scale * q k^T) v of one head. With `causal` there are as many queries as
// keys, and query i sees keys 0..i. Rows of v are read up to a whole panel.
struct Attention {
  std::int64_t queries, keys, width;
  const float* q;
  std::int64_t q_row;
  const float* k;
  std::int64_t k_row;
  const float* v;
  std::int64_t v_row;
  float* out;
  std::int64_t out_row;
  float scale;
  bool causal;
  float* scratch;  // attention_scratch(keys, width) floats
};

struct EncoderKernels {
  int lanes;  // columns of a panel
  void (*product)(const Product& task);
  void (*attention)(const Attention& task);
  std::int64_t (*attention_scratch)(std::int64_t keys, std::int64_t width);
  // out[i] = scale * table[ids[i]] + positions[i], rows of d.
  void (*embed)(std::int64_t n, std::int64_t d, const float* table, const std::int32_t* ids, float scale,
                const float* positions, float* out);
  // out[i] = gain * (x[i] - mean) / sqrt(variance + epsilon) + bias, rows of d. out is not x.
  void (*layer_norm)(std::int64_t n, std::int64_t d, const float* x, const float* gain, const float* bias,
                     float epsilon, float* out);
  // In place, n numbers; see Activation.
  void (*relu)(std::int64_t n, float* x);
  void (*gelu)(std::int64_t n, float* x);
};

// The table of the active level, or of one level; throws Error(argument) when this build or machine lacks it.
const EncoderKernels& encoder_kernels();
const EncoderKernels& encoder_kernels(Level level);

}  // namespace l4r
