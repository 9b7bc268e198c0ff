// The ops of language models that work on one row at a time: RMS normalisation and the gated linear unit.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "check.h"
#include "op_case.h"
#include "ops/elementwise/elementwise.h"
#include "ops/rms_norm/rms_norm.h"
#include "ops/swiglu/swiglu.h"

namespace {

using namespace l4r;
using namespace l4r::test;
using test::Add;  // not the kernel of that name

constexpr float kEpsilon = 1e-3f;

Matrix reference_rms_norm(const std::vector<Shape>& s, const Matrices& x) {
  Matrix out(x[0].size());
  const std::size_t cols = at(s[0].cols);
  for (std::size_t row = 0; row < out.size(); row += cols) {
    double mean = 0;
    for (std::size_t c = 0; c < cols; ++c) mean += x[0][row + c] * x[0][row + c] / static_cast<double>(cols);
    for (std::size_t c = 0; c < cols; ++c)
      out[row + c] = x[1][c] * x[0][row + c] / std::sqrt(mean + kEpsilon);
  }
  return out;
}

Matrix reference_swiglu(const std::vector<Shape>& s, const Matrices& x) {
  Matrix out;
  const std::int64_t cols = s[0].cols / 2;
  for (std::int64_t i = 0; i < s[0].rows; ++i)
    for (std::int64_t c = 0; c < cols; ++c) {
      const double gate = x[0][at(2 * i * cols + c)], up = x[0][at((2 * i + 1) * cols + c)];
      out.push_back(gate / (1 + std::exp(-gate)) * up);
    }
  return out;
}

std::vector<Shape> row_and_gain(std::int64_t rows, std::int64_t cols) { return {{rows, cols}, {1, cols}}; }
std::vector<Shape> twice_as_wide(std::int64_t rows, std::int64_t cols) { return {{rows, 2 * cols}}; }

const std::vector<OpCase>& table() {
  static const std::vector<OpCase> ops{
      {"rms_norm", 2e-7, row_and_gain,
       [](Tape& t, const std::vector<Handle>& x) { return rms_norm(t, x[0], x[1], kEpsilon); },
       reference_rms_norm, 4e-7},
      {"rms_norm beside another use of its input", 2e-7, row_and_gain,
       [](Tape& t, const std::vector<Handle>& x) { return add(t, rms_norm(t, x[0], x[1], kEpsilon), x[0]); },
       [](const std::vector<Shape>& s, const Matrices& x) {
         Matrix out = reference_rms_norm(s, x);
         for (std::size_t i = 0; i < out.size(); ++i) out[i] += x[0][i];
         return out;
       },
       4e-7},
      {"swiglu", 2e-7, twice_as_wide, [](Tape& t, const std::vector<Handle>& x) { return swiglu(t, x[0]); },
       reference_swiglu, 1e-7},
      {"swiglu twice of one tensor", 4e-7, twice_as_wide,
       [](Tape& t, const std::vector<Handle>& x) { return add(t, swiglu(t, x[0]), swiglu(t, x[0])); },
       [](const std::vector<Shape>& s, const Matrices& x) {
         Matrix out = reference_swiglu(s, x);
         for (double& y : out) y *= 2;
         return out;
       },
       2e-7},
  };
  return ops;
}

const Add ops_case("every op agrees with its float64 reference, forward and backward, at every level",
                   [] { run_cases(table()); });

const Add rms_norm_scale_case("rms_norm keeps zeros, and forgets the length of a row", [] {
  for_each_level([](const OpKernels& kernels, const std::string& level) {
    Tape tape(kernels);
    const std::vector<float> ones(5, 1.0f);
    const Handle gain = tape.input(ones, 1, 5);
    const auto normal = [&](float size) {
      const std::vector<float> x{0, size, -size, size, -size};
      const std::span<const float> y = tape.value(rms_norm(tape, tape.input(x, 1, 5), gain, 1e-6f));
      return std::vector<float>(y.begin(), y.end());
    };
    check(normal(0) == std::vector<float>(5, 0.0f), level + ": zeros");
    for (const float size : {1e1f, 1e9f, 1e18f}) {
      const auto y = normal(size);
      check(y[0] == 0, level + ": zero stays zero");
      check_near(y[1], std::sqrt(1.25), 1e-6, level + ": up");
      check_near(y[2], -std::sqrt(1.25), 1e-6, level + ": down");
    }
    check(std::isnan(normal(std::nanf(""))[1]), level + ": NaN stays NaN");
  });
});

const Add swiglu_extremes_case("swiglu far out and of NaN", [] {
  for_each_level([](const OpKernels& kernels, const std::string& level) {
    Tape tape(kernels);
    float value = 0;
    const auto slope = [&](float gate) {
      tape.reset();
      const Handle x = tape.input(std::vector<float>{gate, 1}, 1, 2), y = swiglu(tape, x);
      value = tape.value(y)[0];
      tape.backward(y);
      return tape.gradient(x)[0];
    };
    for (const float far :
         {100.0f, 1e30f, std::numeric_limits<float>::max(), std::numeric_limits<float>::infinity()}) {
      check(slope(far) == 1 && value == far, level + ": far above it is the gate");
      check(std::fabs(slope(-far)) < 1e-35f && std::fabs(value) < 1e-35f, level + ": far below it is 0");
    }
    check_near(slope(-20), -19 * std::exp(-20.0), 1e-14, level + ": a small slope");
    check(std::isnan(slope(std::nanf(""))) && std::isnan(value), level + ": NaN stays NaN");
  });
});

const Add threads_case("1, 2 and 3 threads give the same bits", [] {
  const std::int64_t n = 1500, d = 130;
  const auto values = random_floats(n * d, 1), gains = random_floats(d, 2),
             weights = random_floats(n * d / 2, 3);
  check_same_bits_at_any_thread_count([&](const OpKernels& kernels) {
    Tape tape(kernels);
    const Handle x = tape.input(values, n, d), gain = tape.input(gains, 1, d);
    const Handle y = swiglu(tape, rms_norm(tape, x, gain, kEpsilon));
    tape.backward(weigh(tape, y, weights));
    std::vector<float> bits;
    for (const auto& part : {tape.value(y), tape.gradient(x), tape.gradient(gain)})
      bits.insert(bits.end(), part.begin(), part.end());
    return bits;
  });
});

const Add guard_case("kernels take pointers of any alignment and write nothing beyond their output", [] {
  const auto probe = [](const OpKernels& k, const std::string& level, std::int64_t rows) {
    for (std::int64_t n = 1; n < 40; ++n) {
      const std::int64_t all = rows * n;
      const std::vector<float> a = random_floats(2 * all + 3, 1), b = random_floats(2 * all + 3, 2);
      const auto guarded = [&](const std::string& name, std::int64_t size, auto&& body) {
        std::vector<float> out(at(size) + 3, 1.0f);
        out[0] = out[at(size) + 1] = out[at(size) + 2] = 77;
        body(out.data() + 1);
        check(out[0] == 77 && out[at(size) + 1] == 77 && out[at(size) + 2] == 77, level + " " + name);
      };
      std::vector<float> other(at(all)), scales(at(rows), 1.0f);
      guarded("rms_norm", all, [&](float* out) {
        k.rms_norm(rows, n, a.data() + 1, b.data() + 1, 1e-5f, out, scales.data());
      });
      guarded("rms_norm scales", rows,
              [&](float* out) { k.rms_norm(rows, n, a.data() + 1, b.data() + 1, 1e-5f, other.data(), out); });
      guarded("rms_norm_backward", all, [&](float* out) {
        k.rms_norm_backward(rows, n, a.data() + 1, b.data() + 1, scales.data(), b.data() + 3, out, true,
                            other.data());
      });
      guarded("rms_norm_backward sums", n, [&](float* out) {
        k.rms_norm_backward(rows, n, a.data() + 1, b.data() + 1, scales.data(), b.data() + 3, other.data(),
                            false, out);
      });
      guarded("swiglu", all, [&](float* out) { k.swiglu(rows, n, a.data() + 1, out); });
      guarded("swiglu_backward", 2 * all,
              [&](float* out) { k.swiglu_backward(rows, n, a.data() + 1, b.data() + 1, out, true); });
    }
  };
  for_each_level([&](const OpKernels& k, const std::string& level) {
    for (const std::int64_t rows : {1, 5}) probe(k, level, rows);  // 5: four side by side and one alone
  });
});

const Add errors_case("shapes and numbers that do not fit are named in the error", [] {
  Tape tape;
  const std::vector<float> six(6, 1.0f), three(3, 1.0f);
  const Handle x = tape.input(six, 2, 3), gain = tape.input(three, 1, 3), tall = tape.input(three, 3, 1);
  expect_argument_error("rms_norm: expected x n x d and gain 1 x d, got 2 x 3 and 3 x 1",
                        [&] { rms_norm(tape, x, tall, 1e-5f); });
  expect_argument_error("got 3 x 1 and 1 x 3", [&] { rms_norm(tape, tall, gain, 1e-5f); });
  for (const float epsilon : {0.0f, -1.0f, std::nanf(""), std::numeric_limits<float>::infinity()})
    expect_argument_error("rms_norm: epsilon", [&] { rms_norm(tape, x, gain, epsilon); });
  expect_argument_error("swiglu: expected an even number of columns", [&] { swiglu(tape, x); });
});

}  // namespace

int main() { return l4r::test::run_all(); }
