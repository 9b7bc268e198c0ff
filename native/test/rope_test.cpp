// The rotation of positions against a float64 reference written in the plainest way, forward and backward, at
// every available level.
#include "ops/rope/rope.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "check.h"
#include "op_case.h"
#include "ops/elementwise/elementwise.h"

namespace {

using namespace l4r;
using namespace l4r::test;
using test::Add;  // not the kernel of that name

using Indices = std::vector<std::int32_t>;

struct Rotation {
  Indices positions;
  std::int64_t cols;
  RopeOptions options;
  std::int64_t rows() const { return static_cast<std::int64_t>(positions.size()); }
};

// sign -1: the other way round, which is the gradient.
Matrix rotated(const Rotation& r, const Matrix& x, double sign = 1) {
  Matrix out = x;
  for (std::int64_t i = 0; i < r.rows(); ++i)
    for (std::int64_t h = 0; h < r.options.heads; ++h)
      for (std::int64_t j = 0; j < r.options.width / 2; ++j) {
        const double power = -2.0 * static_cast<double>(j) / static_cast<double>(r.options.width);
        const double angle = sign * r.positions[at(i)] * std::pow(static_cast<double>(r.options.base), power);
        const std::size_t even = at(i * r.cols + h * r.options.width + 2 * j), odd = even + 1;
        out[even] = x[even] * std::cos(angle) - x[odd] * std::sin(angle);
        out[odd] = x[even] * std::sin(angle) + x[odd] * std::cos(angle);
      }
  return out;
}

const Add rope_case("rope turns pairs of neighbours and leaves the rest, backward the other way", [] {
  const std::vector<Rotation> rotations{
      {{}, 8, {.heads = 1, .width = 8}},
      {{0}, 2, {.heads = 1, .width = 2}},
      {{5, 0, 8191}, 2, {.heads = 1, .width = 2}},  // more positions than rows
      {{0, 1, 2, 1, 0}, 7, {.heads = 1, .width = 4, .base = 100}},
      {{3, 2, 1, 0}, 11, {.heads = 0, .width = 4}},
      {random_indices(300, 300, 3), 54, {.heads = 3, .width = 16}},  // fewer
      {random_indices(40, 8192, 4), 130, {.heads = 2, .width = 64, .base = 1e6f}},
      {random_indices(40, 50, 5), 66, {.heads = 1, .width = 66, .base = 0.5f}},
  };
  for (const Rotation& r : rotations) {
    const auto x = random_floats(r.rows() * r.cols, 1), up = random_floats(r.rows() * r.cols, 2);
    for_each_level([&](const OpKernels& kernels, const std::string& level) {
      Tape tape(kernels);
      poison(tape);
      const Handle from = tape.input(x, r.rows(), r.cols), once = rope(tape, from, r.positions, r.options);
      const std::string what =
          level + " rows " + std::to_string(r.rows()) + " cols " + std::to_string(r.cols);
      check_close(tape.value(once), rotated(r, widen(x)), 1e-6, 1, what + ": value");
      tape.backward(weigh(tape, add(tape, once, from), up));
      Matrix expected = rotated(r, widen(up), -1);
      for (std::size_t e = 0; e < up.size(); ++e) expected[e] += up[e];
      check_close(tape.gradient(from), expected, 1e-6, 1, what + ": gradient");
    });
  }
});

const Add relative_case("what two turned rows have in common depends on their distance alone", [] {
  Tape tape;
  const auto both = random_floats(2 * 16, 1);
  const auto product = [&](std::int32_t i, std::int32_t j) {
    const auto y = tape.value(rope(tape, tape.input(both, 2, 16), Indices{i, j}, {.heads = 1, .width = 16}));
    double total = 0;
    for (std::size_t c = 0; c < 16; ++c) total += static_cast<double>(y[c]) * y[16 + c];
    return total;
  };
  check_near(product(7, 4), product(1003, 1000), 1e-5, "distance 3");
  check(std::fabs(product(7, 4) - product(7, 5)) > 1e-3, "another distance differs");
});

const Add bits_case("a position has the same bits in every call, whatever stands beside it", [] {
  const std::int64_t n = 70, width = 34;
  const RopeOptions options{.heads = 1, .width = width};
  const auto row = random_floats(width, 1);
  std::vector<float> x;
  Indices all;
  for (std::int32_t i = 0; i < n; ++i) {
    x.insert(x.end(), row.begin(), row.end());
    all.push_back(n - 1 - i);
  }
  for_each_level([&](const OpKernels& kernels, const std::string& level) {
    Tape tape(kernels);
    const Handle rows = tape.input(x, n, width), one = tape.input(row, 1, width);
    const auto together = tape.value(rope(tape, rows, all, options));  // a row of sines a position
    Indices far = all;
    far[0] = 100000;  // a row of sines a row
    const auto apart = tape.value(rope(tape, rows, far, options));
    for (std::int32_t i = 0; i < n; ++i) {
      const auto alone = tape.value(rope(tape, one, Indices{all[at(i)]}, options));
      const auto same = [&](std::span<const float> batch) {
        return std::memcmp(&batch[at(i * width)], alone.data(), alone.size_bytes()) == 0;
      };
      check(same(together), level + ": position " + std::to_string(all[at(i)]) + " among all");
      check(i == 0 || same(apart), level + ": position " + std::to_string(all[at(i)]) + " beside a far one");
    }
  });
});

const Add nothing_case("where nothing turns, x itself comes back, and a wide head takes no memory", [] {
  Tape tape;
  const RopeOptions none{.heads = 0, .width = std::int64_t{1} << 40};
  const Handle x = tape.input(random_floats(12, 1), 3, 4), empty = tape.input({}, 0, 4);
  check(rope(tape, x, Indices{0, 7, 2}, none) == x, "no heads");
  check(rope(tape, empty, Indices{}, {.heads = 2, .width = 2}) == empty, "no rows");
  expect_argument_error("rope: positions[1]", [&] { rope(tape, x, Indices{0, -1, 2}, none); });
});

const Add threads_case("1, 2 and 3 threads give the same bits", [] {
  const std::int64_t n = 900, cols = 60;
  const auto x = random_floats(n * cols, 1), up = random_floats(n * cols, 2);
  check_same_bits_at_any_thread_count([&](const OpKernels& kernels) {
    std::vector<float> bits;
    for (const std::int64_t limit : {800, 5000}) {  // a row of sines a position, and one a row
      Tape tape(kernels);
      const Handle from = tape.input(x, n, cols);
      const Handle y = rope(tape, from, random_indices(n, limit, 7), {.heads = 3, .width = 16});
      tape.backward(weigh(tape, y, up));
      for (const auto& part : {tape.value(y), std::span<const float>(tape.gradient(from))})
        bits.insert(bits.end(), part.begin(), part.end());
    }
    return bits;
  });
});

const Add errors_case("rope names what does not fit", [] {
  Tape tape;
  const Handle x = tape.input(random_floats(24, 1), 3, 8);
  const auto refuses = [&](const std::string& part, const Indices& positions, const RopeOptions& o) {
    expect_argument_error(part, [&] { rope(tape, x, positions, o); });
  };
  const Indices good{0, 1, 2};
  refuses("width: expected an even number above 0, got 3", good, {.heads = 1, .width = 3});
  refuses("width: expected an even number above 0, got 0", good, {.heads = 1, .width = 0});
  refuses("heads: expected 0..2 of 4 columns each, got 3", good, {.heads = 3, .width = 4});
  refuses("heads: expected 0..2 of 4 columns each, got -1", good, {.heads = -1, .width = 4});
  refuses("base: expected a finite float32 above 0", good, {.base = 0});
  refuses("base: expected a finite float32 above 0", good, {.base = std::nanf("")});
  refuses("base: expected a finite float32 above 0", good, {.base = std::numeric_limits<float>::infinity()});
  refuses("positions: expected 3, one a row, got 2", {0, 1}, {});
  refuses("positions[1]: expected 0 or more, got -1", {0, -1, 2}, {});
});

}  // namespace

int main() { return l4r::test::run_all(); }
