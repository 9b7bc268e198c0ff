#include "linalg/gram.h"

#include <algorithm>
#include <vector>

#include "base/status.h"
#include "base/thread_pool.h"

namespace l4r {

void gram(const CsrView& x, std::span<double> out) {
  check_csr(x, "matrix");
  const std::int64_t n = x.columns;
  require(static_cast<std::int64_t>(out.size()) == n * n, "out: expected ", n, " x ", n, " numbers, got ",
          out.size());
  const auto value = [&x](std::size_t at) { return x.values.empty() ? 1.0 : x.values[at]; };

  // By column: which rows hold it, and where. Rows ascend within a column.
  struct Entry {
    std::int32_t row, at;
  };
  std::vector<std::size_t> starts(static_cast<std::size_t>(n + 1), 0);
  for (const auto column : x.indices) ++starts[static_cast<std::size_t>(column) + 1];
  for (std::size_t column = 1; column < starts.size(); ++column) starts[column] += starts[column - 1];
  std::vector<Entry> entries(x.indices.size());
  std::vector<std::size_t> next(starts.begin(), starts.end() - 1);
  for (std::int64_t row = 0; row < x.rows; ++row)
    for (auto at = x.offsets[static_cast<std::size_t>(row)];
         at < x.offsets[static_cast<std::size_t>(row + 1)]; ++at)
      entries[next[static_cast<std::size_t>(x.indices[static_cast<std::size_t>(at)])]++] = {
          static_cast<std::int32_t>(row), at};

  // One row of the lower triangle at a time.
  constexpr std::int64_t kGrain = 16;
  auto& pool = ThreadPool::shared();
  pool.for_ranges(n, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      double* target = out.data() + i * n;
      std::fill(target, target + i + 1, 0.0);
      for (std::size_t e = starts[static_cast<std::size_t>(i)]; e < starts[static_cast<std::size_t>(i + 1)];
           ++e) {
        const auto last = static_cast<std::size_t>(entries[e].at);
        const double weight = value(last);
        for (auto at = static_cast<std::size_t>(x.offsets[static_cast<std::size_t>(entries[e].row)]);
             at <= last; ++at)
          target[x.indices[at]] += weight * value(at);
      }
    }
  });
  pool.for_ranges(n, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      for (std::int64_t j = i + 1; j < n; ++j)
        out[static_cast<std::size_t>(i * n + j)] = out[static_cast<std::size_t>(j * n + i)];
  });
}

}  // namespace l4r
