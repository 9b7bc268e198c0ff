// bpr_rows: BPR over rows of two parameters in one op, and the gradients made of values that it leaves to the
// optimizer.
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "autograd/optimizer.h"
#include "op_case.h"
#include "ops/bpr/bpr_rows.h"
#include "ops/elementwise/elementwise.h"

namespace {

using namespace l4r;
using namespace l4r::test;

using Indices = std::vector<std::int32_t>;

std::shared_ptr<Parameter> random_parameter(const char* name, std::int64_t rows, std::int64_t cols,
                                            std::uint64_t stream) {
  auto parameter = std::make_shared<Parameter>(name, rows, cols);
  fill_uniform(*parameter, -1, 1, 5, stream);
  return parameter;
}

double softplus(double x) { return std::max(0.0, x) + std::log1p(std::exp(-std::fabs(x))); }

// The formula of the README. Tables as dense matrices; their gradients are added to.
struct Reference {
  Indices users, positives, negatives;
  std::int64_t cols;
  double l2;

  double run(const Matrix& p, const Matrix& q, Matrix& dp, Matrix& dq) const {
    const std::size_t pairs = negatives.size(), each = users.empty() ? 1 : pairs / users.size();
    const auto n = static_cast<double>(pairs);
    double loss = 0;
    for (std::size_t j = 0; j < pairs; ++j) {
      const std::size_t u = at(users[j / each] * cols), a = at(positives[j / each] * cols),
                        b = at(negatives[j] * cols);
      double x = 0, norms = 0;
      for (std::size_t c = 0; c < at(cols); ++c) {
        x += p[u + c] * (q[b + c] - q[a + c]);
        norms += p[u + c] * p[u + c] + q[a + c] * q[a + c] + q[b + c] * q[b + c];
      }
      loss += (softplus(x) + l2 / 2 * norms) / n;
      const double slope = 1 / (1 + std::exp(-x)) / n;
      for (std::size_t c = 0; c < at(cols); ++c) {
        dp[u + c] += slope * (q[b + c] - q[a + c]) + l2 / n * p[u + c];
        dq[a + c] += -slope * p[u + c] + l2 / n * q[a + c];
        dq[b + c] += slope * p[u + c] + l2 / n * q[b + c];
      }
    }
    return loss;
  }
};

// What the row gradients of a step add up to.
Matrix merged(Tape& tape, const Parameter& parameter) {
  Matrix dense(at(parameter.rows * parameter.cols), 0.0);
  for (const RowGradients& part : tape.row_gradients())
    for (std::int64_t j = 0; part.parameter == &parameter && j < part.count; ++j)
      for (std::int64_t c = 0; c < parameter.cols; ++c) {
        const std::int64_t to = part.rows[j] * parameter.cols + c;
        dense[at(to)] +=
            static_cast<double>(part.scales[j]) * part.gradient[part.sources[j] * parameter.cols + c] +
            static_cast<double>(part.own) * parameter.value[to];
      }
  return dense;
}

const test::Add reference_case("bpr_rows agrees with its float64 reference, forward and backward", [] {
  for_each_level([](const OpKernels& kernels, const std::string& level) {
    for (const std::int64_t cols : kCols)
      for (const std::int64_t examples : kRows)
        for (const std::int64_t each : {1, 3})
          for (const float l2 : {0.0f, 0.25f}) {
            const std::string what = level + " " + std::to_string(examples) + " x " + std::to_string(each) +
                                     ", " + std::to_string(cols) + " columns";
            const Reference reference{random_indices(examples, 7, 1), random_indices(examples, 9, 2),
                                      random_indices(examples * each, 9, 3), cols, l2};
            const auto users = random_parameter("users", 7, cols, 6),
                       items = random_parameter("items", 9, cols, 7);
            Matrix dp(at(7 * cols), 0.0), dq(at(9 * cols), 0.0);
            const double expected =
                reference.run(widen(users->value.span()), widen(items->value.span()), dp, dq);
            Tape tape(kernels);
            poison(tape);
            const Handle loss =
                bpr_rows(tape, users, items, {reference.users, reference.positives, reference.negatives}, l2);
            check_near(tape.item(loss), expected, 1e-6 * std::max(1.0, expected), what + ": value");
            tape.backward(scale(tape, loss, 3));
            for (double& slope : dp) slope *= 3;
            for (double& slope : dq) slope *= 3;
            const Matrix got_p = merged(tape, *users), got_q = merged(tape, *items);
            check_close(std::vector<float>(got_p.begin(), got_p.end()), dp, 3e-6, 1, what + ": users");
            check_close(std::vector<float>(got_q.begin(), got_q.end()), dq, 3e-6, 1, what + ": items");
          }
  });
});

const test::Add adam_case("Adam adds these gradients up before it changes what they are made of", [] {
  for_each_level([](const OpKernels& kernels, const std::string& level) {
    for (const std::int64_t cols : {1, 17, 64, 70}) {
      const Reference reference{random_indices(40, 7, 1), random_indices(40, 9, 2), random_indices(40, 9, 3),
                                cols, 0.25};
      const auto users = random_parameter("users", 7, cols, 6), items = random_parameter("items", 9, cols, 7);
      Matrix dp(at(7 * cols), 0.0), dq(at(9 * cols), 0.0);
      reference.run(widen(users->value.span()), widen(items->value.span()), dp, dq);
      Adam adam({users, items}, {.learning_rate = 0.5f});
      Tape tape(kernels);
      poison(tape);
      tape.backward(
          bpr_rows(tape, users, items, {reference.users, reference.positives, reference.negatives}, 0.25f));
      double squares = 0;
      for (const double g : dp) squares += g * g;
      for (const double g : dq) squares += g * g;
      check_near(adam.step(tape), std::sqrt(squares), 1e-5 * std::sqrt(squares), level + ": norm");
      // The first moments after one step are a tenth of the gradients.
      for (double& g : dp) g *= 0.1;
      for (double& g : dq) g *= 0.1;
      check_close(users->adam.first.span(), dp, 3e-7, 1, level + ": users");
      check_close(items->adam.first.span(), dq, 3e-7, 1, level + ": items");
    }
  });
});

const test::Add same_case("users and items may be one parameter", [] {
  const Reference reference{{0, 1, 2}, {3, 4, 1}, {1, 0, 3}, 5, 0.1};
  const auto nodes = random_parameter("nodes", 6, 5, 6);
  Matrix gradient(30, 0.0);
  const double expected =
      reference.run(widen(nodes->value.span()), widen(nodes->value.span()), gradient, gradient);
  Adam adam({nodes}, {});
  Tape tape;
  const Handle loss =
      bpr_rows(tape, nodes, nodes, {reference.users, reference.positives, reference.negatives}, 0.1f);
  check_near(tape.item(loss), expected, 1e-6, "value");
  tape.backward(loss);
  adam.step(tape);
  for (double& g : gradient) g *= 0.1;
  check_close(nodes->adam.first.span(), gradient, 1e-7, 1, "gradient");
});

const test::Add threads_case("1, 2 and 3 threads give the same bits", [] {
  check_same_bits_at_any_thread_count([](const OpKernels& kernels) {
    const auto users = random_parameter("users", 700, 67, 6), items = random_parameter("items", 300, 67, 7);
    Adam adam({users, items}, {});
    Tape tape(kernels);
    poison(tape);
    const auto u = random_indices(3000, 700, 1), p = random_indices(3000, 300, 2),
               n = random_indices(6000, 300, 3);
    const Handle loss = bpr_rows(tape, users, items, {u, p, n}, 0.01f);
    tape.backward(loss);
    std::vector<float> bits{static_cast<float>(tape.item(loss)), static_cast<float>(adam.step(tape))};
    bits.insert(bits.end(), users->value.span().begin(), users->value.span().end());
    bits.insert(bits.end(), items->value.span().begin(), items->value.span().end());
    return bits;
  });
});

const test::Add extremes_case("large numbers overflow no later than they must, and NaN stays NaN", [] {
  for_each_level([](const OpKernels& kernels, const std::string& level) {
    const auto users = std::make_shared<Parameter>("users", 1, 3),
               items = std::make_shared<Parameter>("items", 2, 3);
    const Indices zero{0}, one{1};
    const auto loss = [&](float user, float item, float l2) {
      users->value[0] = user;
      items->value[0] = item;
      Tape tape(kernels);
      return tape.item(bpr_rows(tape, users, items, {zero, zero, one}, l2));
    };
    check_near(loss(1e20f, 0, 1e-10f), 0.5e30, 1e24, level + ": a square beyond float32");
    check_near(loss(100, -100, 0), 10000, 0, level + ": wildly wrong is the distance");
    check(loss(100, 100, 0) < 1e-37, level + ": clearly right is 0");
    check(std::isnan(loss(std::nanf(""), 1, 0)), level + ": NaN user");
    check(std::isnan(loss(1, std::nanf(""), 0)), level + ": NaN item");
  });
});

const test::Add errors_case("what does not fit is refused, and values that have changed meanwhile", [] {
  const auto users = random_parameter("users", 4, 3, 6), items = random_parameter("items", 5, 3, 7),
             wide = random_parameter("wide", 5, 4, 7);
  Tape tape;
  const Indices two{0, 1}, three{0, 1, 2}, far{0, 5};
  const auto run = [&](const std::shared_ptr<Parameter>& of, const PairRows& rows, float l2) {
    return [&tape, users, of, rows, l2] { bpr_rows(tape, users, of, rows, l2); };
  };
  expect_argument_error("3 and 4 columns", run(wide, {two, two, two}, 0));
  expect_argument_error("positives: expected 2 rows, got 3", run(items, {two, three, two}, 0));
  expect_argument_error("negatives: expected a multiple of 2 rows, got 3", run(items, {two, two, three}, 0));
  expect_argument_error("negatives: expected a multiple of 2 rows, got 0", run(items, {two, two, {}}, 0));
  expect_argument_error("negatives: expected a multiple of 0 rows, got 2", run(items, {{}, {}, two}, 0));
  expect_argument_error("users[1]: expected a row of \"users\" in 0..3, got 5",
                        run(items, {far, two, two}, 0));
  expect_argument_error("positives[1]", run(items, {two, far, two}, 0));
  expect_argument_error("negatives[1]", run(items, {two, two, far}, 0));
  expect_argument_error("l2", run(items, {two, two, two}, -1));
  expect_argument_error("l2", run(items, {two, two, two}, std::numeric_limits<float>::infinity()));

  Adam of_users({users}, {}), of_items({items}, {});
  tape.backward(bpr_rows(tape, users, items, {two, two, two}, 0));
  of_users.step(tape);
  const float before = items->value[0];
  expect_argument_error("one optimizer for both", [&] { of_items.step(tape); });
  check(items->value[0] == before && items->adam.steps == 0, "unchanged");
});

}  // namespace

int main() { return l4r::test::run_all(); }
