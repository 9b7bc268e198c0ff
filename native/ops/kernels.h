// The table of numerical kernels, one per instruction-set level. Kernels are pure loops over caller-owned
// memory: no checks, no threads, no allocation. All matrices are row-major and contiguous; no alignment is
// required.
#pragma once

#include <cstdint>

namespace l4r {

enum class Level;
enum class Activation;

// One row of a table that adds to a row gradient: scale * gradient[0..cols), and own times the parameter's
// row itself.
struct Contribution {
  const float* gradient;
  float scale, own;
};

// Constants of one Adam step.
struct AdamConstants {
  float learning_rate, beta1, beta2, epsilon;
  float coupled_decay;    // added to the gradient: decay * w
  float decoupled_decay;  // learning rate * decay: taken off the weight
  float gradient_scale;   // of the gradient, before decay: below 1 where it is clipped
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
  float** sums;  // [cols] each, where the sum goes; null: it is the one contribution as it stands
};

// What update_adam_rows reads and writes: whole matrices [rows x cols]; steps [rows] counts the updates of
// each row.
struct AdamRows {
  float *value, *first, *second;
  std::int32_t* steps;
  const BiasCorrection* corrections;  // by step
  std::int32_t correction_count;
  // Of the steps beyond the end; null: they take the last.
  BiasCorrection (*later_correction)(float beta1, float beta2, std::int32_t step);
};

// One head of one sequence, as attention reads it: its rows of queries, keys and values [length x width] lie
// `stride` numbers apart, those of the result and its gradient `out_stride`.
struct AttentionHead {
  std::int64_t length, width;
  std::int64_t following;  // rows of the sequences after it
  const float *queries, *keys, *values;
  std::int64_t stride, out_stride;
  float scale;  // of the scores
  bool causal;
  // Dropout: the weight of query row i and key j stays where half i % 8 of block counter + (i - i % 8) *
  // counter_step + j of Philox(seed, stream) is below `keep`, and is then multiplied by inverse_keep.
  std::uint64_t seed, stream, counter, counter_step;
  std::uint32_t keep;  // kKeepAll: no dropout
  float inverse_keep;
};
inline constexpr std::uint32_t kKeepAll = 1 << 16;

// Memory of the thread at work; `line` is the length rounded up to whole vectors.
struct AttentionScratch {
  float *keys, *values;     // [width x line] each; values only backward
  float *weights, *slopes;  // forward: weights [8 x line]; backward: [rows x line] each
  std::uint32_t* words;     // [4 x line]; only with dropout
  std::int64_t rows;        // query rows at a time in the backward pass, a multiple of 8
};

// Where the gradients of queries, keys and values go, laid out like them.
struct AttentionGradients {
  float *queries, *keys, *values;
  std::int64_t stride;
  bool accumulate;
};

// The query heads of one sequence that read the same keys and values, as segment attention sees them. Rows of
// queries, of keys and of values lie `stride` numbers apart, those of the result and its gradient
// `out_stride`; the heads of a query row stand side by side.
struct SegmentGroup {
  const std::int32_t* bounds;  // [segments + 1]: rows where its segments begin, that of the prefix first
  std::int64_t segments, heads, width;
  const float *queries, *keys, *values;  // of its first row
  std::int64_t stride, out_stride;
  float scale;  // of the scores
  // Dropout: the weight of token i, head h and the j-th key that it sees stays where half j % 8 of block
  // counter + i * token_step + h * head_step + j / 8 of Philox(seed, stream) is below `keep`.
  std::uint64_t seed, stream, counter, token_step, head_step;
  std::uint32_t keep;  // kKeepAll: no dropout
  float inverse_keep;  // of those that stay
};

// Memory of the thread at work, for n keys and `tokens` tokens at a time, which are r = tokens * heads rows.
// `panels` says how pack_right() leaves a matrix; in columns, the keys of each
// segment that has some begin a panel.
struct SegmentScratch {
  std::int64_t tokens;
  std::int64_t line;                    // numbers from row to row of weights: at least the keys a token sees
  float *key_columns, *value_columns;   // panels of [w x n]; values only backward
  float *key_rows, *value_rows;         // panels of [n x w]; keys only backward
  float *queries, *results;             // [r x w]
  float *weights, *slopes;              // [r x line]; slopes, and what follows but bits, only backward
  float *query_panels, *result_panels;  // panels of [r x w]
  float *key_sums, *value_sums;         // [n x w]
  std::uint8_t* bits;                   // [line / 8 + 16]
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
// out[i] = scale * table[rows[i]] + positions[places[i]].
using EmbedRows = void(std::int64_t n, std::int64_t cols, const float* table, const std::int32_t* rows,
                       float scale, const float* positions, const std::int32_t* places, float* out);
// out[b] = sum over j in offsets[b]..offsets[b + 1] of scales[j] * table[indices[j]], or out[b] += the same.
using BagRows = void(std::int64_t bags, std::int64_t cols, const float* table, const std::int32_t* indices,
                     const float* scales, const std::int32_t* offsets, float* out, bool accumulate);
// out[i] = a[i] . b[i].
using RowDot = void(std::int64_t n, std::int64_t cols, const float* a, const float* b, float* out);
// out[i] = scale[i] * x[i], or out[i] += scale[i] * x[i].
using RowScaleAdd = void(std::int64_t n, std::int64_t cols, const float* scale, const float* x, float* out,
                         bool accumulate);
// Sum over i of softplus(negative[i] - positive[i]); slope[i] = -sigmoid(negative[i] - positive[i]) =
// dloss/dpositive.
using BprLoss = double(std::int64_t n, const float* positive, const float* negative, float* slope);
// Rows of n pairs: of a user, an item they have and one they have not.
struct PairRowNumbers {
  const std::int32_t *users, *positives, *negatives;
};
// Sum over pairs of softplus(x), x = user . negative - user . positive, rows of two tables with `cols`
// columns; slopes[i] = sigmoid(x); *squares = sum of the squares of the rows of all pairs.
using BprRows = double(std::int64_t n, std::int64_t cols, const float* users, const float* items,
                       const PairRowNumbers& rows, float* slopes, double* squares);
// The left operand of a product in panels of gemm_rows rows, packed or in place: panel q, row i of it, depth
// p at data[q * panel_step + i * row_step + p * depth_step]; row_step or depth_step is 1.
struct GemmLeft {
  const float* data;
  std::int64_t panel_step, row_step, depth_step;
};
// The right operand in panels of gemm_cols columns, as pack_right() leaves them or in place: panel q, depth
// p, column j at data[q * panel_step + p * depth_step + j].
struct GemmRight {
  const float* data;
  std::int64_t panel_step, depth_step;
};
// Packs [depth x rows], rows of the left operand side by side, into panels out[panel][p][gemm_rows]. Depth p,
// row i is read from source[p * stride + i].
using PackLeft = void(std::int64_t rows, std::int64_t depth, const float* source, std::int64_t stride,
                      float* out);
// Packs [depth x cols] into panels out[panel][p][gemm_cols], zero-padded. Depth p, column j is read from
// source[p * stride + j], or with columns_apart from source[j * stride + p].
using PackRight = void(std::int64_t cols, std::int64_t depth, const float* source, std::int64_t stride,
                       bool columns_apart, float* out);
// c[m x n] = (or +=) left [m x depth] * right [depth x n]; rows of c are `stride` apart.
using GemmBlock = void(std::int64_t m, std::int64_t n, std::int64_t depth, const GemmLeft& left,
                       const GemmRight& right, float* c, std::int64_t stride, bool accumulate);
// y [rows x cols], rows `stride` apart: y = activation(y + bias). gelu also writes its derivative to slope,
// laid out like y.
using FinishLinear = void(std::int64_t rows, std::int64_t cols, std::int64_t stride, const float* bias,
                          Activation activation, float* y, float* slope);
// out = gradient * activation'(...) (not written for Activation::none) and sums [cols], its column sums.
// saved: for relu the result of the activation, for gelu its derivative.
using LinearSlope = void(std::int64_t rows, std::int64_t cols, Activation activation, const float* gradient,
                         const float* saved, float* out, float* sums);
// Layer normalisation of each row; statistics [rows x 2] = mean and 1 / sqrt(variance + epsilon).
using LayerNorm = void(std::int64_t rows, std::int64_t cols, const float* x, const float* gain,
                       const float* bias, float epsilon, float* out, float* statistics);
// to = (or +=) the gradient of x; sums [2 x cols] = those of gain and bias over these rows.
using LayerNormBackward = void(std::int64_t rows, std::int64_t cols, const float* x, const float* gain,
                               const float* statistics, const float* gradient, float* to, bool accumulate,
                               float* sums);
// gain * x / sqrt(mean of x^2 + epsilon) of each row; scales [rows] = 1 / sqrt(mean of x^2 + epsilon).
using RmsNorm = void(std::int64_t rows, std::int64_t cols, const float* x, const float* gain, float epsilon,
                     float* out, float* scales);
// to = (or +=) the gradient of x; sums [cols] = that of gain over these rows, or null.
using RmsNormBackward = void(std::int64_t rows, std::int64_t cols, const float* x, const float* gain,
                             const float* scales, const float* gradient, float* to, bool accumulate,
                             float* sums);
// out [rows x cols] = silu(gate) * up; x [rows x 2 cols] holds gate and up of a row side by side.
using Swiglu = void(std::int64_t rows, std::int64_t cols, const float* x, float* out);
// to [rows x 2 cols] = (or +=) the gradient of x for that of out.
using SwigluBackward = void(std::int64_t rows, std::int64_t cols, const float* x, const float* gradient,
                            float* to, bool accumulate);
// Byte b, bit i of bits: whether half i % 2 (low first) of word i / 2 of Philox(seed, stream).block(first +
// b) is at most `limit` (below 2^16). Writes up to 15 bytes more than `blocks`.
using KeepBits = void(std::int64_t blocks, std::uint64_t seed, std::uint64_t stream, std::uint64_t first,
                      std::uint32_t limit, std::uint8_t* bits);
// out[i] = base[i] (0 where null) + scale * x[i] where bit e % 8 of bits[e / 8] is set, e = first + i; out
// may be base or x. Reads up to 3 bytes beyond the last.
using ScaleKept = void(std::int64_t n, float scale, const std::uint8_t* bits, std::int64_t first,
                       const float* x, const float* base, float* out);
// Writes the sums of segments begin..end - 1, of a parameter with these values, and returns the sum of their
// squares.
using SumSegments = double(const RowSegments& segments, std::int64_t begin, std::int64_t end,
                           std::int64_t cols, const float* values);
// One Adam update of the rows of segments begin..end - 1, whose sums stand.
using UpdateAdamRows = void(const RowSegments& segments, std::int64_t begin, std::int64_t end,
                            std::int64_t cols, const AdamRows& target, const AdamConstants& constants);

// Attention of one head of one sequence (ops/attention). statistics [length x 2]: per row the largest score
// and 1 / sum of e^(score - largest).
using AttentionForward = void(const AttentionHead& head, const AttentionScratch& scratch, float* out,
                              float* statistics);
using AttentionBackward = void(const AttentionHead& head, const AttentionScratch& scratch, const float* out,
                               const float* gradient, const float* statistics, const AttentionGradients& to);

// Attention of one group of heads of one sequence (ops/segment_attention). statistics [tokens x heads x 2]:
// as for attention.
using SegmentAttentionForward = void(const SegmentGroup& group, const SegmentScratch& scratch, float* out,
                                     float* statistics);
using SegmentAttentionBackward = void(const SegmentGroup& group, const SegmentScratch& scratch,
                                      const float* out, const float* gradient, const float* statistics,
                                      const AttentionGradients& to);
// out = (or +=) x with the pairs of neighbours in the first `turned` columns of row i turned by the angles
// with cosine turns[places[i]][j][0] and sine `sign` times turns[places[i]][j][1], j < width / 2; every
// `width` columns begin anew.
using TurnPairs = void(std::int64_t n, std::int64_t cols, std::int64_t turned, std::int64_t width,
                       const float* x, const float* turns, const std::int32_t* places, float sign, float* out,
                       bool accumulate);

// out = x, each row divided by its length; scales [rows] = 1 / length, or -1e12 for a row shorter than 1e-12,
// which is multiplied by 1e12.
using NormalizeRows = void(std::int64_t rows, std::int64_t cols, const float* x, float* out, float* scales);
// to = (or +=) the gradient of x for that of the result.
using NormalizeRowsBackward = void(std::int64_t rows, std::int64_t cols, const float* result,
                                   const float* scales, const float* gradient, float* to, bool accumulate);
// out = a * b, or out += a * b, n elements.
using Multiply = void(std::int64_t n, const float* a, const float* b, float* out, bool accumulate);
// out = max(x, 0), NaN where x is NaN.
using Relu = void(std::int64_t n, const float* x, float* out);
// to = (or +=) gradient where y, the result of relu, is above 0, else 0.
using ReluSlope = void(std::int64_t n, const float* y, const float* gradient, float* to, bool accumulate);
// out [rows x width] = half of (sum of the fields)^2 - sum of their squares; x [rows x fields width].
using BiInteraction = void(std::int64_t rows, std::int64_t fields, std::int64_t width, const float* x,
                           float* out);
using BiInteractionBackward = void(std::int64_t rows, std::int64_t fields, std::int64_t width, const float* x,
                                   const float* gradient, float* to, bool accumulate);
// out [rows pairs x width] = x[f] * x[g] for f < g, g fastest; x [rows x fields width].
using PairProducts = void(std::int64_t rows, std::int64_t fields, std::int64_t width, const float* x,
                          float* out);
using PairProductsBackward = void(std::int64_t rows, std::int64_t fields, std::int64_t width, const float* x,
                                  const float* gradient, float* to, bool accumulate);
// Where the gradients of two inputs go, which may be one tensor: `second` is then accumulated.
struct TwoTargets {
  float* first;
  bool add_first;
  float* second;
  bool add_second;
};
// dots[i] = x[i] . weight; out = first * dots + bias + x; all but dots [rows x cols].
using Cross = void(std::int64_t rows, std::int64_t cols, const float* first, const float* x,
                   const float* weight, const float* bias, float* out, float* dots);
// Gradients of first and x, and sums [2 x cols] = those of weight and bias over these rows.
using CrossBackward = void(std::int64_t rows, std::int64_t cols, const float* first, const float* x,
                           const float* weight, const float* dots, const float* gradient,
                           const TwoTargets& to, float* sums);
// out[r] [m x h] = a[r] [m] times b[r] [h].
using OuterRows = void(std::int64_t rows, std::int64_t m, std::int64_t h, const float* a, const float* b,
                       float* out);
using OuterRowsBackward = void(std::int64_t rows, std::int64_t m, std::int64_t h, const float* a,
                               const float* b, const float* gradient, const TwoTargets& to);
// out[g] = sum of the `size` rows x[g * size ..]; x [groups size x cols].
using SumGroups = void(std::int64_t groups, std::int64_t size, std::int64_t cols, const float* x, float* out);
// to[g * size + j] = (or +=) gradient[g].
using SpreadGroups = void(std::int64_t groups, std::int64_t size, std::int64_t cols, const float* gradient,
                          float* to, bool accumulate);
// weights [groups x size] = softmax of scores; out[g] = sum of weights[g][j] * x[g * size + j].
using SoftmaxPool = void(std::int64_t groups, std::int64_t size, std::int64_t cols, const float* scores,
                         const float* x, float* weights, float* out);
// Gradients of scores and x.
using SoftmaxPoolBackward = void(std::int64_t groups, std::int64_t size, std::int64_t cols, const float* x,
                                 const float* weights, const float* out, const float* gradient,
                                 const TwoTargets& to);
// out[b] [cols x rows] = (or +=) the transpose of x[b] [rows x cols].
using TransposeBlocks = void(std::int64_t blocks, std::int64_t rows, std::int64_t cols, const float* x,
                             float* out, bool accumulate);
// Which of table[rows[0..n)] has the largest product with query [cols], the first of equals; 0 when none
// does.
using BestRow = std::int64_t(std::int64_t n, std::int64_t cols, const float* table, const std::int32_t* rows,
                             const float* query);
// Sum over i of softplus(sign * x[i]); slope[i] = sign * sigmoid(sign * x[i]) = dloss/dx; sign is 1 or -1.
using BceLoss = double(std::int64_t n, float sign, const float* x, float* slope);
// Sum over rows of weights[i] * (logsumexp(scores[i]) - scores[i][targets[i]]); scores [rows x cols] become
// scale times its gradient: scale * weights[i] * (softmax(scores[i]) - 1 at the target). Null weights: all 1.
using SoftmaxRows = double(std::int64_t rows, std::int64_t cols, float scale, const float* weights,
                           const std::int32_t* targets, float* scores);
// out[i] = scores[i][targets[i]] - logsumexp(scores[i]); scores [rows x cols] are overwritten.
using LogSoftmaxRows = void(std::int64_t rows, std::int64_t cols, const std::int32_t* targets, float* scores,
                            float* out);

struct OpKernels {
  Add* add;
  ScaleAdd* scale_add;
  SumSquares* sum_squares;
  GatherRows* gather_rows;
  EmbedRows* embed_rows;
  BagRows* bag_rows;
  RowDot* row_dot;
  RowScaleAdd* row_scale_add;
  BprLoss* bpr_loss;
  BprRows* bpr_rows;
  PackLeft* pack_left;
  PackRight* pack_right;
  GemmBlock* gemm_block;
  int gemm_rows, gemm_cols;  // of a register tile
  FinishLinear* finish_linear;
  LinearSlope* linear_slope;
  LayerNorm* layer_norm;
  LayerNormBackward* layer_norm_backward;
  RmsNorm* rms_norm;
  RmsNormBackward* rms_norm_backward;
  Swiglu* swiglu;
  SwigluBackward* swiglu_backward;
  KeepBits* keep_bits;
  ScaleKept* scale_kept;
  SumSegments* sum_segments;
  UpdateAdamRows* update_adam_rows;
  AttentionForward* attention_forward;
  AttentionBackward* attention_backward;
  SegmentAttentionForward* segment_attention_forward;
  SegmentAttentionBackward* segment_attention_backward;
  TurnPairs* turn_pairs;
  NormalizeRows* normalize_rows;
  NormalizeRowsBackward* normalize_rows_backward;
  Multiply* multiply;
  Relu* relu;
  ReluSlope* relu_slope;
  BiInteraction* bi_interaction;
  BiInteractionBackward* bi_interaction_backward;
  PairProducts* pair_products;
  PairProductsBackward* pair_products_backward;
  Cross* cross;
  CrossBackward* cross_backward;
  OuterRows* outer_rows;
  OuterRowsBackward* outer_rows_backward;
  SumGroups* sum_groups;
  SpreadGroups* spread_groups;
  SoftmaxPool* softmax_pool;
  SoftmaxPoolBackward* softmax_pool_backward;
  TransposeBlocks* transpose_blocks;
  BestRow* best_row;
  BceLoss* bce_loss;
  SoftmaxRows* softmax_rows;
  LogSoftmaxRows* log_softmax_rows;
};

// Kernels of the active level (see base/cpu.h).
const OpKernels& op_kernels();
// Kernels of one level. Throws Error(argument) when it is not available here.
const OpKernels& op_kernels(Level level);

}  // namespace l4r
