#include "base/simd_transpose.h"
#include "ops/kernels.h"
#include "ops/matmul/tile.h"

namespace l4r::L4R_LEVEL {

PackLeft pack_left;
PackRight pack_right;
GemmBlock gemm_block;

namespace {

inline int at_most(std::int64_t left, int limit) { return left < limit ? static_cast<int>(left) : limit; }

constexpr std::int64_t kAhead = 24;  // depths: a line that comes from L3 is there in time

// One register tile: c[kRows x cols] = (or +=) a [kRows x depth] * kPanels panels of b. kRowsApart: the depth
// of a row of a is contiguous and its rows lie a_step apart; else the rows are, and the depth lies apart.
// Every number of c is one chain of fma over the depth, whatever the tile.
template <int kRows, int kPanels, bool kRowsApart>
inline void tile(std::int64_t depth, const float* a, std::int64_t a_step, const float* b,
                 const GemmRight& right, float* c, std::int64_t stride, int cols, bool accumulate) {
  constexpr int kVectors = kPanels * kTileVectors;
  F32 sums[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sums[r][v] = zero();

  const float* rows[kRows];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) rows[r] = a + r * (kRowsApart ? a_step : 1);

  for (std::int64_t p = 0; p < depth; ++p) {
    F32 columns[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v)
      columns[v] = F32::load(b + v / kTileVectors * right.panel_step + v % kTileVectors * F32::width);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const F32 left = F32::broadcast(kRowsApart ? rows[r][p] : a[r]);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) sums[r][v] = fma(left, columns[v], sums[r][v]);
    }
    if constexpr (!kRowsApart) {
      __builtin_prefetch(a + kAhead * a_step);
      __builtin_prefetch(a + kAhead * a_step + kRows - 1);
      a += a_step;
    }
    b += right.depth_step;
  }

#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      float* to = c + r * stride + v * F32::width;
      const int lanes = cols - v * F32::width;
      if (lanes >= F32::width)
        (accumulate ? F32::load(to) + sums[r][v] : sums[r][v]).store(to);
      else if (lanes > 0)
        (accumulate ? F32::load(to, lanes) + sums[r][v] : sums[r][v]).store(to, lanes);
    }
}

struct Product {
  std::int64_t m, n, depth;
  GemmLeft left;
  GemmRight right;
  float* c;
  std::int64_t stride;
  bool accumulate;
};

// kPanels panels of rows i..i + kRows - 1, from column j on.
template <int kRows, int kPanels>
inline void tile_at(const Product& x, std::int64_t i, std::int64_t j) {
  const float* a = x.left.data + i / kTileRows * x.left.panel_step + i % kTileRows * x.left.row_step;
  const float* b = x.right.data + j / kTileCols * x.right.panel_step;
  float* c = x.c + i * x.stride + j;
  const int cols = at_most(x.n - j, kPanels * kTileCols);
  if (x.left.depth_step == 1)
    tile<kRows, kPanels, true>(x.depth, a, x.left.row_step, b, x.right, c, x.stride, cols, x.accumulate);
  else
    tile<kRows, kPanels, false>(x.depth, a, x.left.depth_step, b, x.right, c, x.stride, cols, x.accumulate);
}

// Rows left over below the full tiles. Few rows take several panels at once: enough sums to hide the latency.
template <int kRows>
inline std::int64_t strip(const Product& x, std::int64_t i) {
  constexpr int kPanels = kRows == 1 ? 4 : kRows == 2 ? 2 : 1;
  if (x.m - i < kRows) return i;
  std::int64_t j = 0;
  for (; j + kPanels * kTileCols <= x.n; j += kPanels * kTileCols) tile_at<kRows, kPanels>(x, i, j);
  for (; j < x.n; j += kTileCols) tile_at<kRows, 1>(x, i, j);
  return i + kRows;
}

}  // namespace

void pack_left(std::int64_t rows, std::int64_t depth, const float* source, std::int64_t stride, float* out) {
  // Line by line, which streams. Vectors reach into the next line of their panel, which is written later; the
  // last line of a panel has none.
  for (std::int64_t p = 0; p < depth; ++p)
    for (std::int64_t first = 0; first < rows; first += kTileRows)
      for (int l = 0; l < kTileRows; l += F32::width) {
        const std::int64_t left = rows - first - l;
        const F32 line = F32::load(source + p * stride + first + l,
                                   left > 0 ? at_most(at_most(left, kTileRows - l), F32::width) : 0);
        float* to = out + first * depth + p * kTileRows + l;
        if (p + 1 < depth)
          line.store(to);
        else
          line.store(to, at_most(kTileRows - l, F32::width));
      }
}

void pack_right(std::int64_t cols, std::int64_t depth, const float* source, std::int64_t stride,
                bool columns_apart, float* out) {
  if (!columns_apart) {
    // Line by line, which streams.
    for (std::int64_t p = 0; p < depth; ++p)
      for (std::int64_t c = 0; c < cols; c += kTileCols)
        for (int v = 0; v < kTileVectors; ++v) {
          const float* from = source + p * stride + c + v * F32::width;
          const std::int64_t lanes = cols - c - v * F32::width;
          const F32 line = lanes >= F32::width ? F32::load(from)
                           : lanes > 0         ? F32::load(from, static_cast<int>(lanes))
                                               : zero();
          line.store(out + c * depth + p * kTileCols + v * F32::width);
        }
    return;
  }
  for (std::int64_t first = 0; first < cols; first += kTileCols, out += kTileCols * depth) {
    const int lines = at_most(cols - first, kTileCols);
    if (columns_apart) {
      std::int64_t p = 0;
      if (lines == kTileCols)
        for (; p + F32::width <= depth; p += F32::width)
          for (int v = 0; v < kTileVectors; ++v) {
            F32 square[F32::width];
            for (int l = 0; l < F32::width; ++l)
              square[l] = F32::load(source + (first + v * F32::width + l) * stride + p);
            transpose(square);
            for (int l = 0; l < F32::width; ++l) square[l].store(out + (p + l) * kTileCols + v * F32::width);
          }
      for (; p < depth; ++p)
        for (int l = 0; l < kTileCols; ++l)
          out[p * kTileCols + l] = l < lines ? source[(first + l) * stride + p] : 0.0f;
    }
  }
}

void gemm_block(std::int64_t m, std::int64_t n, std::int64_t depth, const GemmLeft& left,
                const GemmRight& right, float* c, std::int64_t stride, bool accumulate) {
  const Product x{m, n, depth, left, right, c, stride, accumulate};
  const std::int64_t whole = m / kTileRows * kTileRows;
  // The b panel (depth x kTileCols) stays in L1 while the rows of a stream by.
  for (std::int64_t j = 0; j < n; j += kTileCols)
    for (std::int64_t i = 0; i < whole; i += kTileRows) tile_at<kTileRows, 1>(x, i, j);
  std::int64_t i = whole;
  if constexpr (kTileRows > 8) i = strip<8>(x, i);
  if constexpr (kTileRows > 4) i = strip<4>(x, i);
  i = strip<2>(x, i);
  strip<1>(x, i);
}

}  // namespace l4r::L4R_LEVEL
