// Sparse rows times a dense square matrix: the scores of item-item models such as EASE.
#pragma once

#include <span>

#include "linalg/csr.h"
#include "linalg/linalg_kernels.h"

namespace l4r {

// scores[b][i] = sum over j of rows[b][j] matrix[j][i], j ascending; rows: [batch x n], matrix: [n x n]
// row-major, scores: [batch x n], all float64. Runs on the shared pool; the bits do not depend on the number
// of threads. Throws Error(argument) when sizes do not fit (see check_csr).
void sparse_scores(const CsrView& rows, std::span<const double> matrix, std::span<double> scores);
// The same with the kernels of one instruction-set level, for tests and benchmarks.
void sparse_scores(const CsrView& rows, std::span<const double> matrix, std::span<double> scores,
                   const LinalgKernels& kernels);

}  // namespace l4r
