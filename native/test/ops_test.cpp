// Every elementary operation against its float64 reference (op_case.h). A row of the table is an operation.
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "autograd/tape.h"
#include "base/cpu.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "check.h"
#include "op_case.h"
#include "ops/bag/bag.h"
#include "ops/bpr/bpr.h"
#include "ops/elementwise/elementwise.h"
#include "ops/gather/gather.h"
#include "ops/l2/l2.h"
#include "ops/matmul/matmul.h"
#include "ops/row_dot/row_dot.h"

namespace {

using namespace l4r;
using namespace l4r::test;
using test::Add;  // not the kernel of that name

Matrix reference_product(const std::vector<Shape>& s, const Matrices& x, bool ta, bool tb) {
  const std::int64_t m = ta ? s[0].cols : s[0].rows, k = ta ? s[0].rows : s[0].cols,
                     n = tb ? s[1].rows : s[1].cols;
  Matrix c(at(m * n), 0.0);
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t j = 0; j < n; ++j)
      for (std::int64_t p = 0; p < k; ++p)
        c[at(i * n + j)] += x[0][at(ta ? p * m + i : i * k + p)] * x[1][at(tb ? j * k + p : p * n + j)];
  return c;
}

OpCase matmul_row(bool ta, bool tb) {
  return {std::string("matmul") + (ta ? " ta" : "") + (tb ? " tb" : ""), 4e-7,
          [=](std::int64_t rows, std::int64_t cols) {
            const std::int64_t k = cols, n = rows + 14;  // n crosses every panel width
            return std::vector<Shape>{ta ? Shape{k, rows} : Shape{rows, k}, tb ? Shape{n, k} : Shape{k, n}};
          },
          [=](Tape& t, const std::vector<Handle>& x) { return matmul(t, x[0], x[1], ta, tb); },
          [=](const std::vector<Shape>& s, const Matrices& x) { return reference_product(s, x, ta, tb); }};
}

std::vector<Shape> twice(std::int64_t rows, std::int64_t cols) { return {{rows, cols}, {rows, cols}}; }

const std::vector<OpCase>& table() {
  static const std::vector<OpCase> ops{
      {"add", 1e-7, twice, [](Tape& t, const std::vector<Handle>& x) { return add(t, x[0], x[1]); },
       [](const std::vector<Shape>&, const Matrices& x) {
         Matrix out = x[0];
         for (std::size_t i = 0; i < out.size(); ++i) out[i] += x[1][i];
         return out;
       }},
      {"add of a tensor to itself", 1e-7,
       [](std::int64_t rows, std::int64_t cols) {
         return std::vector<Shape>{{rows, cols}};
       },
       [](Tape& t, const std::vector<Handle>& x) { return add(t, x[0], x[0]); },
       [](const std::vector<Shape>&, const Matrices& x) {
         Matrix out = x[0];
         for (double& v : out) v *= 2;
         return out;
       }},
      {"scale", 1e-7,
       [](std::int64_t rows, std::int64_t cols) {
         return std::vector<Shape>{{rows, cols}};
       },
       [](Tape& t, const std::vector<Handle>& x) { return scale(t, x[0], -0.75f); },
       [](const std::vector<Shape>&, const Matrices& x) {
         Matrix out = x[0];
         for (double& v : out) v *= -0.75;
         return out;
       }},
      {"row_dot", 4e-7, twice, [](Tape& t, const std::vector<Handle>& x) { return row_dot(t, x[0], x[1]); },
       [](const std::vector<Shape>& s, const Matrices& x) {
         Matrix out(at(s[0].rows), 0.0);
         for (std::size_t i = 0; i < x[0].size(); ++i) out[i / at(s[0].cols)] += x[0][i] * x[1][i];
         return out;
       }},
      {"row_dot of a tensor with itself", 4e-7,
       [](std::int64_t rows, std::int64_t cols) {
         return std::vector<Shape>{{rows, cols}};
       },
       [](Tape& t, const std::vector<Handle>& x) { return row_dot(t, x[0], x[0]); },
       [](const std::vector<Shape>& s, const Matrices& x) {
         Matrix out(at(s[0].rows), 0.0);
         for (std::size_t i = 0; i < x[0].size(); ++i) out[i / at(s[0].cols)] += x[0][i] * x[0][i];
         return out;
       }},
      {"bpr_loss", 4e-7, [](std::int64_t rows, std::int64_t cols) { return twice(rows * cols, 1); },
       [](Tape& t, const std::vector<Handle>& x) { return bpr_loss(t, x[0], x[1]); },
       [](const std::vector<Shape>& s, const Matrices& x) {
         double total = 0;
         for (std::size_t i = 0; i < x[0].size(); ++i) total += std::log1p(std::exp(x[1][i] - x[0][i]));
         return Matrix{s[0].rows == 0 ? 0 : total / static_cast<double>(s[0].rows)};
       }},
      {"l2", 2e-6,
       [](std::int64_t rows, std::int64_t cols) {
         return std::vector<Shape>{{rows, cols}};
       },
       [](Tape& t, const std::vector<Handle>& x) { return l2(t, x[0]); },
       [](const std::vector<Shape>& s, const Matrices& x) {
         double total = 0;
         for (const double v : x[0]) total += v * v;
         return Matrix{s[0].rows == 0 ? 0 : total / (2.0 * static_cast<double>(s[0].rows))};
       }},
      matmul_row(false, false),
      matmul_row(true, false),
      matmul_row(false, true),
      matmul_row(true, true),
  };
  return ops;
}

