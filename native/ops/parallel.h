// How operations cut their work: into ranges of rows whose size depends on the shape alone, so that the bits
// of a result never depend on the number of threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/thread_pool.h"

namespace l4r {

// About 10 microseconds of streaming work: enough to outweigh handing it to another thread.
inline constexpr std::int64_t kGrainElements = 32768;

// Rows a chunk when one row costs `elements_per_row`.
inline std::int64_t row_grain(std::int64_t elements_per_row) {
  return std::max<std::int64_t>(1, kGrainElements / std::max<std::int64_t>(1, elements_per_row));
}

// body(begin, end) over ranges of `rows`.
template <typename Body>
void for_rows(std::int64_t rows, std::int64_t elements_per_row, Body&& body) {
  ThreadPool::shared().for_ranges(rows, row_grain(elements_per_row), body);
}

// Sum of body(begin, end), a double, over ranges of `rows`; the parts are added in order. `parts` holds
// part_count(rows, elements_per_row) numbers.
inline std::int64_t part_count(std::int64_t rows, std::int64_t elements_per_row) {
  const std::int64_t grain = row_grain(elements_per_row);
  return (rows + grain - 1) / grain;
}
template <typename Body>
double sum_rows(std::int64_t rows, std::int64_t elements_per_row, double* parts, Body&& body) {
  const std::int64_t grain = row_grain(elements_per_row);
  for_rows(rows, elements_per_row,
           [&](std::int64_t begin, std::int64_t end) { parts[begin / grain] = body(begin, end); });
  double total = 0;
  for (std::int64_t i = 0; i < part_count(rows, elements_per_row); ++i) total += parts[i];
  return total;
}

}  // namespace l4r
