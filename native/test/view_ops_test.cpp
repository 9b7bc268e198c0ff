// Ops that show a tensor in another way: other shapes, some rows, rows of length 1.
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "autograd/parameter.h"
#include "check.h"
#include "op_case.h"
#include "ops/elementwise/elementwise.h"
#include "ops/normalize/normalize.h"
#include "ops/view/view.h"

namespace {

using namespace l4r;
using namespace l4r::test;
using test::Add;  // not the kernel of that name

OpCase on_one(const std::string& name, std::function<Handle(Tape&, Handle)> run,
              std::function<Matrix(Shape, const Matrix&)> reference) {
  return {name, 4e-7,
          [](std::int64_t rows, std::int64_t cols) {
            return std::vector<Shape>{{rows, cols}};
          },
          [=](Tape& t, const std::vector<Handle>& x) { return run(t, x[0]); },
          [=](const std::vector<Shape>& s, const Matrices& x) { return reference(s[0], x[0]); }};
}

const Add cases("views and normalised rows agree with their float64 references", [] {
  run_cases({
      on_one(
          "reshape",
          [](Tape& t, Handle x) {
            const Shape s = t.shape(x);
            return reshape(t, x, s.cols, s.rows);
          },
          [](Shape, const Matrix& x) { return x; }),
      on_one(
          "slice",
          [](Tape& t, Handle x) {
            const Shape s = t.shape(x);
            return slice(t, x, s.rows / 3, s.rows / 2);
          },
          [](Shape s, const Matrix& x) {
            const auto from = x.begin() + s.rows / 3 * s.cols;
            return Matrix(from, from + s.rows / 2 * s.cols);
          }),
      on_one(
          "slice twice",
          [](Tape& t, Handle x) {
            const std::int64_t half = t.shape(x).rows / 2;
            return add(t, slice(t, x, 0, half), slice(t, x, half, half));
          },
          [](Shape s, const Matrix& x) {
            Matrix out(at(s.rows / 2 * s.cols));
            for (std::size_t i = 0; i < out.size(); ++i) out[i] = x[i] + x[i + out.size()];
            return out;
          }),
      on_one(
          "normalize_rows", [](Tape& t, Handle x) { return normalize_rows(t, x); },
          [](Shape s, const Matrix& x) {
            Matrix out(x.size());
            for (std::int64_t i = 0; i < s.rows; ++i) {
              double squares = 0;
              for (std::int64_t c = 0; c < s.cols; ++c) squares += std::pow(x[at(i * s.cols + c)], 2);
              for (std::int64_t c = 0; c < s.cols; ++c)
                out[at(i * s.cols + c)] = x[at(i * s.cols + c)] / std::sqrt(squares);
            }
            return out;
          }),
      on_one(
          "normalize_rows added to its input",
          [](Tape& t, Handle x) { return add(t, x, normalize_rows(t, x)); },
          [](Shape s, const Matrix& x) {
            Matrix out(x.size());
            for (std::int64_t i = 0; i < s.rows; ++i) {
              double squares = 0;
              for (std::int64_t c = 0; c < s.cols; ++c) squares += std::pow(x[at(i * s.cols + c)], 2);
              for (std::int64_t c = 0; c < s.cols; ++c)
                out[at(i * s.cols + c)] = x[at(i * s.cols + c)] * (1 + 1 / std::sqrt(squares));
            }
            return out;
          }),
  });
});

const Add zero_case("a row of zeros stays one, with a finite gradient; NaN stays NaN", [] {
  for_each_level([](const OpKernels& kernels, const std::string& level) {
    Tape tape(kernels);
    poison(tape);
    const Handle x = tape.input(std::vector<float>{0, 0, 0, std::nanf(""), 1, 1}, 2, 3);
    const Handle y = normalize_rows(tape, x);
    for (std::size_t c = 0; c < 3; ++c)
      check(tape.value(y)[c] == 0 && std::isnan(tape.value(y)[3 + c]), level + ": values");
    tape.backward(weigh(tape, y, random_floats(6, 1)));
    for (std::size_t c = 0; c < 3; ++c) check(std::isfinite(tape.gradient(x)[c]), level + ": gradients");
  });
});

const Add argument_case("a shape of other size and rows that are not there are refused", [] {
  Tape tape;
  const Handle x = tape.input(random_floats(12, 1), 3, 4);
  expect_argument_error("reshape", [&] { reshape(tape, x, 5, 2); });
  expect_argument_error("reshape", [&] { reshape(tape, x, -3, -4); });
  expect_argument_error("slice", [&] { slice(tape, x, 2, 2); });
  expect_argument_error("slice", [&] { slice(tape, x, -1, 2); });
  expect_argument_error("slice", [&] { slice(tape, x, 4, 0); });
  check(tape.shape(slice(tape, x, 3, 0)).rows == 0, "no row at the end");
});

const Add frozen_case("what is seen of a frozen parameter is frozen", [] {
  const auto parameter = std::make_shared<Parameter>("p", 4, 6);
  fill_normal(*parameter, 0, 1, 1, 1);
  Tape tape;
  const Handle p = tape.use_frozen(parameter);
  check(!tape.wants_gradient(reshape(tape, p, 8, 3)), "reshape");
  check(!tape.wants_gradient(slice(tape, p, 1, 2)), "slice");
  check(!tape.wants_gradient(normalize_rows(tape, p)), "normalize_rows");
});

const Add threads_case("the same bits at any number of threads", [] {
  check_same_bits_at_any_thread_count([](const OpKernels& kernels) {
    Tape tape(kernels);
    const Handle x = tape.input(random_floats(4000 * 33, 1), 4000, 33);
    const Handle y = normalize_rows(tape, slice(tape, reshape(tape, x, 2000, 66), 10, 1980));
    tape.backward(weigh(tape, y, random_floats(1980 * 66, 2)));
    std::vector<float> all(tape.value(y).begin(), tape.value(y).end());
    for (const float g : tape.gradient(x)) all.push_back(g);
    return all;
  });
});

}  // namespace

int main() { return l4r::test::run_all(); }
