#include "ops/kernels.h"
#include "ops/softmax/row_loss.h"

namespace l4r::L4R_LEVEL {

LogSoftmaxRows log_softmax_rows;

void log_softmax_rows(std::int64_t rows, std::int64_t cols, const std::int32_t* targets, float* scores,
                      float* out) {
  for (std::int64_t i = 0; i < rows; ++i)
    out[i] = static_cast<float>(-row_loss(cols, targets[i], scores + i * cols).loss);
}

}  // namespace l4r::L4R_LEVEL
