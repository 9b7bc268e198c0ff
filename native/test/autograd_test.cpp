// Parameters, the tape's handles and memory, and Adam against a float64 reference.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "autograd/optimizer.h"
#include "autograd/parameter.h"
#include "autograd/tape.h"
#include "base/cpu.h"
#include "base/rng.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "check.h"
#include "ops/bag/bag.h"
#include "ops/bpr/bpr.h"
#include "ops/elementwise/elementwise.h"
#include "ops/gather/gather.h"
#include "ops/l2/l2.h"
#include "ops/matmul/matmul.h"
#include "ops/row_dot/row_dot.h"

namespace {

using namespace l4r;
using test::Add;
using test::check;
using test::check_near;

using Indices = std::vector<std::int32_t>;
using Doubles = std::vector<double>;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

std::shared_ptr<Parameter> random_parameter(const std::string& name, std::int64_t rows, std::int64_t cols) {
  auto parameter = std::make_shared<Parameter>(name, rows, cols);
  fill_normal(*parameter, 0, 0.5f, 3, static_cast<std::uint64_t>(rows * 1000 + cols));
  return parameter;
}

template <typename Body>
void expect_error(Code code, const std::string& part, Body&& body) {
  try {
    body();
    check(false, "expected an error about \"" + part + "\"");
  } catch (const Error& error) {
    check(error.code() == code && std::string(error.what()).find(part) != std::string::npos,
          "expected " + std::string(code_name(code)) + " \"" + part + "\", got " + code_name(error.code()) +
              " \"" + error.what() + "\"");
  }
}

// ---- parameters ----

const Add fill_case("filled parameters have the right moments and do not depend on their size", [] {
  Parameter normal("n", 1000, 100), uniform("u", 1000, 100), small("s", 1, 10);
  fill_normal(normal, 1, 2, 7, 1);
  fill_uniform(uniform, -1, 3, 7, 2);
  double mean = 0, square = 0, cube = 0, fourth = 0, inside = 0;
  for (const float value : normal.value.span()) {
    const double z = (value - 1) / 2;
    mean += z / 1e5;
    square += z * z / 1e5;
    cube += z * z * z / 1e5;
    fourth += z * z * z * z / 1e5;
    inside += std::fabs(z) < 1 ? 1e-5 : 0;
  }
  check_near(mean, 0, 0.015, "normal mean");
  check_near(square, 1, 0.02, "normal variance");
  check_near(cube, 0, 0.05, "normal skewness");
  check_near(fourth, 3, 0.1, "normal kurtosis");
  check_near(inside, 0.6827, 0.007, "normal within one deviation");
  mean = 0;
  for (const float value : uniform.value.span()) {
    check(value >= -1 && value <= 3, "uniform range");
    mean += value / 1e5;
  }
  check_near(mean, 1, 0.02, "uniform mean");
  fill_normal(small, 1, 2, 7, 1);
  check(std::memcmp(small.value.data(), normal.value.data(), 10 * sizeof(float)) == 0,
        "a prefix of the larger");
});

const Add box_muller_case("normals follow the Box-Muller transform of the C library to float32", [] {
  Parameter parameter("p", 1, 20000);
  fill_normal(parameter, 0, 1, 42, 9);
  const Philox random(42, 9);
  for (std::int64_t e = 0; e < 20000; e += 2) {
    const auto words = random.block(static_cast<std::uint64_t>(e) / 4);
    const std::size_t first = at(e % 4);
    const double radius = std::sqrt(-2 * std::log((words[first] + 0.5) * 0x1p-32));
    const double angle = 2 * 3.14159265358979323846 * ((words[first + 1] + 0.5) * 0x1p-32);
    check_near(parameter.value[e], radius * std::cos(angle), 5e-7, "cosine");
    check_near(parameter.value[e + 1], radius * std::sin(angle), 5e-7, "sine");
  }
});

const Add parameter_errors_case("impossible parameters are refused", [] {
  expect_error(Code::argument, "\"w\"", [] { Parameter("w", -1, 3); });
  expect_error(Code::argument, "\"w\"", [] { Parameter("w", std::int64_t{1} << 31, 1); });
  Parameter parameter("w", 2, 2);
  expect_error(Code::argument, "low <= high", [&] { fill_uniform(parameter, 1, 0, 1, 1); });
  expect_error(Code::argument, "std", [&] { fill_normal(parameter, 0, -1, 1, 1); });
});

// ---- tape ----

const Add handle_case("a handle is refused after its step, on another tape, and when it is none", [] {
  Tape tape, other;
  const std::vector<float> one{1};
  const Handle x = tape.input(one, 1, 1);
  check(x < (Handle{1} << 53), "exact in a double");
  check(tape.item(x) == 1, "valid now");
  expect_error(Code::disposed, "another tape", [&] { other.item(x); });
  tape.reset();
  expect_error(Code::disposed, "after its step", [&] { tape.item(x); });
  expect_error(Code::disposed, "after its step", [&] { add(tape, x, x); });
  expect_error(Code::disposed, "after its step", [&] { tape.backward(x); });
  const Handle y = tape.input(one, 1, 1);
  check(y != x, "a new generation");
  for (const Handle garbage : {Handle{0}, y + 1, Handle{123}, ~Handle{0}})
    expect_error(Code::argument, "no tensor handle", [&] { tape.shape(garbage); });
});

const Add scope_case("backward takes a 1 x 1 loss, once", [] {
  Tape tape;
  const Handle x = tape.input(std::vector<float>{1, 2, 3}, 3, 1);
  expect_error(Code::argument, "1 x 1", [&] { tape.backward(x); });
  expect_error(Code::argument, "1 x 1", [&] { tape.item(x); });
  expect_error(Code::argument, "before backward", [&] { tape.gradient(x); });
  const Handle loss = l2(tape, x), unused = scale(tape, x, 2);
  const Handle idle = tape.input(std::vector<float>{1}, 1, 1);
  tape.backward(loss);
  expect_error(Code::argument, "already", [&] { tape.backward(loss); });
  expect_error(Code::argument, "after backward", [&] { add(tape, x, x); });
  check(tape.gradient(x)[2] == 1, "x / rows");
  for (const Handle between : {loss, unused})
    expect_error(Code::argument, "only inputs and parameters", [&] { tape.gradient(between); });
  check(tape.gradient(idle)[0] == 0, "zeros where no gradient arrives");
  Tape fresh;
  expect_error(Code::argument, "before backward", [&] {
    Adam one({random_parameter("p", 2, 2)}, {});
    one.step(fresh);
  });
});

const Add reuse_case("gradients on the way share memory, those of inputs and of rows keep theirs", [] {
  constexpr std::int64_t kSize = 1000;
  const std::vector<float> ones(kSize, 1.0f);
  Tape tape;
  const auto parameter = random_parameter("w", kSize, 1);
  Indices rows;
  for (std::int32_t i = 0; i < kSize; ++i) rows.push_back(i);
  const Handle x = tape.input(ones, kSize, 1), row = gather(tape, parameter, rows);
  Handle y = add(tape, x, row);
  for (int i = 0; i < 20; ++i) y = add(tape, scale(tape, y, 0.5f), scale(tape, y, 1.5f));  // twice as much
  const Handle loss = matmul(tape, y, tape.input(ones, kSize, 1), true, false);
  const std::size_t before = tape.bytes_used();
  tape.backward(loss);
  check(tape.bytes_used() - before < 6 * kSize * sizeof(float), "at most five gradients at a time");
  for (std::int64_t i = 0; i < kSize; ++i) {
    check(tape.gradient(x)[at(i)] == 1048576, "2^20 at x");
    check(tape.row_gradients()[0].gradient[i] == 1048576, "2^20 at the row");
  }
});

const Add use_case("a parameter used twice is one tensor whose gradients add up", [] {
  const auto parameter = random_parameter("w", 3, 3);
  Tape tape;
  const Handle w = tape.use(parameter);
  check(w == tape.use(parameter), "same handle");
  check(tape.value(w).data() == parameter->value.data(), "by reference");
  tape.backward(add(tape, l2(tape, w), scale(tape, l2(tape, w), 2)));
  for (std::int64_t i = 0; i < 9; ++i)
    check_near(tape.gradient(w)[at(i)], parameter->value[i], 1e-6, "3 x / 3 rows");
});

// ---- Adam against float64 ----

struct Reference {
  std::int64_t cols;
  Doubles value, first, second, steps;
  explicit Reference(const Parameter& p)
      : cols(p.cols),
        value(p.value.span().begin(), p.value.span().end()),
        first(value.size()),
        second(value.size()),
        steps(at(p.rows)) {}
  void update_row(std::int64_t row, const Doubles& gradient, const AdamOptions& o) {
    const double t = ++steps[at(row)];
    for (std::int64_t c = 0; c < cols; ++c) {
      const std::size_t i = at(row * cols + c);
      const double g = gradient[i] + (o.decoupled ? 0 : static_cast<double>(o.weight_decay) * value[i]);
      first[i] = o.beta1 * first[i] + (1.0 - o.beta1) * g;
      second[i] = o.beta2 * second[i] + (1.0 - o.beta2) * g * g;
      const double m = first[i] / (1 - std::pow(o.beta1, t)), v = second[i] / (1 - std::pow(o.beta2, t));
      if (o.decoupled) value[i] -= static_cast<double>(o.learning_rate) * o.weight_decay * value[i];
      value[i] -= o.learning_rate * m / (std::sqrt(v) + o.epsilon);
    }
  }
};

struct AdamCase {
  std::string name;
  bool dense, sparse, bags;
  AdamOptions options;
  std::int64_t rows, cols;
};

// loss = sum of l2 terms with known gradients: l2(gather) gives row r the gradient value[r] / n per
// occurrence.
void run_adam(const OpKernels& kernels, const AdamCase& c) {
  const std::int64_t rows = c.rows;
  const auto parameter = random_parameter("w", rows, c.cols);
  Reference reference(*parameter);
  Adam adam({parameter}, c.options);
  Tape tape(kernels);
  const Philox random(9, 9);
  for (std::uint64_t step = 0; step < 40; ++step) {
    Indices indices;
    for (std::uint64_t i = 0; i < 17; ++i)
      indices.push_back(static_cast<std::int32_t>(random.below(step * 100 + i, step % 3 == 0 ? 3 : 23)));
    const Indices offsets{0, 4, 4, 17};
    Doubles gradient(at(rows * c.cols), 0.0);
    std::vector<bool> touched(at(rows), c.dense);
    const auto value = [&](std::int64_t row, std::int64_t col) {
      return reference.value[at(row * c.cols + col)];
    };
    for (std::int64_t col = 0; col < c.cols; ++col) {
      if (c.sparse)
        for (const std::int32_t row : indices) gradient[at(row * c.cols + col)] += value(row, col) / 17;
      if (c.bags)
        for (std::size_t b = 0; b < 3; ++b) {
          const double entries = offsets[b + 1] - offsets[b];
          double pooled = 0;
          for (std::int32_t j = offsets[b]; j < offsets[b + 1]; ++j)
            pooled += value(indices[at(j)], col) / entries;
          for (std::int32_t j = offsets[b]; j < offsets[b + 1]; ++j)
            gradient[at(indices[at(j)] * c.cols + col)] += pooled / 3 / entries;
        }
      if (c.dense)
        for (std::int64_t row = 0; row < rows; ++row)
          gradient[at(row * c.cols + col)] += value(row, col) / static_cast<double>(rows);
    }
    if (c.sparse || c.bags)
      for (const std::int32_t row : indices) touched[at(row)] = true;

    Handle loss = scale(tape, tape.input(std::vector<float>{0}, 1, 1), 1);
    if (c.sparse) loss = add(tape, loss, l2(tape, gather(tape, parameter, indices)));
    if (c.bags) loss = add(tape, loss, l2(tape, bag(tape, parameter, indices, offsets, {}, BagMode::mean)));
    if (c.dense) loss = add(tape, loss, l2(tape, tape.use(parameter)));
    tape.backward(loss);
    const double norm = adam.step(tape);
    tape.reset();

    double expected_norm = 0;
    for (const double g : gradient) expected_norm += g * g;
    expected_norm = std::sqrt(expected_norm);
    if (c.options.max_norm > 0 && expected_norm > c.options.max_norm)
      for (double& g : gradient) g *= c.options.max_norm / expected_norm;
    check_near(norm, expected_norm, 1e-5 * expected_norm, c.name + ": norm");
    for (std::int64_t row = 0; row < rows; ++row)
      if (touched[at(row)]) reference.update_row(row, gradient, c.options);
    for (std::size_t i = 0; i < reference.value.size(); ++i) {
      const double got = parameter->value[static_cast<std::int64_t>(i)];
      if (std::fabs(got - reference.value[i]) > 2e-5) {
        check(false, c.name + ": step " + std::to_string(step) + " value " + std::to_string(i) +
                         ": expected " + std::to_string(reference.value[i]) + ", got " + std::to_string(got));
        return;
      }
    }
  }
}

const Add adam_case("Adam follows a float64 reference, dense, sparse with repeats, pooled and mixed", [] {
  const AdamOptions plain{.learning_rate = 0.02f};
  const AdamOptions decoupled{
      .learning_rate = 0.02f, .beta1 = 0.8f, .beta2 = 0.95f, .epsilon = 1e-6f, .weight_decay = 0.1f};
  const AdamOptions coupled{.learning_rate = 0.02f, .weight_decay = 0.1f, .decoupled = false};
  const AdamOptions clipped{
      .learning_rate = 0.02f, .epsilon = 0.01f, .weight_decay = 0.1f, .max_norm = 0.05f, .decoupled = false};
  for (const Level level : available_levels())
    for (const auto& [rows, cols] : {std::pair<std::int64_t, std::int64_t>{23, 1},
                                     {23, 3},
                                     {23, 8},
                                     {23, 33},
                                     {23, 64},
                                     {23, 71},
                                     {300, 8}})  // of which few are touched
      for (const AdamOptions& options : {plain, decoupled, coupled, clipped})
        for (const auto& [name, dense, sparse, bags] :
             {std::tuple{"dense", true, false, false}, std::tuple{"sparse", false, true, false},
              std::tuple{"bags", false, false, true}, std::tuple{"mixed", true, true, true}})
          run_adam(op_kernels(level),
                   {std::string(level_name(level)) + " " + name + " cols " + std::to_string(cols), dense,
                    sparse, bags, options, rows, cols});
});

const Add lazy_case("rows that a step does not touch keep value, moments and count", [] {
  const auto parameter = random_parameter("w", 6, 5);
  const std::vector<float> start(parameter->value.span().begin(), parameter->value.span().end());
  Adam adam({parameter}, {.weight_decay = 0.5f});
  Tape tape;
  for (int step = 0; step < 3; ++step) {
    tape.backward(l2(tape, gather(tape, parameter, Indices{2, 4, 2})));
    adam.step(tape);
    tape.reset();
  }
  for (std::int64_t row = 0; row < 6; ++row) {
    const bool touched = row == 2 || row == 4;
    check(parameter->adam.row_steps[row] == (touched ? 3 : 0), "count of row " + std::to_string(row));
    for (std::int64_t c = row * 5; c < row * 5 + 5; ++c) {
      check((parameter->value[c] == start[at(c)]) != touched, "value of row " + std::to_string(row));
      check((parameter->adam.second[c] == 0) != touched, "moment of row " + std::to_string(row));
    }
  }
});

const Add long_case("bias correction stays right over thousands of steps", [] {
  // A constant gradient g: after any number of steps the corrected moments are g and g^2, so each step moves
  // by the learning rate.
  const auto parameter = std::make_shared<Parameter>("w", 1, 1);
  Adam adam({parameter}, {.learning_rate = 1.0f / 1024});
  Tape tape;
  for (int step = 1; step <= 30000; ++step) {
    const Handle w = tape.use(parameter);
    const std::vector<float> three{3};
    tape.backward(row_dot(tape, w, tape.input(three, 1, 1)));
    adam.step(tape);
    tape.reset();
  }
  check_near(parameter->value[0], -30000.0 / 1024, 2e-3, "30000 steps of 1 / 1024");
});

const Add shared_state_case("optimizers that take turns on a parameter correct by all its updates", [] {
  // The gradient is constant, so each step moves by its optimizer's learning rate, whoever stepped before.
  const auto parameter = std::make_shared<Parameter>("w", 1, 1);
  Adam first({parameter}, {.learning_rate = 1.0f / 1024}),
      second({parameter}, {.learning_rate = 1.0f / 4096});
  Tape tape;
  const auto step_with = [&](Adam& adam) {
    tape.backward(row_dot(tape, tape.use(parameter), tape.input(std::vector<float>{3}, 1, 1)));
    adam.step(tape);
    tape.reset();
  };
  for (int step = 0; step < 1500; ++step) step_with(first);
  const float before = parameter->value[0];
  step_with(second);
  check_near(before - parameter->value[0], 1.0 / 4096, 1e-6,
             "one step of the second after 1500 of the first");
});

const Add diverged_case("a gradient that is not finite names its parameter and changes nothing", [] {
  const auto good = random_parameter("good", 4, 3), bad = random_parameter("bad", 4, 3);
  Adam adam({good, bad}, {});
  for (const float poison : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    Tape tape;
    const std::vector<float> start(good->value.span().begin(), good->value.span().end());
    const Handle factor = tape.input(std::vector<float>{poison, 1, 1}, 1, 3);
    const Handle loss = add(tape, l2(tape, gather(tape, good, Indices{0, 1})),
                            row_dot(tape, gather(tape, bad, Indices{2}), factor));
    tape.backward(loss);
    expect_error(Code::diverged, "\"bad\"", [&] { adam.step(tape); });
    check(std::equal(start.begin(), start.end(), good->value.data()), "untouched");
    check(good->adam.row_steps[0] == 0 && bad->adam.row_steps[2] == 0, "not counted");
  }
  // 1e30 is finite, but its square is not in float32: the second moment would stay infinite for ever.
  Tape tape;
  tape.backward(
      row_dot(tape, gather(tape, bad, Indices{2}), tape.input(std::vector<float>{1e30f, 0, 0}, 1, 3)));
  expect_error(Code::diverged, "\"bad\" has norm 1", [&] { adam.step(tape); });
  check(bad->adam.row_steps[2] == 0, "not counted");
  tape.reset();
  tape.backward(l2(tape, gather(tape, good, Indices{0, 1})));
  check(std::isfinite(adam.step(tape)), "goes on");
});

const Add clip_case("clipping scales the gradients of all parameters together to one norm", [] {
  // Gradients 3 and 4 have norm 5; at 1 they are 0.6 and 0.8. With beta1 = 0 the first moment is the
  // gradient.
  const auto a = std::make_shared<Parameter>("a", 1, 1), b = std::make_shared<Parameter>("b", 1, 1);
  const auto step = [&](float max_norm, float first, float second) {
    Adam adam({a, b}, {.beta1 = 0, .max_norm = max_norm});
    Tape tape;
    tape.backward(
        add(tape, row_dot(tape, tape.use(a), tape.input(std::vector<float>{first}, 1, 1)),
            row_dot(tape, gather(tape, b, Indices{0}), tape.input(std::vector<float>{second}, 1, 1))));
    return adam.step(tape);
  };
  check_near(step(1, 3, 4), 5, 1e-6, "the norm before clipping");
  check_near(a->adam.first[0], 0.6, 1e-6, "first of a");
  check_near(b->adam.first[0], 0.8, 1e-6, "first of b");
  step(6, 3, 4);
  check(a->adam.first[0] == 3 && b->adam.first[0] == 4, "untouched below the limit");
  check_near(step(1, 3e30f, 4e30f) / 5e30, 1, 1e-6, "a norm whose square is not in float32");
  check_near(a->adam.first[0], 0.6, 1e-6, "clipped in one piece");
  expect_error(Code::diverged, "\"b\"", [&] { step(1e30f, 3e30f, 4e30f); });
});

const Add construction_case("threads that make optimizers of one parameter share its one state", [] {
  for (int round = 0; round < 20; ++round) {
    const auto shared = random_parameter("shared", 500, 8);
    std::vector<const float*> seen(4);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < seen.size(); ++i)
      threads.emplace_back([&, i] {
        const Adam adam({shared}, {});
        seen[i] = shared->adam.second.data();
      });
    for (std::thread& thread : threads) thread.join();
    for (const float* second : seen) check(second == shared->adam.second.data(), "the state is made once");
  }
});