const Add ops_case("every dense op agrees with its float64 reference, forward and backward, at every level",
                   [] { run_cases(table()); });

// ---- sparse ops: their gradients are row gradients of a parameter ----

Matrix merged_row_gradients(Tape& tape, const Parameter& parameter) {
  Matrix dense(at(parameter.rows * parameter.cols), 0.0);
  for (const RowGradients& part : tape.row_gradients())
    for (std::int64_t j = 0; j < part.count; ++j)
      for (std::int64_t c = 0; c < parameter.cols; ++c)
        dense[at(part.rows[j] * parameter.cols + c)] +=
            (part.scales == nullptr ? 1.0 : static_cast<double>(part.scales[j])) *
            part.gradient[(part.sources == nullptr ? j : part.sources[j]) * parameter.cols + c];
  return dense;
}

std::shared_ptr<Parameter> random_parameter(std::int64_t rows, std::int64_t cols) {
  auto parameter = std::make_shared<Parameter>("table", rows, cols);
  fill_uniform(*parameter, -2, 2, 5, 6);
  return parameter;
}

const Add gather_case("gather copies rows exactly and returns the gradient of each", [] {
  for (const Level level : available_levels())
    for (const std::int64_t rows : kRows)
      for (const std::int64_t cols : kCols) {
        const std::string what =
            std::string(level_name(level)) + " " + std::to_string(rows) + "x" + std::to_string(cols);
        const auto parameter = random_parameter(4, cols);  // few rows: many repeats
        const auto indices = random_indices(rows, 4, 7);
        Tape tape(op_kernels(level));
        poison(tape);
        const Handle out = gather(tape, parameter, indices);
        Matrix expected, gradient(at(4 * cols), 0.0);
        const std::vector<float> weights = random_floats(rows * cols, 8);
        for (std::size_t i = 0; i < indices.size(); ++i)
          for (std::int64_t c = 0; c < cols; ++c) {
            expected.push_back(parameter->value[indices[i] * cols + c]);
            gradient[at(indices[i] * cols + c)] += weights[i * at(cols) + at(c)];
          }
        check_close(tape.value(out), expected, 0, 1, what + ": value");
        tape.backward(weigh(tape, out, weights));
        const Matrix got = merged_row_gradients(tape, *parameter);
        check_close(std::vector<float>(got.begin(), got.end()), gradient, 1e-6, static_cast<double>(rows),
                    what + ": gradient");
      }
});

const Add bag_case("bag pools rows by sum or mean, weighted or not, with zeros for an empty bag", [] {
  const std::vector<std::int32_t> offsets{0, 0, 1, 4, 4, 17, 33};
  const auto indices = random_indices(33, 6, 9);
  const auto some_weights = random_floats(33, 10);
  for (const Level level : available_levels())
    for (const std::int64_t cols : kCols)
      for (const bool weighted : {false, true})
        for (const BagMode mode : {BagMode::sum, BagMode::mean}) {
          const std::string what = std::string(level_name(level)) + " cols " + std::to_string(cols);
          const auto parameter = random_parameter(6, cols);
          Tape tape(op_kernels(level));
          poison(tape);
          const Handle out =
              bag(tape, parameter, indices, offsets,
                  weighted ? std::span<const float>(some_weights) : std::span<const float>(), mode);
          Matrix expected(at(6 * cols), 0.0), gradient(at(6 * cols), 0.0);
          const std::vector<float> up = random_floats(6 * cols, 11);
          for (std::size_t b = 0; b < 6; ++b)
            for (std::int32_t j = offsets[b]; j < offsets[b + 1]; ++j)
              for (std::int64_t c = 0; c < cols; ++c) {
                const double scale = (weighted ? some_weights[at(j)] : 1.0) /
                                     (mode == BagMode::mean ? offsets[b + 1] - offsets[b] : 1);
                expected[b * at(cols) + at(c)] += scale * parameter->value[indices[at(j)] * cols + c];
                gradient[at(indices[at(j)] * cols + c)] += scale * up[b * at(cols) + at(c)];
              }
          check_close(tape.value(out), expected, 4e-7, 70, what + ": value");
          tape.backward(weigh(tape, out, up));
          const Matrix got = merged_row_gradients(tape, *parameter);
          check_close(std::vector<float>(got.begin(), got.end()), gradient, 1e-6, 33, what + ": gradient");
        }
  Tape tape;
  check(tape.shape(bag(tape, random_parameter(6, 4), {}, std::vector<std::int32_t>{0}, {}, BagMode::sum))
                .rows == 0,
        "no bags");
});

