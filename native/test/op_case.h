// The harness of the op tests: an op against a float64 reference written in the plainest way, forward and
// backward, at every available instruction-set level. Shapes include 0, 1 and ragged tails; the arena is full
// of NaN before each case, so memory that is read before it is written shows.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "autograd/tape.h"
#include "base/cpu.h"
#include "base/rng.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "check.h"
#include "ops/matmul/matmul.h"
#include "ops/row_dot/row_dot.h"

namespace l4r::test {

using Matrix = std::vector<double>;
using Matrices = std::vector<Matrix>;

inline constexpr std::int64_t kRows[] = {0, 1, 2, 5, 33};
inline constexpr std::int64_t kCols[] = {0, 1, 3, 7, 8, 9, 16, 17, 31, 64, 65};

inline std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

// Uniform in [-2, 2).
inline std::vector<float> random_floats(std::int64_t count, std::uint64_t stream) {
  const Philox random(2026, stream);
  std::vector<float> values(at(count));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 4 * Philox::unit(random.block(i)[0]) - 2;
  return values;
}

inline std::vector<std::int32_t> random_indices(std::int64_t count, std::int64_t limit,
                                                std::uint64_t stream) {
  const Philox random(2026, stream);
  std::vector<std::int32_t> values(at(count));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<std::int32_t>(random.below(i, static_cast<std::uint64_t>(limit)));
  return values;
}

inline Matrix widen(std::span<const float> values) { return {values.begin(), values.end()}; }

// Fills the arena with NaN: the next step gets the same memory.
inline void poison(Tape& tape) {
  float* memory = tape.allocate<float>(1 << 18);
  std::fill_n(memory, 1 << 18, std::numeric_limits<float>::quiet_NaN());
  tape.reset();
}

// |got - expected| <= limit * max(1, scale), scale the sum of absolute terms that go into a number; NaN
// fails.
inline void check_close(std::span<const float> got, const Matrix& expected, double limit, double scale,
                        const std::string& what) {
  check(got.size() == expected.size(), what + ": size");
  for (std::size_t i = 0; i < std::min(got.size(), expected.size()); ++i) {
    const double error = std::fabs(got[i] - expected[i]);
    if (error <= limit * std::max(1.0, scale)) continue;
    check(false, what + "[" + std::to_string(i) + "]: expected " + std::to_string(expected[i]) + ", got " +
                     std::to_string(got[i]));
    return;
  }
}

template <typename Body>
void expect_argument_error(const std::string& part, Body&& body) {
  try {
    body();
    check(false, "expected an error about " + part);
  } catch (const Error& error) {
    check(error.code() == Code::argument && std::string(error.what()).find(part) != std::string::npos,
          "expected \"" + part + "\", got \"" + error.what() + "\"");
  }
}

// body(kernels, name) for every level that is available here.
template <typename Body>
void for_each_level(Body&& body) {
  for (const Level level : available_levels()) body(op_kernels(level), std::string(level_name(level)));
}

// One kind of op: inputs as dense tensors, run natively and by a reference in float64.
struct OpCase {
  std::string name;
  double limit;  // absolute error over the magnitude of the numbers added up
  // Shapes of the inputs for a pair of sizes.
  std::function<std::vector<Shape>(std::int64_t rows, std::int64_t cols)> shapes;
  std::function<Handle(Tape&, const std::vector<Handle>&)> run;
  std::function<Matrix(const std::vector<Shape>&, const Matrices&)> reference;
  double gradient_limit = 2e-6;  // the same for gradients
};

// A scalar that depends on every number of a result, each with its own weight: sum over i of w[i] * x[i].
inline Handle weigh(Tape& tape, Handle x, const std::vector<float>& weights) {
  const Shape shape = tape.shape(x);
  const Handle w = tape.input(weights, shape.rows, shape.cols);
  const Handle dots = row_dot(tape, x, w);  // [rows x 1]
  const std::vector<float> ones(at(shape.rows), 1.0f);
  return matmul(tape, tape.input(ones, 1, shape.rows), dots, false, false);
}

inline double weigh(const Matrix& x, const std::vector<float>& weights) {
  double total = 0;
  for (std::size_t i = 0; i < x.size(); ++i) total += x[i] * weights[i];
  return total;
}

inline void run_case(const OpCase& op, const OpKernels& kernels, std::int64_t rows, std::int64_t cols,
                     const std::string& what) {
  const std::vector<Shape> shapes = op.shapes(rows, cols);
  std::vector<std::vector<float>> inputs;
  Matrices wide;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    inputs.push_back(random_floats(shapes[i].size(), 10 + i));
    wide.push_back(widen(inputs.back()));
  }
  Tape tape(kernels);
  poison(tape);
  std::vector<Handle> handles;
  for (std::size_t i = 0; i < shapes.size(); ++i)
    handles.push_back(tape.input(inputs[i], shapes[i].rows, shapes[i].cols));
  const Handle out = op.run(tape, handles);
  const Matrix expected = op.reference(shapes, wide);
  const double scale = 4.0 * static_cast<double>(cols);  // |x| <= 2: a sum over cols of products
  check_close(tape.value(out), expected, op.limit, scale, what + ": value");

  // Gradients by central differences of the float64 reference: error about 1e-10, far below float32.
  const std::vector<float> weights = random_floats(tape.shape(out).size(), 50);
  tape.backward(weigh(tape, out, weights));
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const std::size_t size = wide[i].size();
    const std::size_t step = std::max<std::size_t>(1, size / 40);  // up to 40 probes, spread over the tensor
    const std::span<const float> gradient = tape.gradient(handles[i]);
    check(gradient.size() == size, what + ": gradient size");
    for (std::size_t e = 0; e < size; e += step) {
      const double x = wide[i][e], h = 1e-5;
      wide[i][e] = x + h;
      const double above = weigh(op.reference(shapes, wide), weights);
      wide[i][e] = x - h;
      const double below = weigh(op.reference(shapes, wide), weights);
      wide[i][e] = x;
      const double slope = (above - below) / (2 * h);
      if (std::fabs(gradient[e] - slope) >
          op.gradient_limit * std::max(1.0, 4.0 * static_cast<double>(rows + 14))) {
        check(false, what + ": gradient " + std::to_string(i) + "[" + std::to_string(e) + "]: expected " +
                         std::to_string(slope) + ", got " + std::to_string(gradient[e]));
        return;
      }
    }
  }
}

// Every case at every level and size.
inline void run_cases(const std::vector<OpCase>& cases) {
  for_each_level([&](const OpKernels& kernels, const std::string& level) {
    for (const OpCase& op : cases)
      for (const std::int64_t rows : kRows)
        for (const std::int64_t cols : kCols)
          run_case(op, kernels, rows, cols,
                   level + " " + op.name + " " + std::to_string(rows) + "x" + std::to_string(cols));
  });
}

// step(kernels) returns every number of a step that is large enough to be cut into many chunks.
template <typename Step>
void check_same_bits_at_any_thread_count(Step&& step) {
  ThreadPool& pool = ThreadPool::shared();
  const int before = pool.threads();
  for_each_level([&](const OpKernels& kernels, const std::string& level) {
    pool.set_threads(1);
    const std::vector<float> one = step(kernels);
    for (const int threads : {2, 3}) {
      pool.set_threads(threads);
      const std::vector<float> many = step(kernels);
      check(
          one.size() == many.size() && std::memcmp(one.data(), many.data(), one.size() * sizeof(float)) == 0,
          level + ": " + std::to_string(threads) + " threads");
    }
  });
  pool.set_threads(before);
}

}  // namespace l4r::test
