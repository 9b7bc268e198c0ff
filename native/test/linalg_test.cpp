// Symmetric inverse, gram matrix and sparse scores, held against plain loops in long double.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "base/rng.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "check.h"
#include "linalg/gram.h"
#include "linalg/linalg_kernels.h"
#include "linalg/sparse_scores.h"
#include "linalg/spd_inverse.h"

namespace {

using l4r::CsrView;
using l4r::Philox;
using l4r::test::Add;
using l4r::test::check;
using l4r::test::check_near;

double unit(std::uint64_t seed, std::uint64_t at) { return Philox::unit(Philox(seed, 0).block(at)[0]); }

// B B^T + I, B [n x 20]: symmetric positive definite, condition number of a few hundred.
std::vector<double> spd_matrix(std::int64_t n) {
  constexpr std::int64_t kRank = 20;
  std::vector<double> b(static_cast<std::size_t>(n * kRank)), matrix(static_cast<std::size_t>(n * n));
  for (std::size_t i = 0; i < b.size(); ++i) b[i] = unit(1, i) - 0.5;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j) {
      double sum = i == j ? 1 : 0;
      for (std::int64_t p = 0; p < kRank; ++p) sum += b[i * kRank + p] * b[j * kRank + p];
      matrix[i * n + j] = sum;
    }
  return matrix;
}

std::vector<long double> gauss_jordan(const std::vector<double>& matrix, std::int64_t n) {
  std::vector<long double> a(matrix.begin(), matrix.end()), inverse(matrix.size(), 0);
  for (std::int64_t i = 0; i < n; ++i) inverse[i * n + i] = 1;
  for (std::int64_t p = 0; p < n; ++p) {
    const long double pivot = a[p * n + p];
    for (std::int64_t j = 0; j < n; ++j) a[p * n + j] /= pivot, inverse[p * n + j] /= pivot;
    for (std::int64_t i = 0; i < n; ++i) {
      if (i == p) continue;
      const long double factor = a[i * n + p];
      for (std::int64_t j = 0; j < n; ++j) {
        a[i * n + j] -= factor * a[p * n + j];
        inverse[i * n + j] -= factor * inverse[p * n + j];
      }
    }
  }
  return inverse;
}

template <typename Body>
void check_refused(const std::string& part, const Body& body) {
  try {
    body();
    check(false, "expected an error that says \"" + part + "\"");
  } catch (const l4r::Error& error) {
    check(error.code() == l4r::Code::argument && std::string(error.what()).find(part) != std::string::npos,
          "expected \"" + part + "\" in \"" + error.what() + "\"");
  }
}

const Add inverse("the inverse of Gauss and Jordan in long double", [] {
  for (const std::int64_t n : {0, 1, 2, 3, 17, 64, 65, 95, 130, 200, 300}) {
    const auto matrix = spd_matrix(n);
    const auto expected = gauss_jordan(matrix, n);
    for (const l4r::Level level : l4r::available_levels()) {
      auto got = matrix;
      // Only the lower triangle counts.
      for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t j = i + 1; j < n; ++j) got[i * n + j] = std::numeric_limits<double>::quiet_NaN();
      l4r::spd_inverse(got, n, l4r::linalg_kernels(level));
      double worst = 0;
      bool symmetric = true;
      for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t j = 0; j < n; ++j) {
          const double error = std::fabs(static_cast<double>(got[i * n + j] - expected[i * n + j]));
          worst = error <= worst ? worst : error;  // a NaN is kept
          symmetric &= got[i * n + j] == got[j * n + i];
        }
      check_near(worst, 0, 1e-13, std::string(l4r::level_name(level)) + ", n " + std::to_string(n));
      check(symmetric, "symmetric to the bit");
    }
  }
});

const Add identity("the product with its inverse is the identity", [] {
  const std::int64_t n = 517;
  const auto matrix = spd_matrix(n);
  auto got = matrix;
  l4r::spd_inverse(got, n);
  double worst = 0;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (std::int64_t p = 0; p < n; ++p) sum += matrix[i * n + p] * got[j * n + p];
      worst = std::max(worst, std::fabs(sum - (i == j ? 1 : 0)));
    }
  check_near(worst, 0, 1e-11, "largest error");
});

const Add not_definite("a matrix that is not positive definite is refused at its pivot", [] {
  std::vector<double> matrix = spd_matrix(200);
  matrix[150 * 200 + 150] = -1;
  check_refused("pivot 150", [&] { l4r::spd_inverse(matrix, 200); });
  std::vector<double> singular{1, 1, 1, 1};
  check_refused("pivot 1", [&] { l4r::spd_inverse(singular, 2); });
  std::vector<double> nan{std::numeric_limits<double>::quiet_NaN()};
  check_refused("pivot 0", [&] { l4r::spd_inverse(nan, 1); });
  check_refused("matrix: expected 3 x 3", [&] { l4r::spd_inverse(matrix, 3); });
});