const Add options_case("options out of range are refused", [] {
  const auto p = random_parameter("p", 2, 2);
  const auto make = [&](AdamOptions options) { return [=] { Adam({p}, options); }; };
  expect_error(Code::argument, "learning rate", make({.learning_rate = 0}));
  expect_error(Code::argument, "learning rate", make({.learning_rate = std::nanf("")}));
  expect_error(Code::argument, "beta1", make({.beta1 = 1}));
  expect_error(Code::argument, "beta2", make({.beta2 = -0.1f}));
  expect_error(Code::argument, "epsilon", make({.epsilon = 0}));
  expect_error(Code::argument, "weight decay", make({.weight_decay = -1}));
  expect_error(Code::argument, "max norm", make({.max_norm = -1}));
  expect_error(Code::argument, "max norm", make({.max_norm = std::numeric_limits<float>::infinity()}));
  expect_error(Code::argument, "twice", [&] { Adam({p, p}, {}); });
  Adam adam({p}, {});
  expect_error(Code::argument, "learning rate", [&] { adam.set_learning_rate(-1); });
});

// ---- a whole model: matrix factorisation with BPR ----

struct Model {
  std::shared_ptr<Parameter> users = random_parameter("users", 300, 20),
                             items = random_parameter("items", 200, 20);
  Adam adam{{users, items}, {.learning_rate = 0.05f, .weight_decay = 0.01f}};
  Tape tape;
  const float* memory = nullptr;  // where the last step began
  Indices u = Indices(4000), p = Indices(4000), n = Indices(4000);

