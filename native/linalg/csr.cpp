#include "linalg/csr.h"

#include <algorithm>
#include <cmath>

#include "base/status.h"

namespace l4r {

void check_csr(const CsrView& matrix, const char* what) {
  require(matrix.rows >= 0 && matrix.columns >= 0, what, ": expected sizes of at least 0");
  require(static_cast<std::int64_t>(matrix.offsets.size()) == matrix.rows + 1, what, " offsets: expected ",
          matrix.rows + 1, " numbers, got ", matrix.offsets.size());
  require(matrix.offsets.front() == 0 && std::is_sorted(matrix.offsets.begin(), matrix.offsets.end()) &&
              static_cast<std::size_t>(matrix.offsets.back()) == matrix.indices.size(),
          what, " offsets: expected ascending numbers from 0 to ", matrix.indices.size());
  require(matrix.values.empty() || matrix.values.size() == matrix.indices.size(), what, " values: expected ",
          matrix.indices.size(), " numbers, got ", matrix.values.size());
  for (std::int64_t row = 0; row < matrix.rows; ++row) {
    std::int32_t previous = -1;
    for (auto at = matrix.offsets[static_cast<std::size_t>(row)];
         at < matrix.offsets[static_cast<std::size_t>(row + 1)]; ++at) {
      const std::int32_t column = matrix.indices[static_cast<std::size_t>(at)];
      require(column > previous && column < matrix.columns, what, " row ", row,
              ": expected ascending columns in 0..", matrix.columns - 1, ", got ", column, " after ",
              previous);
      previous = column;
    }
  }
  const auto bad =
      std::find_if(matrix.values.begin(), matrix.values.end(), [](double x) { return !std::isfinite(x); });
  require(bad == matrix.values.end(), what, " values[", bad - matrix.values.begin(), "] is not finite");
}

}  // namespace l4r
