#include "base/simd_loop.h"
#include "ops/kernels.h"

namespace l4r::L4R_LEVEL {

SumGroups sum_groups;
SpreadGroups spread_groups;
SoftmaxPool softmax_pool;
SoftmaxPoolBackward softmax_pool_backward;
RowDot row_dot;
ScaleAdd scale_add;

namespace {

// out = softmax of x; NaN anywhere makes all of it NaN.
void softmax(std::int64_t n, const float* x, float* out) {
  float largest = x[0];
  for (std::int64_t i = 1; i < n; ++i) largest = x[i] > largest ? x[i] : largest;
  F32 parts = zero();
  for_vectors(n, [&](std::int64_t i, auto lanes) {
    const F32 e = inside(exp(load(x + i, lanes) - F32::broadcast(largest)), lanes);
    parts = parts + e;
    store(e, out + i, lanes);
  });
  scale_add(n, 1.0f / sum(parts), out, out, false);
}

}  // namespace

void sum_groups(std::int64_t groups, std::int64_t size, std::int64_t cols, const float* x, float* out) {
  for (std::int64_t group = 0; group < groups; ++group, x += size * cols, out += cols)
    for_vectors(cols, [&](std::int64_t c, auto lanes) {
      F32 total = zero();
      for (std::int64_t j = 0; j < size; ++j) total = total + load(x + j * cols + c, lanes);
      store(total, out + c, lanes);
    });
}

void spread_groups(std::int64_t groups, std::int64_t size, std::int64_t cols, const float* gradient,
                   float* to, bool accumulate) {
  for (std::int64_t group = 0; group < groups; ++group, gradient += cols)
    for (std::int64_t j = 0; j < size; ++j, to += cols) scale_add(cols, 1.0f, gradient, to, accumulate);
}

void softmax_pool(std::int64_t groups, std::int64_t size, std::int64_t cols, const float* scores,
                  const float* x, float* weights, float* out) {
  for (std::int64_t group = 0; group < groups;
       ++group, scores += size, weights += size, x += size * cols, out += cols) {
    softmax(size, scores, weights);
    for_vectors(cols, [&](std::int64_t c, auto lanes) {
      F32 total = zero();
      for (std::int64_t j = 0; j < size; ++j)
        total = fma(F32::broadcast(weights[j]), load(x + j * cols + c, lanes), total);
      store(total, out + c, lanes);
    });
  }
}

void softmax_pool_backward(std::int64_t groups, std::int64_t size, std::int64_t cols, const float* x,
                           const float* weights, const float* out, const float* gradient,
                           const TwoTargets& to) {
  for (std::int64_t group = 0; group < groups; ++group, out += cols, gradient += cols) {
    float mean = 0;
    row_dot(1, cols, gradient, out, &mean);
    for (std::int64_t j = 0; j < size; ++j) {
      const std::int64_t at = group * size + j;
      float dot = 0;
      row_dot(1, cols, gradient, x + at * cols, &dot);
      const float slope = weights[at] * (dot - mean);
      to.first[at] = to.add_first ? to.first[at] + slope : slope;
      scale_add(cols, weights[at], gradient, to.second + at * cols, to.add_second);
    }
  }
}

}  // namespace l4r::L4R_LEVEL
