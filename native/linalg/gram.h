// X^T X of a sparse matrix.
#pragma once

#include <span>

#include "linalg/csr.h"

namespace l4r {

// out[i][j] = sum over rows u of x[u][i] x[u][j] in float64, rows ascending: for X [users x items], how often
// items meet. out: [columns x columns], row-major, both triangles. Runs on the shared pool; the bits do not
// depend on the number of threads. Throws Error(argument) when sizes do not fit (see check_csr).
void gram(const CsrView& x, std::span<double> out);

}  // namespace l4r
