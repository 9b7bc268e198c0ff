// The table of numerical kernels, one per instruction-set level. Kernels are pure loops over caller-owned
// memory: no checks, no threads, no allocation. All matrices are row-major and contiguous; no alignment is
// required.
#pragma once

#include <cstdint>

namespace l4r {

enum class Level;

// One row of a table that adds to a row gradient: scale * gradient[0..cols).
struct Contribution {
  const float* gradient;
  float scale;
};

// Constants of one Adam step.
struct AdamConstants {
  float learning_rate, beta1, beta2, epsilon;
  float coupled_decay;    // added to the gradient: decay * w
  float decoupled_decay;  // learning rate * decay: taken off the weight
};

// Bias correction of a row that has been updated t times: 1 / (1 - beta1^t) and 1 / sqrt(1 - beta2^t).
struct BiasCorrection {
  float inverse_first, inverse_root_second;
};

// Row gradients of a step: row rows[i] gets the sum, in order, of contributions offsets[i]..offsets[i + 1]
// - 1.
struct RowSegments {
  std::int64_t count;
  std::int32_t *rows, *offsets;
  Contribution* contributions;
};

// What update_adam_rows reads and writes: whole matrices [rows x cols]; steps [rows] counts the updates of
// each row.
struct AdamRows {
  float *value, *first, *second;
  std::int32_t* steps;
  const BiasCorrection* corrections;  // by step; steps beyond the end take the last
  std::int32_t correction_count;
};

// out = a + b, n elements. out may be a.
using Add = void(std::int64_t n, const float* a, const float* b, float* out);
// out = s * x, or out += s * x.
using ScaleAdd = void(std::int64_t n, float s, const float* x, float* out, bool accumulate);
// Sum of x^2: float32 inside blocks of 256, float64 across them. Not finite only if some x is not finite.
using SumSquares = double(std::int64_t n, const float* x);
// out[i] = table[rows[i]].
using GatherRows = void(std::int64_t n, std::int64_t cols, const float* table, const std::int32_t* rows,
                        float* out);
// out[b] = sum over j in offsets[b]..offsets[b + 1] of scales[j] * table[indices[j]].
using BagRows = void(std::int64_t bags, std::int64_t cols, const float* table, const std::int32_t* indices,
                     const float* scales, const std::int32_t* offsets, float* out);
// out[i] = a[i] . b[i].
using RowDot = void(std::int64_t n, std::int64_t cols, const float* a, const float* b, float* out);
// out[i] = scale[i] * x[i], or out[i] += scale[i] * x[i].
using RowScaleAdd = void(std::int64_t n, std::int64_t cols, const float* scale, const float* x, float* out,
                         bool accumulate);
// Sum over i of softplus(negative[i] - positive[i]); slope[i] = -sigmoid(negative[i] - positive[i]) =
// dloss/dpositive.
using BprLoss = double(std::int64_t n, const float* positive, const float* negative, float* slope);
// Packs `count` x `depth` into panels of `width` lines, zero-padded: out[panel][p][line]. Line l, depth p is
// read from source[p * stride + l], or with lines_apart from source[l * stride + p].
using Pack = void(std::int64_t count, std::int64_t depth, int width, const float* source, std::int64_t stride,
                  bool lines_apart, float* out);
// c[m x n] = (or +=) packed a [m x depth] * packed b [depth x n]; rows of c are `stride` apart.
using GemmBlock = void(std::int64_t m, std::int64_t n, std::int64_t depth, const float* a, const float* b,
                       float* c, std::int64_t stride, bool accumulate);
// Sum of squares of the row gradients of segments begin..end - 1.
using SegmentSquares = double(const RowSegments& segments, std::int64_t begin, std::int64_t end,
                              std::int64_t cols);
// One Adam update of the rows of segments begin..end - 1.
using UpdateAdamRows = void(const RowSegments& segments, std::int64_t begin, std::int64_t end,
                            std::int64_t cols, const AdamRows& target, const AdamConstants& constants);

struct OpKernels {
  Add* add;
  ScaleAdd* scale_add;
  SumSquares* sum_squares;
  GatherRows* gather_rows;
  BagRows* bag_rows;
  RowDot* row_dot;
  RowScaleAdd* row_scale_add;
  BprLoss* bpr_loss;
  Pack* pack;
  GemmBlock* gemm_block;
  int gemm_rows, gemm_cols;  // panel widths of packed a and packed b
  SegmentSquares* segment_squares;
  UpdateAdamRows* update_adam_rows;
};

// Kernels of the active level (see base/cpu.h).
const OpKernels& op_kernels();
// Kernels of one level. Throws Error(argument) when it is not available here.
const OpKernels& op_kernels(Level level);

}  // namespace l4r
