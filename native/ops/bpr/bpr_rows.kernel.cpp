#include "base/simd_loop.h"
#include "ops/kernels.h"
#include "ops/softplus.h"

namespace l4r::L4R_LEVEL {

BprRows bpr_rows;

namespace {

constexpr std::int64_t kAhead = 8;  // pairs
constexpr std::int64_t kLine = 16;  // floats in a cache line
constexpr float kLargest = 3.402823466e38f;

inline void prefetch_row(const float* row, std::int64_t cols) {
  for (std::int64_t c = 0; c < cols; c += kLine) __builtin_prefetch(row + c);
}

// Squares above 1.8e19 overflow float32 but not float64.
double exact_squares(std::int64_t cols, const float* x) {
  double total = 0;
  for (std::int64_t c = 0; c < cols; ++c) total += static_cast<double>(x[c]) * x[c];
  return total;
}

}  // namespace

double bpr_rows(std::int64_t n, std::int64_t cols, const float* users, const float* items,
                const PairRowNumbers& rows, float* slopes, double* squares) {
  double norms = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    if (i + kAhead < n) {
      prefetch_row(users + rows.users[i + kAhead] * cols, cols);
      prefetch_row(items + rows.positives[i + kAhead] * cols, cols);
      prefetch_row(items + rows.negatives[i + kAhead] * cols, cols);
    }
    const float* user = users + rows.users[i] * cols;
    const float* positive = items + rows.positives[i] * cols;
    const float* negative = items + rows.negatives[i] * cols;
    F32 above = zero(), below = zero(), norm = zero(), other_norm = zero();
    for_vectors(cols, [&](std::int64_t c, auto lanes) {
      const F32 u = load(user + c, lanes), p = load(positive + c, lanes), q = load(negative + c, lanes);
      above = fma(u, p, above);
      below = fma(u, q, below);
      norm = fma(u, u, norm);
      other_norm = fma(p, p, fma(q, q, other_norm));
    });
    slopes[i] = sum(below - above);
    const float three = sum(norm + other_norm);
    norms += three <= kLargest
                 ? static_cast<double>(three)
                 : exact_squares(cols, user) + exact_squares(cols, positive) + exact_squares(cols, negative);
  }
  *squares = norms;

  double total = 0;
  for_vectors(n, [&](std::int64_t i, auto lanes) {
    const Softplus loss = softplus(load(slopes + i, lanes));
    store(loss.slope, slopes + i, lanes);
    float losses[F32::width];
    loss.value.store(losses);
    for (int lane = 0; lane < F32::width && i + lane < n; ++lane) total += losses[lane];
  });
  return total;
}

}  // namespace l4r::L4R_LEVEL
