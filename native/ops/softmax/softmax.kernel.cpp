#include "ops/kernels.h"
#include "ops/softmax/row_loss.h"

namespace l4r::L4R_LEVEL {

SoftmaxRows softmax_rows;

double softmax_rows(std::int64_t rows, std::int64_t cols, float scale, const float* weights,
                    const std::int32_t* targets, float* scores) {
  double sum_of_losses = 0;
  for (std::int64_t i = 0; i < rows; ++i, scores += cols) {
    const float weight = weights == nullptr ? 1.0f : weights[i], share = scale * weight;
    const auto [loss, total] = row_loss(cols, targets[i], scores);
    sum_of_losses += weight * loss;
    const F32 factor = F32::broadcast(static_cast<float>(share / total));
    for_vectors(cols, [&](std::int64_t j, auto lanes) {
      store(factor * load(scores + j, lanes), scores + j, lanes);
    });
    scores[targets[i]] -= share;
  }
  return sum_of_losses;
}

}  // namespace l4r::L4R_LEVEL