// ---- properties of all of them ----

const Add misaligned_case("kernels take pointers of any alignment and write nothing beyond their output", [] {
  for (const Level level : available_levels()) {
    const OpKernels& k = op_kernels(level);
    const std::string what = level_name(level);
    for (std::int64_t n = 0; n < 40; ++n) {
      const std::vector<float> a = random_floats(n + 3, 1), b = random_floats(n + 3, 2);
      const auto guarded = [&](const std::string& name, auto&& body) {
        std::vector<float> out(at(n) + 3, 77.0f);
        body(out.data() + 1);
        check(out[0] == 77 && out[at(n) + 1] == 77 && out[at(n) + 2] == 77, what + " " + name + ": guard");
        for (std::int64_t i = 0; i < n; ++i) check(out[at(i) + 1] != 77, what + " " + name + ": written");
      };
      guarded("add", [&](float* out) { k.add(n, a.data() + 1, b.data() + 3, out); });
      guarded("scale_add", [&](float* out) { k.scale_add(n, 0.5f, a.data() + 1, out, false); });
      guarded("scale_add to", [&](float* out) { k.scale_add(n, 0.5f, a.data() + 1, out, true); });
      guarded("row_scale_add",
              [&](float* out) { k.row_scale_add(1, n, b.data() + 1, a.data() + 1, out, false); });
      guarded("bpr_loss", [&](float* out) { k.bpr_loss(n, a.data() + 1, b.data() + 3, out); });
      const std::int32_t row = 0, offsets[] = {0, 1};
      const float one = 1;
      guarded("gather_rows", [&](float* out) { k.gather_rows(1, n, a.data() + 1, &row, out); });
      guarded("bag_rows",
              [&](float* out) { k.bag_rows(1, n, a.data() + 1, &row, &one, offsets, out, false); });
      guarded("bag_rows to",
              [&](float* out) { k.bag_rows(1, n, a.data() + 1, &row, &one, offsets, out, true); });
      guarded("gemm", [&](float* out) { gemm(k, false, false, 1, n, 1, &one, a.data() + 1, out, false); });
    }
  }
});

const Add bpr_extremes_case("bpr_loss is exact far out, and NaN stays NaN", [] {
  for (const Level level : available_levels()) {
    Tape tape(op_kernels(level));
    const auto loss = [&](float positive, float negative) {
      tape.reset();
      return bpr_loss(tape, tape.input(std::vector<float>{positive}, 1, 1),
                      tape.input(std::vector<float>{negative}, 1, 1));
    };
    check(tape.item(loss(-5000, 5000)) == 10000, "loss of a wildly wrong pair is the difference");
    tape.backward(loss(-5000, 5000));
    check(tape.item(loss(5000, -5000)) < 1e-37, "loss of a clear pair is 0");
    check(std::isnan(tape.item(loss(std::nanf(""), 0))), std::string(level_name(level)) + ": NaN positive");
    check(std::isnan(tape.item(loss(0, std::nanf("")))), std::string(level_name(level)) + ": NaN negative");
    const Handle bad = loss(std::nanf(""), 0);
    tape.backward(bad);
    check(std::isnan(tape.gradient(bad - 2)[0]), std::string(level_name(level)) + ": NaN gradient");
  }
});

// One step with every op, large enough to be cut into many chunks.
std::vector<float> big_step(const OpKernels& kernels) {
  const auto table = random_parameter(500, 67);
  Tape tape(kernels);
  const auto rows = random_indices(3000, 500, 21), others = random_indices(3000, 500, 22);
  const Handle a = gather(tape, table, rows), b = gather(tape, table, others);
  std::vector<std::int32_t> offsets;
  for (std::int32_t i = 0; i <= 3000; ++i) offsets.push_back(i);
  const Handle pooled = bag(tape, table, others, offsets, {}, BagMode::mean);
  const Handle dense = tape.use(table);
  const Handle product = matmul(tape, a, dense, false, true);  // [3000 x 500]
  const Handle mixed = matmul(tape, product, dense, false, false);
  const Handle scores = row_dot(tape, scale(tape, mixed, 1e-3f), pooled);
  const Handle loss =
      add(tape, bpr_loss(tape, scores, row_dot(tape, a, b)), scale(tape, l2(tape, add(tape, a, b)), 0.1f));
  tape.backward(loss);
  std::vector<float> bits{static_cast<float>(tape.item(loss))};
  for (const float g : tape.gradient(dense)) bits.push_back(g);
  for (const RowGradients& part : tape.row_gradients())
    bits.insert(bits.end(), part.gradient, part.gradient + 3000 * 67);
  return bits;
}