  explicit Model(const OpKernels& kernels) : tape(kernels) {}

  double step(std::uint64_t number) {
    const Philox random(4, number);
    for (std::uint64_t i = 0; i < u.size(); ++i) {
      const auto w = random.block(i);
      u[i] = static_cast<std::int32_t>(w[0] % 300);
      p[i] = static_cast<std::int32_t>(w[1] % 200) / 10 * 10 +
             u[i] % 10;  // users like items of their own last digit
      n[i] = static_cast<std::int32_t>(w[2] % 200);
    }
    const Handle eu = gather(tape, users, u), ep = gather(tape, items, p), en = gather(tape, items, n);
    const Handle decay = add(tape, add(tape, l2(tape, eu), l2(tape, ep)), l2(tape, en));
    const Handle loss =
        add(tape, bpr_loss(tape, row_dot(tape, eu, ep), row_dot(tape, eu, en)), scale(tape, decay, 1e-4f));
    tape.backward(loss);
    adam.step(tape);
    const double value = tape.item(loss);
    memory = tape.value(eu).data();
    tape.reset();
    return value;
  }
};

const Add model_case("matrix factorisation learns, with the same bits at 1, 2 and 3 threads", [] {
  ThreadPool& pool = ThreadPool::shared();
  const int before = pool.threads();
  for (const Level level : available_levels()) {
    std::vector<float> expected;
    for (const int threads : {1, 2, 3}) {
      pool.set_threads(threads);
      Model model(op_kernels(level));
      const double first = model.step(0);
      double last = first;
      for (std::uint64_t i = 1; i < 25; ++i) last = model.step(i);
      check(last < 0.5 * first, "loss from " + std::to_string(first) + " to " + std::to_string(last));
      std::vector<float> bits(model.users->value.span().begin(), model.users->value.span().end());
      bits.insert(bits.end(), model.items->value.span().begin(), model.items->value.span().end());
      if (expected.empty()) expected = bits;
      check(std::memcmp(bits.data(), expected.data(), bits.size() * sizeof(float)) == 0,
            std::string(level_name(level)) + ": " + std::to_string(threads) + " threads");
    }
  }
  pool.set_threads(before);
});

