#include "linalg/spd_inverse.h"

#include <algorithm>
#include <cmath>

#include "base/buffer.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "linalg/linalg_kernels.h"

namespace l4r {

namespace {

constexpr std::int64_t kBlock = 128;  // pivots eliminated together
constexpr std::int64_t kTile = 96;    // side of a task's tile; a multiple of every kernel's rows and columns
constexpr std::int64_t kLargestMicroTile = 8 * 16;  // doubles that one kernel call updates, at most

// Inverts the symmetric block [size x size] in place, full storage. `first` is its place in the matrix.
void invert_block(double* block, std::int64_t size, std::int64_t first) {
  for (std::int64_t p = 0; p < size; ++p) {
    double* pivot_row = block + p * size;
    const double pivot = pivot_row[p];
    require(pivot > 0 && std::isfinite(pivot), "matrix: not positive definite, pivot ", first + p, " is ",
            pivot);
    const double reciprocal = 1 / pivot;
    for (std::int64_t j = 0; j < size; ++j) pivot_row[j] *= reciprocal;
    pivot_row[p] = reciprocal;
    for (std::int64_t i = 0; i < size; ++i) {
      if (i == p) continue;
      double* row = block + i * size;
      const double factor = row[p];
      row[p] = 0;
      for (std::int64_t j = 0; j < size; ++j) row[j] -= factor * pivot_row[j];
    }
  }
}

// Elimination of one block K of pivots after the other from the lower triangle of A:
//   P = A[:, K] without the rows K,  W = P A[K, K]^-1,
//   A -= W P^T outside K,  A[:, K] = W,  A[K, K] = -A[K, K]^-1.
// After the last block A holds minus the inverse.
class Elimination {
 public:
  Elimination(double* matrix, std::int64_t n, const LinalgKernels& kernels)
      : kernels_(kernels),
        a_(matrix),
        n_(n),
        tiles_((n + kTile - 1) / kTile),
        left_(tiles_ * kTile * kBlock),
        right_(tiles_ * kTile * kBlock),
        w_(tiles_ * kTile * kBlock),
        block_(kBlock * kBlock),
        packed_(kBlock * kBlock) {}

  void run() {
    for (std::int64_t first = 0; first < n_; first += kBlock) {
      first_ = first;
      size_ = std::min(kBlock, n_ - first);
      take_block();
      pool_.run(tiles_,
                [this](std::int64_t tile) { take_columns(tile * kTile, std::min((tile + 1) * kTile, n_)); });
      pool_.run(tiles_ * (tiles_ + 1) / 2, [this](std::int64_t task) {
        auto row = static_cast<std::int64_t>((std::sqrt(8.0 * static_cast<double>(task) + 1) - 1) / 2);
        while (row * (row + 1) / 2 > task) --row;
        while ((row + 1) * (row + 2) / 2 <= task) ++row;
        update(row * kTile, (task - row * (row + 1) / 2) * kTile);
      });
      put_columns();
    }
    pool_.run(tiles_, [this](std::int64_t tile) {
      for (std::int64_t i = tile * kTile; i < std::min((tile + 1) * kTile, n_); ++i)
        for (std::int64_t j = 0; j <= i; ++j) a_[i * n_ + j] = -a_[i * n_ + j];
    });
    pool_.run(tiles_, [this](std::int64_t tile) {
      for (std::int64_t other = tile; other < tiles_; ++other)
        for (std::int64_t i = tile * kTile; i < std::min((tile + 1) * kTile, n_); ++i)
          for (std::int64_t j = std::max(i + 1, other * kTile); j < std::min((other + 1) * kTile, n_); ++j)
            a_[i * n_ + j] = a_[j * n_ + i];
    });
  }

 private:
  bool in_block(std::int64_t i) const { return i >= first_ && i < first_ + size_; }
  // A[i][first + p], from the lower triangle.
  double& column(std::int64_t i, std::int64_t p) const {
    return i >= first_ ? a_[i * n_ + first_ + p] : a_[(first_ + p) * n_ + i];
  }

