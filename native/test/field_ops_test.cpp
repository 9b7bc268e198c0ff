// The ops of rating models: products of fields, cross layers, outer products, pooling of groups, and the
// elementwise ops beside them.
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "check.h"
#include "op_case.h"
#include "ops/cross/cross.h"
#include "ops/elementwise/elementwise.h"
#include "ops/interaction/interaction.h"
#include "ops/outer/outer.h"
#include "ops/pool/pool.h"
#include "ops/transpose/transpose.h"

namespace {

using namespace l4r;
using namespace l4r::test;
using test::Add;  // not the kernel of that name

constexpr std::int64_t kFields = 3, kSize = 4;

std::vector<Shape> one(std::int64_t rows, std::int64_t cols) { return {{rows, cols}}; }
std::vector<Shape> two(std::int64_t rows, std::int64_t cols) { return {{rows, cols}, {rows, cols}}; }
std::vector<Shape> fields(std::int64_t rows, std::int64_t cols) { return {{rows, kFields * cols}}; }
std::vector<Shape> groups(std::int64_t rows, std::int64_t cols) { return {{kSize * rows, cols}}; }
std::vector<Shape> scored(std::int64_t rows, std::int64_t cols) {
  return {{kSize * rows, 1}, {kSize * rows, cols}};
}
std::vector<Shape> crossed(std::int64_t rows, std::int64_t cols) {
  return {{rows, cols}, {rows, cols}, {1, cols}, {1, cols}};
}
std::vector<Shape> crossed_once(std::int64_t rows, std::int64_t cols) {
  return {{rows, cols}, {1, cols}, {1, cols}};
}
std::vector<Shape> outer_shapes(std::int64_t rows, std::int64_t cols) { return {{rows, 3}, {rows, cols}}; }

// All pairs of fields in order; summed into one row, or each a row.
Matrix reference_pairs(Shape s, const Matrix& x, bool summed) {
  const std::int64_t width = s.cols / kFields;
  Matrix out;
  for (std::int64_t r = 0; r < s.rows; ++r) {
    Matrix total(at(width));
    for (std::int64_t f = 0; f < kFields; ++f)
      for (std::int64_t g = f + 1; g < kFields; ++g)
        for (std::int64_t c = 0; c < width; ++c) {
          const double y = x[at(r * s.cols + f * width + c)] * x[at(r * s.cols + g * width + c)];
          total[at(c)] += y;
          if (!summed) out.push_back(y);
        }
    if (summed) out.insert(out.end(), total.begin(), total.end());
  }
  return out;
}

Matrix reference_cross(Shape s, const Matrix& first, const Matrix& x, const Matrix& w, const Matrix& b) {
  Matrix out(x.size());
  for (std::int64_t r = 0; r < s.rows; ++r) {
    double dot = 0;
    for (std::int64_t c = 0; c < s.cols; ++c) dot += x[at(r * s.cols + c)] * w[at(c)];
    for (std::int64_t c = 0; c < s.cols; ++c) {
      const std::size_t i = at(r * s.cols + c);
      out[i] = first[i] * dot + b[at(c)] + x[i];
    }
  }
  return out;
}

Matrix reference_outer(Shape s, const Matrix& a, Shape t, const Matrix& b) {
  Matrix out;
  for (std::int64_t r = 0; r < s.rows; ++r)
    for (std::int64_t i = 0; i < s.cols; ++i)
      for (std::int64_t j = 0; j < t.cols; ++j) out.push_back(a[at(r * s.cols + i)] * b[at(r * t.cols + j)]);
  return out;
}

// Null scores: a sum.
Matrix reference_pool(Shape s, const Matrix& x, const Matrix* scores) {
  Matrix out;
  for (std::int64_t g = 0; g < s.rows / kSize; ++g) {
    double total = 0;
    for (std::int64_t j = 0; j < kSize && scores != nullptr; ++j)
      total += std::exp((*scores)[at(g * kSize + j)]);
    for (std::int64_t c = 0; c < s.cols; ++c) {
      double y = 0;
      for (std::int64_t j = 0; j < kSize; ++j) {
        const double weight = scores == nullptr ? 1 : std::exp((*scores)[at(g * kSize + j)]) / total;
        y += weight * x[at((g * kSize + j) * s.cols + c)];
      }
      out.push_back(y);
    }
  }
  return out;
}

Matrix reference_transpose(Shape s, const Matrix& x) {
  Matrix out;
  for (std::int64_t b = 0; b < s.rows / kSize; ++b)
    for (std::int64_t c = 0; c < s.cols; ++c)
      for (std::int64_t r = 0; r < kSize; ++r) out.push_back(x[at((b * kSize + r) * s.cols + c)]);
  return out;
}

const std::vector<OpCase>& table() {
  using Handles = std::vector<Handle>;
  using Shapes = std::vector<Shape>;
  static const std::vector<OpCase> ops{
      {"multiply", 2e-7, two, [](Tape& t, const Handles& x) { return multiply(t, x[0], x[1]); },
       [](const Shapes&, const Matrices& x) {
         Matrix out = x[0];
         for (std::size_t i = 0; i < out.size(); ++i) out[i] *= x[1][i];
         return out;
       },
       2e-7},
      {"multiply, a square", 2e-7, one, [](Tape& t, const Handles& x) { return multiply(t, x[0], x[0]); },
       [](const Shapes&, const Matrices& x) {
         Matrix out = x[0];
         for (double& y : out) y *= y;
         return out;
       },
       2e-7},
      {"relu beside another use of its input", 2e-7, one,
       [](Tape& t, const Handles& x) { return add(t, relu(t, x[0]), x[0]); },
       [](const Shapes&, const Matrices& x) {
         Matrix out = x[0];
         for (double& y : out) y += std::max(y, 0.0);
         return out;
       },
       2e-7},
      {"relu", 2e-7, one, [](Tape& t, const Handles& x) { return relu(t, x[0]); },
       [](const Shapes&, const Matrices& x) {
         Matrix out = x[0];
         for (double& y : out) y = std::max(y, 0.0);
         return out;
       },
       2e-7},
      {"bi_interaction", 2e-6, fields,
       [](Tape& t, const Handles& x) { return bi_interaction(t, x[0], kFields); },
       [](const Shapes& s, const Matrices& x) { return reference_pairs(s[0], x[0], true); }, 1e-6},
      {"bi_interaction twice", 4e-6, fields,
       [](Tape& t, const Handles& x) {
         return add(t, bi_interaction(t, x[0], kFields), bi_interaction(t, x[0], kFields));
       },
       [](const Shapes& s, const Matrices& x) {
         Matrix out = reference_pairs(s[0], x[0], true);
         for (double& y : out) y *= 2;
         return out;
       },
       2e-6},
      {"pair_products", 4e-7, fields,
       [](Tape& t, const Handles& x) { return pair_products(t, x[0], kFields); },
       [](const Shapes& s, const Matrices& x) { return reference_pairs(s[0], x[0], false); }, 1e-6},
      {"pair_products twice", 8e-7, fields,
       [](Tape& t, const Handles& x) {
         return add(t, pair_products(t, x[0], kFields), pair_products(t, x[0], kFields));
       },
       [](const Shapes& s, const Matrices& x) {
         Matrix out = reference_pairs(s[0], x[0], false);
         for (double& y : out) y *= 2;
         return out;
       },
       2e-6},
      {"cross", 4e-6, crossed, [](Tape& t, const Handles& x) { return cross(t, x[0], x[1], x[2], x[3]); },
       [](const Shapes& s, const Matrices& x) { return reference_cross(s[0], x[0], x[1], x[2], x[3]); },
       8e-6},
      {"cross of the first layer", 4e-6, crossed_once,
       [](Tape& t, const Handles& x) { return cross(t, x[0], x[0], x[1], x[2]); },
       [](const Shapes& s, const Matrices& x) { return reference_cross(s[0], x[0], x[0], x[1], x[2]); },
       8e-6},
      {"outer_rows", 2e-7, outer_shapes, [](Tape& t, const Handles& x) { return outer_rows(t, x[0], x[1]); },
       [](const Shapes& s, const Matrices& x) { return reference_outer(s[0], x[0], s[1], x[1]); }, 4e-6},
      {"outer_rows of one tensor", 2e-7,
       [](std::int64_t rows, std::int64_t cols) { return one(rows, std::min<std::int64_t>(cols, 9)); },
       [](Tape& t, const Handles& x) { return outer_rows(t, x[0], x[0]); },
       [](const Shapes& s, const Matrices& x) { return reference_outer(s[0], x[0], s[0], x[0]); }, 4e-6},
      {"sum_groups", 1e-6, groups, [](Tape& t, const Handles& x) { return sum_groups(t, x[0], kSize); },
       [](const Shapes& s, const Matrices& x) { return reference_pool(s[0], x[0], nullptr); }, 4e-7},
      {"sum_groups beside another use", 2e-6, groups,
       [](Tape& t, const Handles& x) {
         return add(t, sum_groups(t, x[0], kSize), sum_groups(t, x[0], kSize));
       },
       [](const Shapes& s, const Matrices& x) {
         Matrix out = reference_pool(s[0], x[0], nullptr);
         for (double& y : out) y *= 2;
         return out;
       },
       4e-7},
      {"softmax_pool", 1e-6, scored,
       [](Tape& t, const Handles& x) { return softmax_pool(t, x[0], x[1], kSize); },
       [](const Shapes& s, const Matrices& x) { return reference_pool(s[1], x[1], &x[0]); }, 4e-6},
      {"softmax_pool of its own scores", 1e-6,
       [](std::int64_t rows, std::int64_t) { return groups(rows, 1); },
       [](Tape& t, const Handles& x) { return softmax_pool(t, x[0], x[0], kSize); },
       [](const Shapes& s, const Matrices& x) { return reference_pool(s[0], x[0], &x[0]); }, 4e-6},
      {"transpose_blocks", 1e-9, groups,
       [](Tape& t, const Handles& x) { return transpose_blocks(t, x[0], kSize); },
       [](const Shapes& s, const Matrices& x) { return reference_transpose(s[0], x[0]); }, 2e-7},
      {"transpose_blocks twice", 2e-7, groups,
       [](Tape& t, const Handles& x) {
         return add(t, transpose_blocks(t, x[0], kSize), transpose_blocks(t, x[0], kSize));
       },
       [](const Shapes& s, const Matrices& x) {
         Matrix out = reference_transpose(s[0], x[0]);
         for (double& y : out) y *= 2;
         return out;
       },
       2e-7},
  };
  return ops;
}

const Add ops_case("every op agrees with its float64 reference, forward and backward, at every level",
                   [] { run_cases(table()); });

const Add threads_case("1, 2 and 3 threads give the same bits", [] {
  const std::int64_t n = 2000, d = 17, wide = kFields * d;
  const auto values = random_floats(n * wide, 1), ws = random_floats(wide, 2), bs = random_floats(wide, 3);
  const auto scores = random_floats(n * kFields, 4), weights = random_floats(n * d, 5);
  check_same_bits_at_any_thread_count([&](const OpKernels& kernels) {
    Tape tape(kernels);
    const Handle x = tape.input(values, n, wide), w = tape.input(ws, 1, wide), b = tape.input(bs, 1, wide);
    const Handle deep = relu(tape, cross(tape, x, multiply(tape, x, x), w, b));
    const Handle pairs = pair_products(tape, deep, kFields);
    const Handle turned = transpose_blocks(tape, transpose_blocks(tape, pairs, kFields), d);
    const Handle pooled = softmax_pool(tape, tape.input(scores, n * kFields, 1), turned, kFields);
    const Handle outer = outer_rows(tape, bi_interaction(tape, x, kFields), pooled);
    const Handle y = sum_groups(tape, outer, 4);
    tape.backward(weigh(tape, y, random_floats(tape.shape(y).size(), 6)));
    std::vector<float> bits;
    for (const auto& part : {tape.value(y), tape.gradient(x), tape.gradient(w), tape.gradient(b)})
      bits.insert(bits.end(), part.begin(), part.end());
    return bits;
  });
});

const Add extremes_case("relu and softmax_pool far out and of NaN", [] {
  for_each_level([](const OpKernels& kernels, const std::string& level) {
    Tape tape(kernels);
    const float nan = std::nanf("");
    const auto cut = tape.value(relu(tape, tape.input(std::vector<float>{-0.0f, -5, nan, 3}, 1, 4)));
    check(cut[1] == 0 && std::isnan(cut[2]) && cut[3] == 3, level + ": relu");
    const Handle x = tape.input(std::vector<float>{1, 2, 3}, 3, 1);
    const auto pool = [&](const std::vector<float>& scores) {
      return tape.value(softmax_pool(tape, tape.input(scores, 3, 1), x, 3))[0];
    };
    check_near(pool({1e30f, 0, -1e30f}), 1, 1e-6, level + ": one score far above");
    check_near(pool({-1e30f, -1e30f, -1e30f}), 2, 1e-6, level + ": equal scores far below");
    check(std::isnan(pool({0, nan, 0})), level + ": NaN stays NaN");
  });
});

const Add guard_case("kernels take pointers of any alignment and write nothing beyond their output", [] {
  for_each_level([](const OpKernels& k, const std::string& level) {
    for (std::int64_t n = 1; n < 40; ++n) {
      const std::vector<float> a = random_floats(40 * n + 8, 1), b = random_floats(40 * n + 8, 2);
      const auto guarded = [&](const std::string& name, std::int64_t size, auto&& body) {
        std::vector<float> out(at(size) + 3, 1.0f);
        out[0] = out[at(size) + 1] = out[at(size) + 2] = 77;
        body(out.data() + 1);
        check(out[0] == 77 && out[at(size) + 1] == 77 && out[at(size) + 2] == 77, level + " " + name);
      };
      const float *x = a.data() + 1, *y = b.data() + 1;
      std::vector<float> other(at(12 * n)), few(at(12 * n));
      guarded("multiply", n, [&](float* o) { k.multiply(n, x, y, o, true); });
      guarded("relu", n, [&](float* o) { k.relu(n, x, o); });
      guarded("relu_slope", n, [&](float* o) { k.relu_slope(n, x, y, o, true); });
      guarded("bi_interaction", 2 * n, [&](float* o) { k.bi_interaction(2, 3, n, x, o); });
      guarded("bi_interaction_backward", 6 * n,
              [&](float* o) { k.bi_interaction_backward(2, 3, n, x, y, o, true); });
      guarded("pair_products", 6 * n, [&](float* o) { k.pair_products(2, 3, n, x, o); });
      guarded("pair_products_backward", 6 * n,
              [&](float* o) { k.pair_products_backward(2, 3, n, x, y, o, true); });
      guarded("cross", 2 * n, [&](float* o) { k.cross(2, n, x, y, x, y, o, other.data()); });
      guarded("cross_backward", 2 * n, [&](float* o) {
        k.cross_backward(2, n, x, y, x, y, y, {o, true, other.data(), false}, few.data());
      });
      guarded("cross_backward sums", 2 * n, [&](float* o) {
        k.cross_backward(2, n, x, y, x, y, y, {few.data(), false, other.data(), false}, o);
      });
      guarded("outer_rows", 6 * n, [&](float* o) { k.outer_rows(2, 3, n, x, y, o); });
      guarded("outer_rows_backward", 2 * n, [&](float* o) {
        k.outer_rows_backward(2, 3, n, x, y, y, {other.data(), false, o, true});
      });
      guarded("sum_groups", 2 * n, [&](float* o) { k.sum_groups(2, 4, n, x, o); });
      guarded("spread_groups", 8 * n, [&](float* o) { k.spread_groups(2, 4, n, x, o, true); });
      guarded("softmax_pool weights", 2 * n,
              [&](float* o) { k.softmax_pool(2, n, 3, x, y, o, other.data()); });
      guarded("softmax_pool", 2 * n, [&](float* o) { k.softmax_pool(2, 4, n, x, y, other.data(), o); });
      guarded("softmax_pool_backward", 8 * n, [&](float* o) {
        k.softmax_pool_backward(2, 4, n, x, y, x, y, {other.data(), false, o, true});
      });
      guarded("transpose_blocks", 8 * n, [&](float* o) { k.transpose_blocks(2, 4, n, x, o, true); });
    }
  });
});

const Add errors_case("shapes that do not fit are named in the error", [] {
  Tape tape;
  const std::vector<float> six(6, 1.0f), three(3, 1.0f);
  const Handle x = tape.input(six, 2, 3), row = tape.input(three, 1, 3), tall = tape.input(three, 3, 1);
  expect_argument_error("multiply: expected equal shapes", [&] { multiply(tape, x, row); });
  expect_argument_error("bi_interaction: expected a number of fields that divides 3 columns, got 2",
                        [&] { bi_interaction(tape, x, 2); });
  expect_argument_error("pair_products: expected a number of fields", [&] { pair_products(tape, x, 0); });
  expect_argument_error("cross: expected first and x n x d", [&] { cross(tape, row, x, row, row); });
  expect_argument_error("cross: expected first and x n x d", [&] { cross(tape, x, x, tall, row); });
  expect_argument_error("cross: expected first and x n x d", [&] { cross(tape, x, x, row, tall); });
  expect_argument_error("outer_rows: expected n x m and n x h", [&] { outer_rows(tape, x, row); });
  expect_argument_error("sum_groups: expected a size that divides 2 rows, got 3",
                        [&] { sum_groups(tape, x, 3); });
  expect_argument_error("sum_groups: expected a size", [&] { sum_groups(tape, x, 0); });
  expect_argument_error("softmax_pool: expected scores 2 x 1", [&] { softmax_pool(tape, tall, x, 2); });
  expect_argument_error("transpose_blocks: expected rows that divide 2 rows, got 4",
                        [&] { transpose_blocks(tape, x, 4); });
});

const Add pair_limits_case("pairs beyond 2^31 rows are refused at once, also of tensors without columns", [] {
  Tape tape;
  const Handle none = tape.input({}, 1, 0), rows = tape.input({}, 100, 0);
  expect_argument_error("pair_products", [&] { pair_products(tape, none, std::int64_t{1} << 30); });
  expect_argument_error("pair_products", [&] { pair_products(tape, rows, 1 << 15); });
  check(tape.shape(pair_products(tape, rows, 3)).rows == 300, "few pairs without columns");
});

}  // namespace

int main() { return l4r::test::run_all(); }