const Add limit_case("a state holds at most 2^31 - 2^20 updates, and Adam stops at 2^31 - 1", [] {
  const auto parameter = random_parameter("late", 2, 3);
  const std::vector<float> zeros(6);
  const auto write = [&](std::int64_t steps) {
    const Indices rows(2, static_cast<std::int32_t>(steps));
    write_adam_state(*parameter, zeros, zeros, rows, steps);
  };
  expect_error(Code::argument, "steps", [&] { write(kMostSteps + 1); });
  write(kMostSteps);
  Adam adam({parameter}, {.beta2 = 0.9999999f});
  Tape tape;
  const auto step = [&] {
    tape.reset();
    tape.backward(l2(tape, tape.use(parameter)));
    adam.step(tape);
  };
  step();
  check(parameter->adam.row_steps[1] == kMostSteps + 1 && parameter->adam.steps == kMostSteps + 1, "counted");
  const std::int32_t last = std::numeric_limits<std::int32_t>::max();
  parameter->adam.steps = parameter->adam.row_steps[0] = parameter->adam.row_steps[1] = last;
  const float before = parameter->value[0];
  expect_error(Code::argument, "\"late\"", step);
  check(parameter->value[0] == before && parameter->adam.steps == last, "unchanged");
});

const Add in_place_case("a state is written where it is: another thread may be using it", [] {
  const auto parameter = random_parameter("p", 2, 3);
  const Adam adam({parameter}, {});
  const AdamState& state = parameter->adam;
  const void* const before[] = {state.first.data(), state.second.data(), state.row_steps.data()};
  write_adam_state(*parameter, std::vector<float>(6, 1), std::vector<float>(6, 2), Indices{3, 4}, 5);
  check(before[0] == state.first.data() && before[1] == state.second.data() &&
            before[2] == state.row_steps.data(),
        "the same memory");
  check(state.first[5] == 1 && state.second[5] == 2 && state.row_steps[1] == 4 && state.steps == 5,
        "written");
});

