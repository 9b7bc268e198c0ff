// Float64 tiles for the symmetric inverse, and weighted sums of matrix rows.
#include "base/simd64.h"
#include "linalg/linalg_kernels.h"

namespace l4r::L4R_LEVEL {

namespace {

// Enough independent sums for the FMA pipes, few enough for the registers: 6 x 2 vectors of 16 registers on
// AVX2, 8 x 2 and 6 x 4 of 32 on AVX-512 and NEON.
constexpr int kVectors = F64::width == 2 ? 4 : F64::width == 1 ? 4 : 2;
constexpr int kColumns = kVectors * F64::width;
constexpr int kRows = F64::width == 8 ? 8 : F64::width == 1 ? 2 : 6;

void multiply_subtract(const double* a, const double* b, std::int64_t depth, double* c,
                       std::int64_t c_stride) {
  F64 sums[kRows][kVectors];
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < kVectors; ++v) sums[r][v] = F64::broadcast(0.0);
  for (std::int64_t p = 0; p < depth; ++p, a += kRows, b += kColumns) {
    F64 right[kVectors];
    for (int v = 0; v < kVectors; ++v) right[v] = F64::load(b + v * F64::width);
    for (int r = 0; r < kRows; ++r) {
      const F64 left = F64::broadcast(a[r]);
      for (int v = 0; v < kVectors; ++v) sums[r][v] = fma(left, right[v], sums[r][v]);
    }
  }
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < kVectors; ++v) {
      double* target = c + r * c_stride + v * F64::width;
      (F64::load(target) - sums[r][v]).store(target);
    }
}

// Columns in pieces that stay in registers while all rows pass.
constexpr int kPiece = F64::width == 1 ? 4 : 8;

void weighted_rows(const double* matrix, std::int64_t stride, const std::int32_t* ids, const double* weights,
                   std::int64_t count, std::int64_t columns, double* out) {
  std::int64_t at = 0;
  for (; at + kPiece * F64::width <= columns; at += kPiece * F64::width) {
    F64 sums[kPiece];
    for (int v = 0; v < kPiece; ++v) sums[v] = F64::broadcast(0.0);
    for (std::int64_t j = 0; j < count; ++j) {
      const double* row = matrix + ids[j] * stride + at;
      const F64 weight = F64::broadcast(weights == nullptr ? 1.0 : weights[j]);
      for (int v = 0; v < kPiece; ++v) sums[v] = fma(weight, F64::load(row + v * F64::width), sums[v]);
    }
    for (int v = 0; v < kPiece; ++v) sums[v].store(out + at + v * F64::width);
  }
  for (; at < columns; ++at) {
    double sum = 0;
    for (std::int64_t j = 0; j < count; ++j)
      sum += (weights == nullptr ? 1.0 : weights[j]) * matrix[ids[j] * stride + at];
    out[at] = sum;
  }
}

}  // namespace

extern const LinalgKernels kLinalgKernels;
constinit const LinalgKernels kLinalgKernels{kRows, kColumns, multiply_subtract, weighted_rows};

}  // namespace l4r::L4R_LEVEL
