// Inverse of a symmetric positive definite matrix.
#pragma once

#include <cstdint>
#include <span>

#include "linalg/linalg_kernels.h"

namespace l4r {

// Replaces matrix [n x n], row-major, by its inverse, both triangles. The lower triangle is read. Runs on the
// shared pool; the bits do not depend on the number of threads. Throws Error(argument) that names the pivot
// when the matrix is not positive definite; its contents are then of no use.
//
// Blocked symmetric Gauss-Jordan elimination (the sweep operator): n^3 operations in one uniform update, and
// no pivot search, which positive definite matrices do not need (Higham, Accuracy and Stability of Numerical
// Algorithms, section 14.4).
void spd_inverse(std::span<double> matrix, std::int64_t n);
// The same with the kernels of one instruction-set level, for tests and benchmarks.
void spd_inverse(std::span<double> matrix, std::int64_t n, const LinalgKernels& kernels);

}  // namespace l4r