struct Csr {
  std::vector<std::int32_t> offsets{0}, indices;
  std::vector<double> values;
  std::int64_t columns;
  CsrView view(bool weighted) const {
    return {static_cast<std::int64_t>(offsets.size()) - 1, columns, offsets, indices,
            weighted ? std::span<const double>(values) : std::span<const double>()};
  }
  double at(std::int64_t row, std::int64_t column, bool weighted) const {
    for (auto e = offsets[row]; e < offsets[row + 1]; ++e)
      if (indices[e] == column) return weighted ? values[e] : 1.0;
    return 0;
  }
};

Csr random_csr(std::int64_t rows, std::int64_t columns) {
  Csr csr;
  csr.columns = columns;
  for (std::int64_t u = 0; u < rows; ++u) {
    for (std::int64_t i = 0; u % 4 != 3 && i < columns; ++i)
      if (unit(2, u * columns + i) < 0.2)
        csr.indices.push_back(static_cast<std::int32_t>(i)),
            csr.values.push_back(unit(3, u * columns + i) - 0.5);
    csr.offsets.push_back(static_cast<std::int32_t>(csr.indices.size()));
  }
  return csr;
}

const Add grams("the gram matrix counts how often columns meet", [] {
  for (const auto& [rows, columns] : {std::pair{0, 0}, {0, 3}, {1, 1}, {5, 2}, {40, 33}})
    for (const bool weighted : {false, true}) {
      const Csr csr = random_csr(rows, columns);
      std::vector<double> got(static_cast<std::size_t>(columns * columns),
                              std::numeric_limits<double>::quiet_NaN());
      l4r::gram(csr.view(weighted), got);
      for (int i = 0; i < columns; ++i)
        for (int j = 0; j < columns; ++j) {
          double expected = 0;
          for (int u = 0; u < rows; ++u) expected += csr.at(u, i, weighted) * csr.at(u, j, weighted);
          check(got[i * columns + j] == expected, "entry " + std::to_string(i) + ", " + std::to_string(j));
        }
    }
});

const Add scores("sparse rows times a matrix", [] {
  for (const auto& [rows, n] : {std::pair{0, 4}, {3, 1}, {7, 31}, {5, 70}, {4, 130}}) {
    const Csr csr = random_csr(rows, n);
    std::vector<double> matrix(static_cast<std::size_t>(n * n));
    for (std::size_t i = 0; i < matrix.size(); ++i) matrix[i] = unit(4, i) - 0.5;
    for (const bool weighted : {false, true})
      for (const l4r::Level level : l4r::available_levels()) {
        std::vector<double> got(static_cast<std::size_t>(rows * n), std::numeric_limits<double>::quiet_NaN());
        l4r::sparse_scores(csr.view(weighted), matrix, got, l4r::linalg_kernels(level));
        for (int b = 0; b < rows; ++b)
          for (int i = 0; i < n; ++i) {
            long double expected = 0;
            for (int j = 0; j < n; ++j)
              expected += static_cast<long double>(csr.at(b, j, weighted)) * matrix[j * n + i];
            check_near(got[b * n + i], static_cast<double>(expected), 1e-13, l4r::level_name(level));
          }
      }
  }
});

const Add threads("the same bits at any number of threads", [] {
  auto& pool = l4r::ThreadPool::shared();
  const int before = pool.threads();
  const std::int64_t n = 300;
  const Csr csr = random_csr(50, n);
  std::vector<double> inverses, grams, products;
  for (const int count : {1, 2, 3}) {
    pool.set_threads(count);
    auto inverse = spd_matrix(n);
    l4r::spd_inverse(inverse, n);
    std::vector<double> gram(static_cast<std::size_t>(n * n)), product(static_cast<std::size_t>(50 * n));
    l4r::gram(csr.view(true), gram);
    l4r::sparse_scores(csr.view(true), inverse, product);
    if (count == 1) inverses = inverse, grams = gram, products = product;
    check(inverse == inverses && gram == grams && product == products, std::to_string(count) + " threads");
  }
  pool.set_threads(before);
});

const Add refused("sparse matrices that do not fit are refused by name", [] {
  std::vector<double> out(9);
  const std::vector<std::int32_t> offsets{0, 2}, ascending{0, 2}, descending{2, 0}, outside{0, 3},
      backwards{0, 3};
  const std::vector<double> infinite{1, std::numeric_limits<double>::infinity()};
  check_refused("row 0: expected ascending columns", [&] { l4r::gram({1, 3, offsets, descending}, out); });
  check_refused("got 3 after 0", [&] { l4r::gram({1, 3, offsets, outside}, out); });
  check_refused("offsets: expected 3", [&] { l4r::gram({2, 3, offsets, ascending}, out); });
  check_refused("offsets: expected ascending", [&] { l4r::gram({1, 3, backwards, ascending}, out); });
  check_refused("values[1]", [&] { l4r::gram({1, 3, offsets, ascending, infinite}, out); });
  check_refused("out: expected 3 x 3", [&] {
    l4r::gram({1, 3, offsets, ascending}, std::span(out).first(8));
  });
  check_refused("scores: expected 1 x 3", [&] {
    l4r::sparse_scores({1, 3, offsets, ascending}, out, std::span(out).first(2));
  });
});

}  // namespace

int main() { return l4r::test::run_all(); }