  // block_ = A[K, K]^-1 [size x size], packed_ the same as the kernel's right side.
  void take_block() {
    for (std::int64_t i = 0; i < size_; ++i)
      for (std::int64_t j = 0; j <= i; ++j)
        block_[i * size_ + j] = block_[j * size_ + i] = a_[(first_ + i) * n_ + first_ + j];
    invert_block(block_.data(), size_, first_);
    for (std::int64_t p = 0; p < size_; ++p)
      for (std::int64_t j = 0; j < kBlock; ++j)
        packed_[place(j, p, kernels_.columns)] = j < size_ ? block_[p * size_ + j] : 0.0;
  }

  // Where the packed form of a side keeps depth p of row (or column) i: slivers of `width`, [size x width]
  // each.
  std::int64_t place(std::int64_t i, std::int64_t p, std::int64_t width) const {
    return i / width * width * size_ + p * width + i % width;
  }

  // P and W for rows [begin, end) of a tile; rows K and rows past the last are 0.
  void take_columns(std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = 0; p < size_; ++p)
      for (std::int64_t i = begin; i < begin + kTile; ++i) {
        const double value = i < end && !in_block(i) ? column(i, p) : 0.0;
        right_[place(i, p, kernels_.columns)] = value;
        left_[place(i, p, kernels_.rows)] = value;
      }
    double* w = w_.data() + begin * kBlock;
    std::fill(w, w + kTile * kBlock, 0.0);
    for (std::int64_t i = begin; i < begin + kTile; i += kernels_.rows)
      for (std::int64_t j = 0; j < size_; j += kernels_.columns)
        kernels_.multiply_subtract(left_.data() + i * size_, packed_.data() + j * size_, size_,
                                   w_.data() + i * kBlock + j, kBlock);
    for (std::int64_t i = begin; i < begin + kTile; ++i)
      for (std::int64_t p = 0; p < size_; ++p) left_[place(i, p, kernels_.rows)] = -w_[i * kBlock + p];
  }

  // A -= W P^T on the tile at (row, column).
  void update(std::int64_t row, std::int64_t column) {
    for (std::int64_t j = column; j < std::min(column + kTile, n_); j += kernels_.columns)
      for (std::int64_t i = row; i < std::min(row + kTile, n_); i += kernels_.rows) {
        const double* left = left_.data() + i * size_;
        const double* right = right_.data() + j * size_;
        double* target = a_ + i * n_ + j;
        const std::int64_t rows = std::min<std::int64_t>(kernels_.rows, n_ - i);
        const std::int64_t columns = std::min<std::int64_t>(kernels_.columns, n_ - j);
        if (rows == kernels_.rows && columns == kernels_.columns) {
          kernels_.multiply_subtract(left, right, size_, target, n_);
          continue;
        }
        double edge[kLargestMicroTile] = {};
        for (std::int64_t r = 0; r < rows; ++r)
          std::copy_n(target + r * n_, columns, edge + r * kernels_.columns);
        kernels_.multiply_subtract(left, right, size_, edge, kernels_.columns);
        for (std::int64_t r = 0; r < rows; ++r)
          std::copy_n(edge + r * kernels_.columns, columns, target + r * n_);
      }
  }

  void put_columns() {
    for (std::int64_t i = 0; i < size_; ++i)
      for (std::int64_t j = 0; j <= i; ++j) a_[(first_ + i) * n_ + first_ + j] = -block_[i * size_ + j];
    for (std::int64_t p = 0; p < size_; ++p)
      for (std::int64_t i = 0; i < first_; ++i) column(i, p) = -w_[i * kBlock + p];
    for (std::int64_t i = first_ + size_; i < n_; ++i)
      for (std::int64_t p = 0; p < size_; ++p) column(i, p) = -w_[i * kBlock + p];
  }

  const LinalgKernels& kernels_;
  ThreadPool& pool_ = ThreadPool::shared();
  double* a_;
  std::int64_t n_, tiles_, first_ = 0, size_ = 0;
  Buffer<double> left_, right_;  // packed: P, then W; and P
  Buffer<double> w_;             // [rows x kBlock], minus W
  Buffer<double> block_, packed_;
};

}  // namespace

void spd_inverse(std::span<double> matrix, std::int64_t n) { spd_inverse(matrix, n, linalg_kernels()); }

void spd_inverse(std::span<double> matrix, std::int64_t n, const LinalgKernels& kernels) {
  require(n >= 0 && static_cast<std::int64_t>(matrix.size()) == n * n, "matrix: expected ", n, " x ", n,
          " numbers, got ", matrix.size());
  Elimination(matrix.data(), n, kernels).run();
}

}  // namespace l4r