const Add late_case("bias corrections beyond those that are kept follow the formula", [] {
  const float beta2 = 0.99999f;
  for (const std::int32_t steps : {65534, 65535, 65536, 200000, 1000000000}) {
    const auto parameter = std::make_shared<Parameter>("late", 1, 1);
    parameter->value[0] = 1;
    write_adam_state(*parameter, std::vector<float>{0}, std::vector<float>{0}, Indices{steps}, steps);
    Adam adam({parameter}, {.learning_rate = 1, .beta2 = beta2, .weight_decay = 0});
    Tape tape;
    tape.backward(l2(tape, tape.use(parameter)));  // the gradient is 1
    adam.step(tape);
    const double correction = 1 - std::pow(static_cast<double>(beta2), steps + 1.0);
    const double root = std::sqrt((1 - static_cast<double>(beta2)) / correction);
    check_near(parameter->value[0], 1 - (1 - static_cast<double>(0.9f)) / root, 1e-4 / root,
               "after " + std::to_string(steps));
  }
});

// Atomic: pool threads of earlier cases may still allocate.
std::atomic<std::size_t> allocations{0};

const Add steady_case("a step in steady state allocates nothing", [] {
  ThreadPool& pool = ThreadPool::shared();
  const int before = pool.threads();
  pool.set_threads(1);
  Model model(op_kernels());
  for (std::uint64_t i = 0; i < 3; ++i) model.step(i);
  const std::size_t start = allocations;
  const float* const memory = model.memory;
  bool same = true;
  for (std::uint64_t i = 3; i < 10; ++i) {
    model.step(i);
    same = same && model.memory == memory;
  }
  const std::size_t end = allocations;
  check(end == start, std::to_string(end - start) + " allocations in 7 steps");
  check(same, "the same arena block in every step");
  check(start > 0, "allocations are counted");
  pool.set_threads(before);
});

const Add keep_case("the tape keeps a parameter alive through its step", [] {
  Tape tape;
  std::weak_ptr<Parameter> watch;
  {
    const auto parameter = random_parameter("gone", 3, 3);
    watch = parameter;
    tape.backward(l2(tape, gather(tape, parameter, Indices{1})));
  }
  check(!watch.expired(), "alive");
  tape.reset();
  check(watch.expired(), "released");
});

}  // namespace

// Counts the allocations of this program. Not inlined: the compiler would see malloc paired with delete and
// warn.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

int main() { return l4r::test::run_all(); }
