// Losses over sampled items and over the whole table against float64 references, forward and backward, at
// every available level.
#include <optional>
#include <span>
#include <string>

#include "op_case.h"
#include "ops/bce/bce.h"
#include "ops/elementwise/elementwise.h"
#include "ops/log_softmax/log_softmax.h"
#include "ops/softmax/softmax.h"

namespace {

using namespace l4r;
using namespace l4r::test;

double softplus(double x) { return std::max(0.0, x) + std::log1p(std::exp(-std::fabs(x))); }

// ---- bce_loss ----

const test::Add bce_case("bce_loss agrees with its float64 reference, each side a mean of its own", [] {
  for_each_level([](const OpKernels& kernels, const std::string& level) {
    for (const std::int64_t n : {1, 2, 7, 8, 9, 16, 17, 2500})
      for (const std::int64_t m : {1, 8, 31, 5000}) {
        const std::string what = level + " " + std::to_string(n) + " and " + std::to_string(m);
        const auto above = random_floats(n, 1), below = random_floats(m, 2);
        Tape tape(kernels);
        poison(tape);
        const Handle p = tape.input(above, n, 1), q = tape.input(below, m, 1);
        const Handle loss = bce_loss(tape, p, q);
        double expected = 0;
        Matrix p_slope, q_slope;
        for (const double x : above) expected += softplus(-x) / static_cast<double>(n);
        for (const double x : below) expected += softplus(x) / static_cast<double>(m);
        for (const double x : above) p_slope.push_back(-3 / (1 + std::exp(x)) / static_cast<double>(n));
        for (const double x : below) q_slope.push_back(3 / (1 + std::exp(-x)) / static_cast<double>(m));
        check_near(tape.item(loss), expected, 3e-7 * expected, what + ": value");
        tape.backward(scale(tape, loss, 3));
        check_close(tape.gradient(p), p_slope, 2e-6 / static_cast<double>(n), 1, what + ": positive");
        check_close(tape.gradient(q), q_slope, 2e-6 / static_cast<double>(m), 1, what + ": negative");
      }
  });
});

const test::Add bce_extremes_case("bce_loss is exact far out, and NaN stays NaN", [] {
  for_each_level([](const OpKernels& kernels, const std::string& level) {
    Tape tape(kernels);
    Handle p = 0, q = 0;
    const auto loss = [&](float positive, float negative) {
      tape.reset();
      p = tape.input(std::vector<float>{positive}, 1, 1);
      q = tape.input(std::vector<float>{negative}, 1, 1);
      const Handle found = bce_loss(tape, p, q);
      tape.backward(found);
      return tape.item(found);
    };
    check(loss(-0x1p100f, 0x1p99f) == 1.5 * 0x1p100, level + ": loss of a wildly wrong pair is the distance");
    check(tape.gradient(p)[0] == -1 && tape.gradient(q)[0] == 1, level + ": its slopes are -1 and 1");
    check(loss(1e30f, -1e30f) < 1e-37, level + ": loss of a clear pair is 0");
    check(std::fabs(tape.gradient(p)[0]) < 1e-37 && tape.gradient(q)[0] < 1e-37,
          level + ": and so are its slopes");
    check(std::isnan(loss(std::nanf(""), 0)) && std::isnan(tape.gradient(p)[0]), level + ": NaN positive");
    check(std::isnan(loss(0, std::nanf(""))) && std::isnan(tape.gradient(q)[0]), level + ": NaN negative");
  });
});

// ---- softmax_loss ----

struct Expected {
  double loss;
  Matrix states, table;  // gradients
  Matrix losses;         // of the rows
};
// No weights: all 1.
Expected reference(const Matrix& states, const Matrix& table, const std::vector<std::int32_t>& targets,
                   std::int64_t d, Matrix weights = {}) {
  const std::int64_t n = static_cast<std::int64_t>(targets.size()),
                     items = d == 0 ? 3 : std::ssize(table) / d;
  if (weights.empty()) weights.assign(targets.size(), 1.0);
  double all = 0;
  for (const double w : weights) all += w;
  Expected result{0, Matrix(states.size(), 0.0), Matrix(table.size(), 0.0), {}};
  for (std::int64_t i = 0; i < n; ++i) {
    const double share = weights[at(i)] / all;
    Matrix scores(at(items), 0.0);
    for (std::int64_t j = 0; j < items; ++j)
      for (std::int64_t c = 0; c < d; ++c) scores[at(j)] += states[at(i * d + c)] * table[at(j * d + c)];
    const double top = *std::max_element(scores.begin(), scores.end());
    double total = 0;
    for (const double s : scores) total += std::exp(s - top);
    const double loss = top + std::log(total) - scores[at(targets[at(i)])];
    result.losses.push_back(loss);
    result.loss += share * loss;
    for (std::int64_t j = 0; j < items; ++j) {
      const double slope = (std::exp(scores[at(j)] - top) / total - (j == targets[at(i)] ? 1 : 0)) * share;
      for (std::int64_t c = 0; c < d; ++c) {
        result.states[at(i * d + c)] += slope * table[at(j * d + c)];
        result.table[at(j * d + c)] += slope * states[at(i * d + c)];
      }
    }
  }
  return result;
}

struct Size {
  std::int64_t n, items, d;
};

const test::Add softmax_case("softmax_loss agrees with its float64 reference: any rows, items and width", [] {
  // 500 and 301 rows are cut into chunks; 1000 items into blocks.
  for (const auto& [n, items, d] :
       {Size{1, 1, 1}, Size{1, 2, 3}, Size{2, 7, 8}, Size{5, 8, 9}, Size{33, 9, 16}, Size{3, 17, 64},
        Size{7, 3, 0}, Size{64, 33, 65}, Size{500, 1000, 12}, Size{301, 2500, 5}}) {
    const auto states = random_floats(n * d, 1), table = random_floats(items * d, 2);
    const auto targets = random_indices(n, items, 3);
    const Expected expected = reference(widen(states), widen(table), targets, d);
    for_each_level([&, n = n, items = items, d = d](const OpKernels& kernels, const std::string& level) {
      const std::string what =
          level + " " + std::to_string(n) + "x" + std::to_string(items) + "x" + std::to_string(d);
      Tape tape(kernels);
      poison(tape);
      const Handle s = tape.input(states, n, d), t = tape.input(table, items, d);
      const Handle loss = softmax_loss(tape, s, t, targets);
      check_near(tape.item(loss), expected.loss, 5e-7 * std::max(1.0, expected.loss), what + ": value");
      tape.backward(loss);
      check_close(tape.gradient(s), expected.states, 1e-5 / static_cast<double>(n), 1, what + ": states");
      check_close(tape.gradient(t), expected.table, 4e-6, 1, what + ": table");
    });
  }
});

const test::Add softmax_slopes_case("the reference's gradient is that of its loss, by finite differences",
                                    [] {
                                      const std::int64_t d = 3;
                                      Matrix states = widen(random_floats(4 * d, 1)),
                                             table = widen(random_floats(5 * d, 2));
                                      const std::vector<std::int32_t> targets{0, 4, 4, 2};
                                      const Expected expected = reference(states, table, targets, d);
                                      const auto probe = [&](Matrix& x, const Matrix& gradient) {
                                        for (std::size_t e = 0; e < x.size(); ++e) {
                                          const double before = x[e], h = 1e-5;
                                          x[e] = before + h;
                                          const double above = reference(states, table, targets, d).loss;
                                          x[e] = before - h;
                                          const double below = reference(states, table, targets, d).loss;
                                          x[e] = before;
                                          check_near(gradient[e], (above - below) / (2 * h), 1e-9,
                                                     "slope " + std::to_string(e));
                                        }
                                      };
                                      probe(states, expected.states);
                                      probe(table, expected.table);
                                    });

const test::Add softmax_accumulate_case("softmax_loss passes a gradient on: scaled, and added to others", [] {
  const std::int64_t n = 20, items = 40, d = 8;
  const auto states = random_floats(n * d, 1), table = random_floats(items * d, 2);
  const auto targets = random_indices(n, items, 3);
  const Expected expected = reference(widen(states), widen(table), targets, d);
  for_each_level([&](const OpKernels& kernels, const std::string& level) {
    Tape tape(kernels);
    const Handle s = tape.input(states, n, d), t = tape.input(table, items, d);
    const Handle first = softmax_loss(tape, s, t, targets), second = softmax_loss(tape, s, t, targets);
    tape.backward(add(tape, scale(tape, first, 3), scale(tape, second, -5)));
    Matrix wanted = expected.table;
    for (double& g : wanted) g *= -2;
    check_close(tape.gradient(t), wanted, 4e-6, 1, level);
  });
});

const test::Add softmax_extremes_case("softmax_loss neither overflows nor loses a clear answer", [] {
  for_each_level([](const OpKernels& kernels, const std::string& level) {
    Tape tape(kernels);
    const auto loss = [&](const std::vector<float>& table, std::int32_t target) {
      tape.reset();
      return tape.item(softmax_loss(tape, tape.input(std::vector<float>{1e3f}, 1, 1),
                                    tape.input(table, std::ssize(table), 1),
                                    std::vector<std::int32_t>{target}));
    };
    const std::vector<float> table{-1e3f, 1e3f, 0};
    check(loss(table, 1) == 0, level + ": the best by far");
    check(loss(table, 0) == 2e6, level + ": the worst by far");
    check(loss({7}, 0) == 0, level + ": the only one");
    check(std::isnan(loss({0, std::nanf(""), 1}, 0)), level + ": NaN");
  });
});

const test::Add weights_case(
    "softmax_loss takes a weighted mean, and rows of weight 0 have no part in it", [] {
      for (const auto& [n, items, d] : {Size{1, 5, 3}, Size{2, 7, 8}, Size{33, 9, 17}, Size{500, 1000, 12}}) {
        auto states = random_floats(n * d, 1);
        const auto table = random_floats(items * d, 2);
        const auto targets = random_indices(n, items, 3);
        for (const bool zeros : {false, true}) {
          auto weights = random_floats(n, 4);
          for (std::size_t i = 0; i < weights.size(); ++i)
            weights[i] = zeros && i % 3 == 1 ? 0 : 5 * std::fabs(weights[i]) + 1e-3f;
          const Expected expected = reference(widen(states), widen(table), targets, d, widen(weights));
          if (zeros && n > 1) states[at(d)] = std::nanf("");  // of row 1
          for_each_level([&, n = n, items = items, d = d](const OpKernels& kernels,
                                                          const std::string& level) {
            const std::string what = level + " " + std::to_string(n) + (zeros ? " with zeros" : "");
            Tape tape(kernels);
            poison(tape);
            const Handle s = tape.input(states, n, d), t = tape.input(table, items, d);
            const Handle loss = softmax_loss(tape, s, t, targets, weights);
            check_near(tape.item(loss), expected.loss, 5e-7 * std::max(1.0, expected.loss), what + ": value");
            tape.backward(scale(tape, loss, 2));
            Matrix s_slope = expected.states, t_slope = expected.table;
            for (Matrix* slope : {&s_slope, &t_slope})
              for (double& g : *slope) g *= 2;
            check_close(tape.gradient(s), s_slope, 3e-5 / static_cast<double>(n), 1, what + ": states");
            check_close(tape.gradient(t), t_slope, 8e-6, 1, what + ": table");
          });
        }
      }
    });

const test::Add equal_weights_case("softmax_loss has the same bits with equal weights and with none", [] {
  const std::int64_t n = 300, items = 1200, d = 9;
  const auto states = random_floats(n * d, 1), table = random_floats(items * d, 2);
  const auto targets = random_indices(n, items, 3);
  const auto bits = [&](std::optional<std::span<const float>> weights) {
    Tape tape;
    const Handle s = tape.input(states, n, d), t = tape.input(table, items, d);
    const Handle loss = softmax_loss(tape, s, t, targets, weights);
    tape.backward(loss);
    std::vector<float> found{static_cast<float>(tape.item(loss))};
    for (const Handle tensor : {s, t})
      for (const float g : tape.gradient(tensor)) found.push_back(g);
    return found;
  };
  const auto none = bits(std::nullopt);
  for (const float weight : {1.0f, 0.1f, 1e-42f, 3e38f})
    check(bits(std::vector<float>(at(n), weight)) == none, "all " + std::to_string(weight));
});

const test::Add log_softmax_case(
    "log_softmax agrees with its float64 reference: any rows, items and width", [] {
      for (const auto& [n, items, d] :
           {Size{0, 4, 3}, Size{0, 0, 3}, Size{1, 1, 1}, Size{2, 7, 8}, Size{5, 8, 9}, Size{33, 9, 16},
            Size{7, 3, 0}, Size{64, 33, 65}, Size{301, 2500, 5}}) {
        const auto states = random_floats(n * d, 1), table = random_floats(items * d, 2);
        const auto targets = random_indices(n, items, 3);
        Matrix expected = reference(widen(states), widen(table), targets, d).losses;
        for (double& loss : expected) loss = -loss;
        for_each_level([&, n = n, items = items, d = d](const OpKernels& kernels, const std::string& level) {
          const std::string what =
              level + " " + std::to_string(n) + "x" + std::to_string(items) + "x" + std::to_string(d);
          Tape tape(kernels);
          poison(tape);
          const Handle out =
              log_softmax(tape, tape.input(states, n, d), tape.input(table, items, d), targets);
          check(tape.shape(out).rows == n && tape.shape(out).cols == 1, what + ": shape");
          check_close(tape.value(out), expected, 5e-7, 30, what);
        });
      }
    });

const test::Add log_softmax_gradient_case("a backward pass that reaches log_softmax is refused", [] {
  Tape tape;
  const Handle s = tape.input(random_floats(3, 1), 1, 3), t = tape.input(random_floats(12, 2), 4, 3);
  const std::vector<std::int32_t> targets{2};
  const Handle out = log_softmax(tape, s, t, targets), loss = softmax_loss(tape, s, t, targets);
  check_near(tape.item(out), -tape.item(loss), 1e-7, "value");
  expect_argument_error("log_softmax: it is for evaluation", [&] { tape.backward(add(tape, out, loss)); });
  tape.reset();
  const Handle s2 = tape.input(random_floats(3, 1), 1, 3), t2 = tape.input(random_floats(12, 2), 4, 3);
  log_softmax(tape, s2, t2, targets);
  tape.backward(softmax_loss(tape, s2, t2, targets));  // which does not reach it
});

const test::Add memory_case("softmax_loss never holds all scores", [] {
  const std::int64_t n = 4000, items = 3000, d = 2;
  Tape tape;
  const Handle s = tape.input(random_floats(n * d, 1), n, d),
               t = tape.input(random_floats(items * d, 2), items, d);
  const auto targets = random_indices(n, items, 3);
  std::size_t before = tape.bytes_used();
  softmax_loss(tape, s, t, targets);
  check(tape.bytes_used() - before < 3'000'000, "48 MB of scores in less than 3");
  before = tape.bytes_used();
  log_softmax(tape, s, t, targets);
  check(tape.bytes_used() - before < 3'000'000, "nor does log_softmax");
});

const test::Add threads_case("1, 2 and 3 threads give the same bits", [] {
  const std::int64_t n = 700, items = 1500, d = 20;
  const auto states = random_floats(n * d, 1), table = random_floats(items * d, 2),
             scores = random_floats(9000, 4);
  const auto targets = random_indices(n, items, 3);
  auto weights = random_floats(n, 6);
  for (float& w : weights) w = std::max(0.0f, w);  // half of them 0
  check_same_bits_at_any_thread_count([&](const OpKernels& kernels) {
    Tape tape(kernels);
    const Handle s = tape.input(states, n, d), t = tape.input(table, items, d);
    const Handle p = tape.input(scores, 9000, 1), q = tape.input(random_floats(7000, 5), 7000, 1);
    const Handle loss = add(tape, softmax_loss(tape, s, t, targets, weights), bce_loss(tape, p, q));
    const Handle rows = log_softmax(tape, s, t, targets);
    tape.backward(loss);
    std::vector<float> bits{static_cast<float>(tape.item(loss))};
    for (const float value : tape.value(rows)) bits.push_back(value);
    for (const Handle tensor : {s, t, p, q})
      for (const float g : tape.gradient(tensor)) bits.push_back(g);
    return bits;
  });
});

const test::Add errors_case("shapes and targets that do not fit are named in the error", [] {
  Tape tape;
  const std::vector<float> six(6, 1.0f);
  const Handle column = tape.input(six, 6, 1), wide = tape.input(six, 3, 2), tall = tape.input(six, 2, 3),
               none = tape.input({}, 0, 1), nothing = tape.input({}, 0, 2);
  using Targets = std::vector<std::int32_t>;
  expect_argument_error("bce_loss: expected scores", [&] { bce_loss(tape, wide, column); });
  expect_argument_error("bce_loss: expected scores", [&] { bce_loss(tape, column, tall); });
  expect_argument_error("at least one of each, got 0 x 1", [&] { bce_loss(tape, none, column); });
  expect_argument_error("at least one of each", [&] { bce_loss(tape, column, none); });
  expect_argument_error("3 x 2 and 2 x 3", [&] { softmax_loss(tape, wide, tall, Targets{0, 0, 0}); });
  expect_argument_error("at least one row", [&] { softmax_loss(tape, nothing, wide, Targets{}); });
  expect_argument_error("targets: expected 3", [&] { softmax_loss(tape, wide, wide, Targets{0, 0}); });
  expect_argument_error("targets[1]: expected a row of the table in 0..2, got 3", [&] {
    softmax_loss(tape, wide, wide, Targets{0, 3, 0});
  });
  expect_argument_error("targets[2]", [&] { softmax_loss(tape, wide, wide, Targets{0, 0, -1}); });
  expect_argument_error("targets[0]", [&] { softmax_loss(tape, wide, nothing, Targets{0, 0, 0}); });
  const auto weighted = [&](const std::vector<float>& weights) {
    softmax_loss(tape, wide, wide, Targets{0, 1, 2}, weights);
  };
  expect_argument_error("softmax_loss: weights: expected 3, one a row, got 2", [&] { weighted({1, 1}); });
  expect_argument_error("weights: expected 3, one a row, got 0", [&] { weighted({}); });
  expect_argument_error("weights[1]: expected a finite number of 0 or more", [&] { weighted({1, -1, 1}); });
  expect_argument_error("weights[2]", [&] { weighted({1, 1, std::nanf("")}); });
  expect_argument_error("weights[0]", [&] { weighted({std::numeric_limits<float>::infinity(), 1, 1}); });
  expect_argument_error("weights: expected one above 0", [&] { weighted({0, 0, 0}); });
  expect_argument_error("log_softmax: expected states and table of equal width, got 3 x 2 and 2 x 3", [&] {
    log_softmax(tape, wide, tall, Targets{0, 0, 0});
  });
  expect_argument_error("log_softmax: targets: expected 3", [&] {
    log_softmax(tape, wide, wide, Targets{0, 0});
  });
  expect_argument_error("log_softmax: targets[1]: expected a row of the table in 0..2, got 3", [&] {
    log_softmax(tape, wide, wide, Targets{0, 3, 0});
  });
});

}  // namespace

int main() { return l4r::test::run_all(); }
