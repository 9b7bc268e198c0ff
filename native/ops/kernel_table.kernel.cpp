// This level's table of kernels. Constant-initialised: no code of a level runs before the level is chosen.
#include "ops/kernels.h"
#include "ops/matmul/tile.h"

namespace l4r::L4R_LEVEL {

Add add;
ScaleAdd scale_add;
SumSquares sum_squares;
GatherRows gather_rows;
EmbedRows embed_rows;
BagRows bag_rows;
RowDot row_dot;
RowScaleAdd row_scale_add;
BprLoss bpr_loss;
BprRows bpr_rows;
PackLeft pack_left;
PackRight pack_right;
GemmBlock gemm_block;
FinishLinear finish_linear;
LinearSlope linear_slope;
LayerNorm layer_norm;
LayerNormBackward layer_norm_backward;
RmsNorm rms_norm;
RmsNormBackward rms_norm_backward;
Swiglu swiglu;
SwigluBackward swiglu_backward;
KeepBits keep_bits;
ScaleKept scale_kept;
SumSegments sum_segments;
UpdateAdamRows update_adam_rows;
AttentionForward attention_forward;
AttentionBackward attention_backward;
SegmentAttentionForward segment_attention_forward;
SegmentAttentionBackward segment_attention_backward;
TurnPairs turn_pairs;
NormalizeRows normalize_rows;
NormalizeRowsBackward normalize_rows_backward;
Multiply multiply;
Relu relu;
ReluSlope relu_slope;
BiInteraction bi_interaction;
BiInteractionBackward bi_interaction_backward;
PairProducts pair_products;
PairProductsBackward pair_products_backward;
Cross cross;
CrossBackward cross_backward;
OuterRows outer_rows;
OuterRowsBackward outer_rows_backward;
SumGroups sum_groups;
SpreadGroups spread_groups;
SoftmaxPool softmax_pool;
SoftmaxPoolBackward softmax_pool_backward;
TransposeBlocks transpose_blocks;
BestRow best_row;
BceLoss bce_loss;
SoftmaxRows softmax_rows;
LogSoftmaxRows log_softmax_rows;

extern const OpKernels op_kernels_table;
constinit const OpKernels op_kernels_table = {
    .add = add,
    .scale_add = scale_add,
    .sum_squares = sum_squares,
    .gather_rows = gather_rows,
    .embed_rows = embed_rows,
    .bag_rows = bag_rows,
    .row_dot = row_dot,
    .row_scale_add = row_scale_add,
    .bpr_loss = bpr_loss,
    .bpr_rows = bpr_rows,
    .pack_left = pack_left,
    .pack_right = pack_right,
    .gemm_block = gemm_block,
    .gemm_rows = kTileRows,
    .gemm_cols = kTileCols,
    .finish_linear = finish_linear,
    .linear_slope = linear_slope,
    .layer_norm = layer_norm,
    .layer_norm_backward = layer_norm_backward,
    .rms_norm = rms_norm,
    .rms_norm_backward = rms_norm_backward,
    .swiglu = swiglu,
    .swiglu_backward = swiglu_backward,
    .keep_bits = keep_bits,
    .scale_kept = scale_kept,
    .sum_segments = sum_segments,
    .update_adam_rows = update_adam_rows,
    .attention_forward = attention_forward,
    .attention_backward = attention_backward,
    .segment_attention_forward = segment_attention_forward,
    .segment_attention_backward = segment_attention_backward,
    .turn_pairs = turn_pairs,
    .normalize_rows = normalize_rows,
    .normalize_rows_backward = normalize_rows_backward,
    .multiply = multiply,
    .relu = relu,
    .relu_slope = relu_slope,
    .bi_interaction = bi_interaction,
    .bi_interaction_backward = bi_interaction_backward,
    .pair_products = pair_products,
    .pair_products_backward = pair_products_backward,
    .cross = cross,
    .cross_backward = cross_backward,
    .outer_rows = outer_rows,
    .outer_rows_backward = outer_rows_backward,
    .sum_groups = sum_groups,
    .spread_groups = spread_groups,
    .softmax_pool = softmax_pool,
    .softmax_pool_backward = softmax_pool_backward,
    .transpose_blocks = transpose_blocks,
    .best_row = best_row,
    .bce_loss = bce_loss,
    .softmax_rows = softmax_rows,
    .log_softmax_rows = log_softmax_rows,
};

}  // namespace l4r::L4R_LEVEL
