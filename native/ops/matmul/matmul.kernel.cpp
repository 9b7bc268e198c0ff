#include "ops/kernels.h"
#include "ops/matmul/tile.h"

namespace l4r::L4R_LEVEL {

Pack pack;
GemmBlock gemm_block;

namespace {

// One register tile: c[rows x cols] = (or +=) a panel [depth][kTileRows] * b panel [depth][kTileCols].
inline void tile(std::int64_t depth, const float* a, const float* b, float* c, std::int64_t stride, int rows,
                 int cols, bool accumulate) {
  F32 sums[kTileRows][kTileVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kTileRows; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < kTileVectors; ++v) sums[r][v] = zero();

  for (std::int64_t p = 0; p < depth; ++p) {
    F32 right[kTileVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kTileVectors; ++v) right[v] = F32::load(b + v * F32::width);
#pragma GCC unroll 16
    for (int r = 0; r < kTileRows; ++r) {
      const F32 left = F32::broadcast(a[r]);
#pragma GCC unroll 2
      for (int v = 0; v < kTileVectors; ++v) sums[r][v] = fma(left, right[v], sums[r][v]);
    }
    a += kTileRows;
    b += kTileCols;
  }

  if (rows == kTileRows && cols == kTileCols) {
#pragma GCC unroll 16
    for (int r = 0; r < kTileRows; ++r)
#pragma GCC unroll 2
      for (int v = 0; v < kTileVectors; ++v) {
        float* to = c + r * stride + v * F32::width;
        (accumulate ? F32::load(to) + sums[r][v] : sums[r][v]).store(to);
      }
    return;
  }
  float whole[kTileRows * kTileCols];
#pragma GCC unroll 16
  for (int r = 0; r < kTileRows; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < kTileVectors; ++v) sums[r][v].store(whole + r * kTileCols + v * F32::width);
  for (int r = 0; r < rows; ++r)
    for (int j = 0; j < cols; ++j)
      c[r * stride + j] =
          accumulate ? c[r * stride + j] + whole[r * kTileCols + j] : whole[r * kTileCols + j];
}

inline int at_most(std::int64_t left, int limit) { return left < limit ? static_cast<int>(left) : limit; }

}  // namespace

void pack(std::int64_t count, std::int64_t depth, int width, const float* source, std::int64_t stride,
          bool lines_apart, float* out) {
  for (std::int64_t first = 0; first < count; first += width, out += width * depth) {
    const int lines = at_most(count - first, width);
    if (lines_apart) {
      for (int l = 0; l < lines; ++l) {
        const float* from = source + (first + l) * stride;
        for (std::int64_t p = 0; p < depth; ++p) out[p * width + l] = from[p];
      }
      for (int l = lines; l < width; ++l)
        for (std::int64_t p = 0; p < depth; ++p) out[p * width + l] = 0.0f;
    } else {
      for (std::int64_t p = 0; p < depth; ++p) {
        const float* from = source + p * stride + first;
        for (int l = 0; l < lines; ++l) out[p * width + l] = from[l];
        for (int l = lines; l < width; ++l) out[p * width + l] = 0.0f;
      }
    }
  }
}

void gemm_block(std::int64_t m, std::int64_t n, std::int64_t depth, const float* a, const float* b, float* c,
                std::int64_t stride, bool accumulate) {
  // The b panel (depth x kTileCols) stays in L1 while the a panels stream from L2.
  for (std::int64_t j = 0; j < n; j += kTileCols)
    for (std::int64_t i = 0; i < m; i += kTileRows)
      tile(depth, a + i * depth, b + j * depth, c + i * stride + j, stride, at_most(m - i, kTileRows),
           at_most(n - j, kTileCols), accumulate);
}

}  // namespace l4r::L4R_LEVEL