const Add threads_case("1, 2 and 3 threads give the same bits",
                       [] { check_same_bits_at_any_thread_count(big_step); });

const Add gemm_case("gemm is right across its block borders, and adds when asked to", [] {
  for (const Level level : available_levels()) {
    const OpKernels& kernels = op_kernels(level);
    struct Size {
      std::int64_t m, n, k;
    };
    const std::int64_t wide = std::int64_t{kernels.gemm_cols} * 32 * 8 + 3;  // one more block of b
    const Size sizes[] = {{3, wide, 5}, {130, 70, 521},  {kernels.gemm_rows * 16 + 1, 33, 257},
                          {2, 2, 0},    {13, 20, 2100},  {70, 33, 3001},
                          {1, 70, 600}, {17, 150, 1030}, {kernels.gemm_rows * 3, 20, 9}};
    for (const Size& s : sizes) {
      const auto a = random_floats(s.m * s.k, 31), b = random_floats(s.k * s.n, 32),
                 start = random_floats(s.m * s.n, 33);
      for (const bool ta : {false, true})
        for (const bool tb : {false, true}) {
          const Matrix product = reference_product({ta ? Shape{s.k, s.m} : Shape{s.m, s.k},  //
                                                    tb ? Shape{s.n, s.k} : Shape{s.k, s.n}},
                                                   {widen(a), widen(b)}, ta, tb);
          for (const bool accumulate : {false, true}) {
            std::vector<float> c = start;
            gemm(kernels, ta, tb, s.m, s.n, s.k, a.data(), b.data(), c.data(), accumulate);
            Matrix expected = product;
            if (accumulate)
              for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += start[i];
            check_close(c, expected, 4e-7, 4.0 * static_cast<double>(s.k),
                        std::string(level_name(level)) + (ta ? " ta" : "") + (tb ? " tb " : " ") +
                            std::to_string(s.m) + "x" + std::to_string(s.n) + "x" + std::to_string(s.k));
          }
        }
    }
  }
});

const Add errors_case("wrong shapes and indices are named in the error", [] {
  Tape tape;
  const auto parameter = random_parameter(4, 3);
  const std::vector<float> six(6, 1.0f);
  const Handle x = tape.input(six, 2, 3), y = tape.input(six, 3, 2);
  using Indices = std::vector<std::int32_t>;
  expect_argument_error("rows[2]: expected a row of \"table\" in 0..3, got 4", [&] {
    gather(tape, parameter, Indices{0, 3, 4});
  });
  expect_argument_error("rows[0]", [&] { gather(tape, parameter, Indices{-1}); });
  expect_argument_error("indices[1]", [&] {
    bag(tape, parameter, Indices{0, 9}, Indices{0, 2}, {}, BagMode::sum);
  });
  expect_argument_error("offsets[2]: expected at least 2", [&] {
    bag(tape, parameter, Indices{0, 1}, Indices{0, 2, 1}, {}, BagMode::sum);
  });
  expect_argument_error("offsets", [&] {
    bag(tape, parameter, Indices{0, 1}, Indices{0, 1}, {}, BagMode::sum);
  });
  expect_argument_error("offsets", [&] { bag(tape, parameter, Indices{}, Indices{}, {}, BagMode::sum); });
  expect_argument_error("weights", [&] {
    bag(tape, parameter, Indices{0, 1}, Indices{0, 2}, six, BagMode::sum);
  });
  expect_argument_error("2 x 3 and 3 x 2", [&] { add(tape, x, y); });
  expect_argument_error("2 x 3 and 3 x 2", [&] { row_dot(tape, x, y); });
  expect_argument_error("inner sizes", [&] { matmul(tape, x, x, false, false); });
  expect_argument_error("scores n x 1", [&] { bpr_loss(tape, x, x); });
  expect_argument_error("expected 6 numbers", [&] { tape.input(std::vector<float>(5), 2, 3); });
  expect_argument_error("expected rows and cols", [&] { tape.input({}, -1, 0); });
});

}  // namespace

int main() { return l4r::test::run_all(); }
