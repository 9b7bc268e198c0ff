// This level's table of kernels. Constant-initialised: no code of a level runs before the level is chosen.
#include "ops/kernels.h"
#include "ops/matmul/tile.h"

namespace l4r::L4R_LEVEL {

Add add;
ScaleAdd scale_add;
SumSquares sum_squares;
GatherRows gather_rows;
BagRows bag_rows;
RowDot row_dot;
RowScaleAdd row_scale_add;
BprLoss bpr_loss;
Pack pack;
GemmBlock gemm_block;
SegmentSquares segment_squares;
UpdateAdamRows update_adam_rows;

extern const OpKernels op_kernels_table;
constinit const OpKernels op_kernels_table = {
    .add = add,
    .scale_add = scale_add,
    .sum_squares = sum_squares,
    .gather_rows = gather_rows,
    .bag_rows = bag_rows,
    .row_dot = row_dot,
    .row_scale_add = row_scale_add,
    .bpr_loss = bpr_loss,
    .pack = pack,
    .gemm_block = gemm_block,
    .gemm_rows = kTileRows,
    .gemm_cols = kTileCols,
    .segment_squares = segment_squares,
    .update_adam_rows = update_adam_rows,
};

}  // namespace l4r::L4R_LEVEL
