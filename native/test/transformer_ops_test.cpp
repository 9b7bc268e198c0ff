// The ops of transformers that are no attention: linear layers, layer normalisation, dropout, rows of a
// tensor.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "autograd/parameter.h"
#include "autograd/tape.h"
#include "base/cpu.h"
#include "base/rng.h"
#include "check.h"
#include "op_case.h"
#include "ops/dropout/dropout.h"
#include "ops/elementwise/elementwise.h"
#include "ops/embed/embed.h"
#include "ops/layer_norm/layer_norm.h"
#include "ops/linear/linear.h"
#include "ops/take/take.h"

namespace {

using namespace l4r;
using namespace l4r::test;
using test::Add;  // not the kernel of that name

double activate(Activation activation, double x) {
  if (activation == Activation::relu) return std::max(0.0, x);
  if (activation == Activation::none) return x;
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
}

OpCase linear_row(const std::string& name, Activation activation) {
  return {"linear " + name, 4e-7,
          [](std::int64_t rows, std::int64_t cols) {
            const std::int64_t out = rows + 14;  // crosses every panel width
            return std::vector<Shape>{{rows, cols}, {cols, out}, {1, out}};
          },
          [=](Tape& t, const std::vector<Handle>& x) {
            return linear(t, x[0], x[1], x[2], {.activation = activation});
          },
          [=](const std::vector<Shape>& s, const Matrices& x) {
            Matrix out(at(s[0].rows * s[1].cols));
            for (std::int64_t i = 0; i < s[0].rows; ++i)
              for (std::int64_t j = 0; j < s[1].cols; ++j) {
                double total = x[2][at(j)];
                for (std::int64_t p = 0; p < s[0].cols; ++p)
                  total += x[0][at(i * s[0].cols + p)] * x[1][at(p * s[1].cols + j)];
                out[at(i * s[1].cols + j)] = activate(activation, total);
              }
            return out;
          }};
}

constexpr float kEpsilon = 1e-3f;

Matrix reference_layer_norm(const std::vector<Shape>& s, const Matrices& x) {
  Matrix out(x[0].size());
  const auto cols = static_cast<std::size_t>(s[0].cols);
  for (std::size_t row = 0; row < out.size(); row += cols) {
    double mean = 0, variance = 0;
    for (std::size_t c = 0; c < cols; ++c) mean += x[0][row + c] / static_cast<double>(cols);
    for (std::size_t c = 0; c < cols; ++c)
      variance += (x[0][row + c] - mean) * (x[0][row + c] - mean) / static_cast<double>(cols);
    for (std::size_t c = 0; c < cols; ++c)
      out[row + c] = x[1][c] * (x[0][row + c] - mean) / std::sqrt(variance + kEpsilon) + x[2][c];
  }
  return out;
}

// Some rows several times, some never, in no order.
std::vector<std::int32_t> some_rows(std::int64_t rows, std::uint64_t stream) {
  return rows == 0 ? std::vector<std::int32_t>{} : random_indices(rows + rows / 2, rows, stream);
}

Matrix reference_take(const Shape& shape, const Matrix& x, const std::vector<std::int32_t>& rows) {
  Matrix out;
  for (const std::int32_t row : rows)
    for (std::int64_t c = 0; c < shape.cols; ++c) out.push_back(x[at(row * shape.cols + c)]);
  return out;
}

std::vector<Shape> once(std::int64_t rows, std::int64_t cols) { return {{rows, cols}}; }

const std::vector<OpCase>& table() {
  static const std::vector<OpCase> ops{
      linear_row("none", Activation::none),
      linear_row("relu", Activation::relu),
      linear_row("gelu", Activation::gelu),
      {"layer_norm", 2e-6,
       [](std::int64_t rows, std::int64_t cols) {
         return std::vector<Shape>{{rows, cols}, {1, cols}, {1, cols}};
       },
       [](Tape& t, const std::vector<Handle>& x) { return layer_norm(t, x[0], x[1], x[2], kEpsilon); },
       reference_layer_norm},
      {"layer_norm beside another use of its input", 2e-6,
       [](std::int64_t rows, std::int64_t cols) {
         return std::vector<Shape>{{rows, cols}, {1, cols}, {1, cols}};
       },
       [](Tape& t, const std::vector<Handle>& x) {
         return add(t, layer_norm(t, x[0], x[1], x[2], kEpsilon), x[0]);
       },
       [](const std::vector<Shape>& s, const Matrices& x) {
         Matrix out = reference_layer_norm(s, x);
         for (std::size_t i = 0; i < out.size(); ++i) out[i] += x[0][i];
         return out;
       }},
      {"take", 0, once,
       [](Tape& t, const std::vector<Handle>& x) { return take(t, x[0], some_rows(t.shape(x[0]).rows, 60)); },
       [](const std::vector<Shape>& s, const Matrices& x) {
         return reference_take(s[0], x[0], some_rows(s[0].rows, 60));
       }},
      {"take twice from one tensor", 1e-6, once,
       [](Tape& t, const std::vector<Handle>& x) {
         return add(t, take(t, x[0], some_rows(t.shape(x[0]).rows, 60)),
                    take(t, x[0], some_rows(t.shape(x[0]).rows, 61)));
       },
       [](const std::vector<Shape>& s, const Matrices& x) {
         Matrix out = reference_take(s[0], x[0], some_rows(s[0].rows, 60));
         const Matrix other = reference_take(s[0], x[0], some_rows(s[0].rows, 61));
         for (std::size_t i = 0; i < out.size(); ++i) out[i] += other[i];
         return out;
       }},
      {"add_dropout outside a training step", 1e-7,
       [](std::int64_t rows, std::int64_t cols) {
         return std::vector<Shape>{{rows, cols}, {rows, cols}};
       },
       [](Tape& t, const std::vector<Handle>& x) { return add_dropout(t, x[0], x[1], 0.5f); },
       [](const std::vector<Shape>&, const Matrices& x) {
         Matrix out = x[0];
         for (std::size_t i = 0; i < out.size(); ++i) out[i] += x[1][i];
         return out;
       }},
  };
  return ops;
}

const Add ops_case("every op agrees with its float64 reference, forward and backward, at every level",
                   [] { run_cases(table()); });

const Add extremes_case("activations far out and of NaN", [] {
  for_each_level([](const OpKernels& kernels, const std::string& level) {
    Tape tape(kernels);
    const auto slope = [&](Activation activation, float x, float& value) {
      tape.reset();
      const Handle in = tape.input(std::vector<float>{x}, 1, 1);
      const Handle one = tape.input(std::vector<float>{1}, 1, 1),
                   none = tape.input(std::vector<float>{0}, 1, 1);
      const Handle out = linear(tape, in, one, none, {.activation = activation});
      value = static_cast<float>(tape.item(out));
      tape.backward(out);
      return tape.gradient(in)[0];
    };
    float value = 0;
    for (const Activation activation : {Activation::relu, Activation::gelu}) {
      check(slope(activation, 1e30f, value) == 1 && value == 1e30f, level + ": far above");
      check(std::fabs(slope(activation, -1e30f, value)) < 1e-5f && std::fabs(value) < 1e-5f,
            level + ": far below");
      slope(activation, std::nanf(""), value);
      check(std::isnan(value), level + ": NaN stays NaN");
    }
  });
});

// ---- dropout ----

struct Kept {
  std::vector<bool> element;
  float scale;
};

// What the rule of ops/dropout/README.md keeps, by the scalar generator.
Kept rule(std::uint64_t seed, std::uint64_t step, int call, float rate, std::size_t size) {
  Tape tape;
  tape.randomize(seed, step);
  RandomKey key{};
  for (int i = 0; i <= call; ++i) key = *tape.next_random();
  const Philox random(key.seed, key.stream);
  const auto limit =
      std::max(1u, static_cast<std::uint32_t>(std::lround((1 - static_cast<double>(rate)) * 65536)));
  Kept kept{{}, static_cast<float>(65536.0 / limit)};
  for (std::size_t e = 0; e < size; ++e) {
    const std::uint32_t word = random.block(e / 8)[e % 8 / 2];
    kept.element.push_back((e % 2 == 0 ? word & 0xFFFF : word >> 16) < limit);
  }
  return kept;
}

const Add dropout_case("dropout keeps exactly what its rule says, forward and backward, at every level", [] {
  for_each_level([](const OpKernels& kernels, const std::string& level) {
    for (const std::int64_t size : {0, 1, 7, 8, 9, 31, 64, 65, 127, 128, 129, 1000, 70001})
      for (const float rate : {0.1f, 0.5f, 0.9f, 1e-9f, 0.999999f}) {
        const std::string what = level + " " + std::to_string(size) + " at " + std::to_string(rate);
        const auto values = random_floats(size, 70), others = random_floats(size, 71),
                   weights = random_floats(size, 72);
        Tape tape(kernels);
        poison(tape);
        tape.randomize(7, 1000);
        const Handle x = tape.input(values, size, 1), y = tape.input(others, size, 1);
        const Handle dropped = dropout(tape, x, rate);     // call 0
        const Handle out = add_dropout(tape, y, x, rate);  // call 1: x gets gradients of both
        const Kept first = rule(7, 1000, 0, rate, values.size()),
                   second = rule(7, 1000, 1, rate, values.size());
        const double large = std::max(1.0, static_cast<double>(first.scale) / 10);
        Matrix expected, sum, gradient;
        for (std::size_t e = 0; e < values.size(); ++e) {
          expected.push_back(first.element[e] ? static_cast<double>(first.scale) * values[e] : 0);
          sum.push_back(others[e] + (second.element[e] ? static_cast<double>(first.scale) * values[e] : 0));
          gradient.push_back((first.element[e] + second.element[e]) * static_cast<double>(first.scale) *
                             weights[e]);
        }
        check_close(tape.value(dropped), expected, 1e-7, 20 * large, what + ": value");
        check_close(tape.value(out), sum, 1e-7, 22 * large, what + ": sum");
        tape.backward(add(tape, weigh(tape, dropped, weights), weigh(tape, out, weights)));
        check_close(tape.gradient(x), gradient, 1e-7, 40 * large, what + ": gradient");
        check_close(tape.gradient(y), widen(weights), 0, 1, what + ": gradient of the residual");
      }
  });
});

// Result and gradients of a step over inputs of such shapes.
template <typename Run>
std::vector<float> numbers_of(const OpKernels& kernels, const std::vector<Shape>& shapes, Run&& run) {
  Tape tape(kernels);
  poison(tape);
  tape.randomize(7, 1000);
  std::vector<Handle> inputs;
  for (std::size_t i = 0; i < shapes.size(); ++i)
    inputs.push_back(tape.input(random_floats(shapes[i].size(), 80 + i), shapes[i].rows, shapes[i].cols));
  const Handle out = run(tape, inputs);
  std::vector<float> numbers(tape.value(out).begin(), tape.value(out).end());
  tape.backward(weigh(tape, out, random_floats(tape.shape(out).size(), 90)));
  for (const Handle input : inputs)
    for (const float g : tape.gradient(input)) numbers.push_back(g);
  return numbers;
}

const Add fused_case("linear with dropout and a residual gives the numbers of its parts", [] {
  using Inputs = std::vector<Handle>;
  struct Size {
    std::int64_t rows, in, out;
  };
  // Blocks with all columns and with some, ragged ones, and a product in slices of its depth.
  const Size sizes[] = {{0, 3, 2},    {1, 1, 1},     {5, 7, 3},    {33, 17, 9},
                        {300, 5, 50}, {40, 3, 2100}, {7, 4000, 50}};
  for_each_level([&](const OpKernels& kernels, const std::string& level) {
    for (const auto& [rows, in, out] : sizes)
      for (const Activation activation : {Activation::none, Activation::relu, Activation::gelu})
        for (const float rate : {0.0f, 0.3f}) {
          const std::vector<Shape> shapes{{rows, in}, {in, out}, {1, out}, {rows, out}};
          const auto compare = [&](const std::string& name, auto&& fused, auto&& parts) {
            check(numbers_of(kernels, shapes, fused) == numbers_of(kernels, shapes, parts),
                  level + " " + std::to_string(rows) + "x" + std::to_string(in) + "x" + std::to_string(out) +
                      " activation " + std::to_string(static_cast<int>(activation)) + " rate " +
                      std::to_string(rate) + ": " + name);
          };
          const auto plain = [=](Tape& t, const Inputs& x) {
            return linear(t, x[0], x[1], x[2], {.activation = activation});
          };
          compare(
              "dropout",
              [=](Tape& t, const Inputs& x) {
                return linear(t, x[0], x[1], x[2], {.activation = activation, .dropout = rate});
              },
              [=](Tape& t, const Inputs& x) { return dropout(t, plain(t, x), rate); });
          compare(
              "both",
              [=](Tape& t, const Inputs& x) {
                return linear(t, x[0], x[1], x[2],
                              {.activation = activation, .dropout = rate, .residual = x[3]});
              },
              [=](Tape& t, const Inputs& x) { return add_dropout(t, x[3], plain(t, x), rate); });
        }
  });
});

const Add dropout_statistics_case(
    "dropout keeps its share, preserves the mean, and calls and steps differ", [] {
      constexpr std::size_t kSize = 100000;
      constexpr float kRate = 0.2f;
      const std::vector<float> ones(kSize, 1.0f);
      const auto share_of = [&](const auto& x, const auto& y) {  // of the elements that both keep
        std::size_t both = 0;
        for (std::size_t e = 0; e < kSize; ++e) both += x[e] != 0 && y[e] != 0 ? 1 : 0;
        return static_cast<double>(both) / kSize;
      };
      const auto step = [&](std::uint64_t seed, std::uint64_t number) {
        Tape tape;
        tape.randomize(seed, number);
        const Handle x = tape.input(ones, kSize, 1);
        const auto a = tape.value(dropout(tape, x, kRate)), b = tape.value(dropout(tape, x, kRate));
        check_near(share_of(a, a), 0.8, 0.006, "share kept");  // five deviations
        check_near(share_of(a, b), 0.64, 0.008, "two calls are independent");
        double mean = 0;
        for (const float value : a) mean += value / kSize;
        check_near(mean, 1, 0.008, "mean");
        std::size_t shifted = 0;
        for (std::size_t e = 1; e < kSize; ++e) shifted += a[e] != 0 && a[e - 1] != 0 ? 1 : 0;
        check_near(static_cast<double>(shifted) / kSize, 0.64, 0.008, "neighbours are independent");
        return std::vector<float>(a.begin(), a.end());
      };
      const auto first = step(1, 0);
      check(first == step(1, 0), "the same step again has the same mask");
      check_near(share_of(first, step(1, 1)), 0.64, 0.008, "steps are independent");
      check_near(share_of(first, step(2, 0)), 0.64, 0.008, "seeds are independent");
    });

const Add dropout_off_case("without a training step, or at rate 0, dropout is its input", [] {
  Tape tape;
  const Handle x = tape.input(std::vector<float>{1, 2}, 1, 2);
  check(dropout(tape, x, 0.5f) == x, "no training step");
  tape.randomize(1, 1);
  check(dropout(tape, x, 0) == x, "rate 0");
  check(dropout(tape, x, 0.5f) != x, "active");
});

const Add dropout_mean_case("dropout preserves the mean where nearly all go", [] {
  constexpr std::int64_t kSize = 1 << 24;
  const std::vector<float> ones(kSize, 1.0f);
  for (const float rate : {0.9999f, 0.99999f}) {  // keep 7 and 1 of 65536
    Tape tape;
    tape.randomize(1, 1);
    double mean = 0;
    for (const float value : tape.value(dropout(tape, tape.input(ones, kSize, 1), rate)))
      mean += value / kSize;
    check_near(mean, 1, 0.3, "mean at " + std::to_string(rate));
  }
});

// ---- embed ----

struct Embedding {
  std::shared_ptr<Parameter> table, positions;
  explicit Embedding(std::int64_t cols)
      : table(std::make_shared<Parameter>("table", 11, cols)),
        positions(std::make_shared<Parameter>("positions", 5, cols)) {
    std::ranges::copy(random_floats(11 * cols, 60), table->value.data());
    std::ranges::copy(random_floats(5 * cols, 61), positions->value.data());
  }
};

const Add embed_case("embed adds places to scaled rows; both parameters get their share of the gradient", [] {
  for_each_level([](const OpKernels& kernels, const std::string& level) {
    for (const std::int64_t rows : kRows)
      for (const std::int64_t cols : kCols) {
        const std::string what = level + " " + std::to_string(rows) + "x" + std::to_string(cols);
        const Embedding given(cols);
        const auto items = random_indices(rows, 11, 62), places = random_indices(rows, 5, 63);
        const float scale = -1.7f;
        Tape tape(kernels);
        poison(tape);
        const Handle out = embed(tape, given.table, items, scale, given.positions, places);
        const std::vector<float> weights = random_floats(rows * cols, 64);
        Matrix expected, table(at(11 * cols)), positions(at(5 * cols));
        for (std::int64_t i = 0; i < rows; ++i)
          for (std::int64_t c = 0; c < cols; ++c) {
            const std::int64_t item = items[at(i)] * cols + c, place = places[at(i)] * cols + c;
            expected.push_back(static_cast<double>(scale) * given.table->value[item] +
                               given.positions->value[place]);
            table[at(item)] += static_cast<double>(scale) * weights[at(i * cols + c)];
            positions[at(place)] += weights[at(i * cols + c)];
          }
        check_close(tape.value(out), expected, 1e-7, 6, what + ": value");

        tape.backward(weigh(tape, out, weights));
        for (const auto& [parameter, gradient] :
             {std::pair(given.table, table), std::pair(given.positions, positions)}) {
          Matrix sums(gradient.size());
          for (const RowGradients& part : tape.row_gradients())
            for (std::int64_t j = 0; part.parameter == parameter.get() && j < part.count; ++j)
              for (std::int64_t c = 0; c < cols; ++c)
                sums[at(part.rows[j] * cols + c)] +=
                    (part.scales == nullptr ? 1.0 : static_cast<double>(part.scales[j])) *
                    part.gradient[j * cols + c];
          for (std::size_t e = 0; e < sums.size(); ++e)
            check_near(sums[e], gradient[e], 1e-5, what + ": gradient of " + parameter->name);
        }
      }
  });
});

const Add embed_dropout_case("embed with dropout gives the numbers of its parts", [] {
  for_each_level([](const OpKernels& kernels, const std::string& level) {
    for (const std::int64_t cols : {1, 3, 8, 50, 65}) {
      constexpr std::int64_t kTokens = 777;
      const Embedding given(cols);
      const auto items = random_indices(kTokens, 11, 62), places = random_indices(kTokens, 5, 63);
      const auto run = [&](bool fused) {
        Tape tape(kernels);
        poison(tape);
        tape.randomize(7, 1000);
        const Handle embedded =
            embed(tape, given.table, items, 2, given.positions, places, fused ? 0.3f : 0.0f);
        const Handle out = fused ? embedded : dropout(tape, embedded, 0.3f);
        std::vector<float> numbers(tape.value(out).begin(), tape.value(out).end());
        tape.backward(weigh(tape, out, random_floats(kTokens * cols, 64)));
        for (const RowGradients& part : tape.row_gradients())
          numbers.insert(numbers.end(), part.gradient, part.gradient + kTokens * cols);
        return numbers;
      };
      check(run(true) == run(false), level + " " + std::to_string(cols));
    }
  });
});

const Add embed_errors_case("embed names what does not fit and keeps its parameters alive", [] {
  using Indices = std::vector<std::int32_t>;
  Tape tape;
  const Embedding given(3), narrow(2);
  const auto run = [&](const Indices& rows, const Indices& places, float scale = 1) {
    return embed(tape, given.table, rows, scale, given.positions, places);
  };
  expect_argument_error("rows[1]: expected a row of \"table\" in 0..10, got 11", [&] {
    run({0, 11}, {0, 0});
  });
  expect_argument_error("places[0]: expected a row of \"positions\" in 0..4, got -1",
                        [&] { run({0}, {-1}); });
  expect_argument_error("as many places as rows, got 2 and 1", [&] { run({0}, {0, 1}); });
  expect_argument_error("scale", [&] { run({0}, {0}, std::nanf("")); });
  expect_argument_error("3 and 2 columns", [&] { embed(tape, given.table, {}, 1, narrow.positions, {}); });
  std::weak_ptr<Parameter> watch;
  {
    const Embedding gone(3);
    watch = gone.positions;
    embed(tape, gone.table, Indices{1}, 1, gone.positions, Indices{1});
  }
  check(!watch.expired(), "alive");
  tape.reset();
  check(watch.expired(), "released");
});

// ---- properties of all of them ----

// One step with every op, large enough to be cut into many chunks and its products into slices.
std::vector<float> big_step(const OpKernels& kernels) {
  constexpr std::int64_t kTokens = 3000, kWidth = 67, kInner = 96;
  Tape tape(kernels);
  tape.randomize(3, 4);
  std::uint64_t stream = 80;
  const auto tensor = [&](std::int64_t rows, std::int64_t cols) {
    return tape.input(random_floats(rows * cols, ++stream), rows, cols);
  };
  const Handle x = tensor(kTokens, kWidth), gain = tensor(1, kWidth), offset = tensor(1, kWidth);
  const Handle up = tensor(kWidth, kInner), up_bias = tensor(1, kInner);
  const Handle down = tensor(kInner, kWidth), down_bias = tensor(1, kWidth);
  const Handle normal = layer_norm(tape, x, gain, offset, 1e-5f);
  const Handle inner =
      dropout(tape, linear(tape, normal, up, up_bias, {.activation = Activation::gelu}), 0.3f);
  const Handle block =
      add_dropout(tape, x, linear(tape, inner, down, down_bias, {.activation = Activation::relu}), 0.1f);
  const Handle other = linear(tape, normal, up, up_bias, {.activation = Activation::relu, .dropout = 0.2f});
  const Handle again = linear(tape, other, down, down_bias, {.dropout = 0.3f, .residual = normal});
  const Handle taken = take(tape, add(tape, block, again), random_indices(2000, kTokens, 90));
  tape.backward(weigh(tape, taken, random_floats(2000 * kWidth, 91)));
  std::vector<float> bits(tape.value(taken).begin(), tape.value(taken).end());
  for (const Handle of : {x, gain, offset, up, up_bias, down, down_bias})
    for (const float g : tape.gradient(of)) bits.push_back(g);
  return bits;
}

const Add threads_case("1, 2 and 3 threads give the same bits",
                       [] { check_same_bits_at_any_thread_count(big_step); });

const Add guard_case("kernels take pointers of any alignment and write nothing beyond their output", [] {
  for_each_level([](const OpKernels& k, const std::string& level) {
    for (std::int64_t n = 1; n < 40; ++n) {
      const std::vector<float> a = random_floats(n + 3, 1), b = random_floats(n + 3, 2);
      const auto guarded = [&](const std::string& name, auto&& body) {
        std::vector<float> out(a);
        out.resize(at(n) + 3);
        out[0] = out[at(n) + 1] = out[at(n) + 2] = 77;
        body(out.data() + 1);
        check(out[0] == 77 && out[at(n) + 1] == 77 && out[at(n) + 2] == 77, level + " " + name);
      };
      std::vector<float> slope(at(n)), sums(at(2 * n));
      float statistics[2] = {0, 1};
      const std::vector<std::uint8_t> bits(8, 0xA5);
      for (const Activation activation : {Activation::none, Activation::relu, Activation::gelu})
        guarded("finish_linear",
                [&](float* out) { k.finish_linear(1, n, n, b.data() + 1, activation, out, slope.data()); });
      guarded("linear_slope", [&](float* out) {
        k.linear_slope(1, n, Activation::relu, a.data() + 1, b.data() + 1, out, sums.data());
      });
      guarded("column sums", [&](float* out) {
        k.linear_slope(1, n, Activation::none, a.data() + 1, nullptr, nullptr, out);
      });
      guarded("layer_norm", [&](float* out) {
        k.layer_norm(1, n, a.data() + 1, b.data() + 1, b.data() + 3, 1e-5f, out, statistics);
      });
      guarded("layer_norm_backward", [&](float* out) {
        k.layer_norm_backward(1, n, a.data() + 1, b.data() + 1, statistics, b.data() + 3, out, true,
                              sums.data());
      });
      const std::int32_t first = 0;
      guarded("embed_rows",
              [&](float* out) { k.embed_rows(1, n, a.data() + 1, &first, 2, b.data() + 3, &first, out); });
      guarded("scale_kept",
              [&](float* out) { k.scale_kept(n, 2, bits.data(), n % 11, a.data() + 1, nullptr, out); });
      guarded("scale_kept to",
              [&](float* out) { k.scale_kept(n, 2, bits.data(), n % 11, a.data() + 1, out, out); });
    }
  });
});

const Add errors_case("wrong shapes, rows and rates are named in the error", [] {
  Tape tape;
  const std::vector<float> six(6, 1.0f), three(3, 1.0f);
  const Handle x = tape.input(six, 2, 3), w = tape.input(six, 3, 2), b = tape.input(three, 1, 3),
               c = tape.input(std::vector<float>{1, 1}, 1, 2);
  expect_argument_error("2 x 3, 2 x 3 and 1 x 3",
                        [&] { linear(tape, x, x, b, {.activation = Activation::none}); });
  expect_argument_error("2 x 3, 3 x 2 and 1 x 3",
                        [&] { linear(tape, x, w, b, {.activation = Activation::none}); });
  expect_argument_error("linear: dropout: expected", [&] { linear(tape, x, w, c, {.dropout = 1}); });
  expect_argument_error("linear: residual: expected 2 x 2, got 2 x 3",
                        [&] { linear(tape, x, w, c, {.residual = x}); });
  expect_argument_error("layer_norm: expected", [&] { layer_norm(tape, w, b, b, 1e-5f); });
  expect_argument_error("epsilon", [&] { layer_norm(tape, x, b, b, 0); });
  expect_argument_error("epsilon", [&] { layer_norm(tape, x, b, b, std::nanf("")); });
  expect_argument_error("rate", [&] { dropout(tape, x, 1); });
  expect_argument_error("rate", [&] { dropout(tape, x, -0.1f); });
  expect_argument_error("rate", [&] { add_dropout(tape, x, x, std::nanf("")); });
  expect_argument_error("2 x 3 and 3 x 2", [&] { add_dropout(tape, x, w, 0.5f); });
  expect_argument_error("rows[1]: expected a row in 0..1, got 2", [&] {
    take(tape, x, std::vector<std::int32_t>{0, 2});
  });
  expect_argument_error("rows[0]", [&] { take(tape, x, std::vector<std::int32_t>{-1}); });
});

}  // namespace

int main() { return l4r::test::run_all(); }
