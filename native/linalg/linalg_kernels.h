// The float64 inner loops of linear algebra, one table per instruction-set level.
#pragma once

#include <cstdint>

namespace l4r {

enum class Level;

struct LinalgKernels {
  // multiply_subtract works on tiles of rows x columns.
  int rows, columns;
  // c[r][s] -= sum over p of a[p][r] * b[p][s], p ascending; a: [depth x rows], b: [depth x columns], both
  // packed; c: row-major with c_stride doubles from row to row.
  void (*multiply_subtract)(const double* a, const double* b, std::int64_t depth, double* c,
                            std::int64_t c_stride);
  // out[s] = sum over j of weights[j] * matrix[ids[j]][s] for s in [0, columns), j ascending; weights null =
  // all 1.
  void (*weighted_rows)(const double* matrix, std::int64_t stride, const std::int32_t* ids,
                        const double* weights, std::int64_t count, std::int64_t columns, double* out);
};

// The table of the active level, or of one level; throws Error(argument) when this build or machine lacks it.
const LinalgKernels& linalg_kernels();
const LinalgKernels& linalg_kernels(Level level);

}  // namespace l4r
