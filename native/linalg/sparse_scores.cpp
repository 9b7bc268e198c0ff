#include "linalg/sparse_scores.h"

#include <algorithm>

#include "base/status.h"
#include "base/thread_pool.h"

namespace l4r {

void sparse_scores(const CsrView& rows, std::span<const double> matrix, std::span<double> scores) {
  sparse_scores(rows, matrix, scores, linalg_kernels());
}

void sparse_scores(const CsrView& rows, std::span<const double> matrix, std::span<double> scores,
                   const LinalgKernels& kernels) {
  check_csr(rows, "rows");
  const std::int64_t n = rows.columns;
  require(static_cast<std::int64_t>(matrix.size()) == n * n, "matrix: expected ", n, " x ", n,
          " numbers, got ", matrix.size());
  require(static_cast<std::int64_t>(scores.size()) == rows.rows * n, "scores: expected ", rows.rows, " x ", n,
          " numbers, got ", scores.size());
  constexpr std::int64_t kColumns = 2048;  // a task: one row against this many columns
  const std::int64_t pieces = (n + kColumns - 1) / kColumns;
  ThreadPool::shared().run(rows.rows * pieces, [&](std::int64_t task) {
    const std::int64_t b = task / pieces, first = task % pieces * kColumns;
    const auto begin = rows.offsets[static_cast<std::size_t>(b)],
               end = rows.offsets[static_cast<std::size_t>(b + 1)];
    kernels.weighted_rows(matrix.data() + first, n, rows.indices.data() + begin,
                          rows.values.empty() ? nullptr : rows.values.data() + begin, end - begin,
                          std::min(kColumns, n - first), scores.data() + b * n + first);
  });
}

}  // namespace l4r
