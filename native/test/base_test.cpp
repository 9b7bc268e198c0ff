// Random numbers, memory, processor levels and the engine's own elementary functions.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/cpu.h"
#include "base/exact_math.h"
#include "base/rng.h"
#include "base/status.h"
#include "check.h"
#include "ops/kernels.h"

namespace {

using namespace l4r;
using test::Add;
using test::check;

// Philox4x32-10 once more, from the description in the paper (section 3.3): rounds first, key schedule beside
// them.
std::array<std::uint32_t, 4> philox_again(std::array<std::uint32_t, 4> r, std::array<std::uint32_t, 2> key) {
  for (std::uint32_t round = 0; round < 10; ++round) {
    const unsigned long long left = 0xD2511F53ull * r[0], right = 0xCD9E8D57ull * r[2];
    const std::uint32_t k0 = key[0] + round * 0x9E3779B9u, k1 = key[1] + round * 0xBB67AE85u;
    r = {static_cast<std::uint32_t>(right >> 32) ^ r[1] ^ k0, static_cast<std::uint32_t>(right),
         static_cast<std::uint32_t>(left >> 32) ^ r[3] ^ k1, static_cast<std::uint32_t>(left)};
  }
  return r;
}

const Add philox_case("Philox gives the published known answers", [] {
  using Words = std::array<std::uint32_t, 4>;
  check(Philox(0, 0).block(0) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}, "zeros");
  constexpr std::uint64_t ones = ~std::uint64_t{0};
  check(Philox(ones, ones).block(ones) == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}, "ones");
  check(Philox(0x299f31d0a4093822, 0x0370734413198a2e).block(0x85a308d3243f6a88) ==
            Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
        "digits of pi");
  for (std::uint32_t i = 0; i < 1000; ++i)
    check(Philox(i * 7919ull << 20, i).block(i) ==
              philox_again({i, 0, i, 0},
                           {i * 7919u << 20, static_cast<std::uint32_t>(i * 7919ull << 20 >> 32)}),
          "independent reimplementation");
});

const Add below_case("below is uniform and stays below", [] {
  const Philox random(1, 2);
  std::vector<int> counts(10);
  for (std::uint64_t i = 0; i < 100000; ++i) ++counts[random.below(i, 10)];
  double chi2 = 0;
  for (const int count : counts) chi2 += (count - 10000.0) * (count - 10000.0) / 10000.0;
  check(chi2 < 27.9, "chi-square, 9 degrees of freedom, 0.1 %: " + std::to_string(chi2));
  check(random.below(3, 1) == 0, "bound 1");
});

const Add buffer_case("a buffer is zeroed, aligned, and refuses what cannot be had", [] {
  for (const std::int64_t count : {0, 1, 1000, 3 << 20}) {
    const Buffer<float> buffer(count);
    check(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64 == 0, "alignment");
    check(std::all_of(buffer.span().begin(), buffer.span().end(), [](float x) { return x == 0; }), "zeros");
  }
  for (const std::int64_t count : {std::int64_t{-1}, std::numeric_limits<std::int64_t>::max(),
                                   std::numeric_limits<std::int64_t>::max() / 4}) {
    bool caught = false;
    try {
      const Buffer<float> buffer(count);
    } catch (const Error& error) {
      caught = error.code() == Code::no_memory;
    }
    check(caught, std::to_string(count));
  }
});

const Add arena_case("an arena settles on one block and gives the same memory again", [] {
  Arena arena;
  const auto step = [&arena] {
    float* first = arena.allocate<float>(3);
    check(reinterpret_cast<std::uintptr_t>(first) % 64 == 0, "alignment");
    for (int i = 0; i < 40; ++i) {
      float* memory = arena.allocate<float>(100000);
      check(reinterpret_cast<std::uintptr_t>(memory) % 64 == 0, "alignment");
      std::fill_n(memory, 100000, 1.0f);
    }
    check(arena.used() == 64 + 40 * 400000, "used " + std::to_string(arena.used()));
    return first;
  };
  step();
  arena.reset();
  const std::size_t settled = arena.capacity();
  const float* first = step();
  arena.reset();
  check(step() == first && arena.capacity() == settled, "same block");
  arena.reset();
  check(arena.used() == 0, "empty");
});

const Add level_case("the active level is one of those available, scalar first", [] {
  const auto& levels = available_levels();
  check(levels.front() == Level::scalar, "scalar first");
  check(std::find(levels.begin(), levels.end(), active_level()) != levels.end(), "active");
});

const Add exp_case("exponential and logarithm keep their error budget at every level", [] {
  // For scores 0 and x the BPR kernel gives softplus(x) and -sigmoid(x). Far below 0 they are e^x, near 0
  // log(1 + e^x).
  for (const Level level : available_levels()) {
    const OpKernels& kernels = op_kernels(level);
    double worst_loss = 0, worst_slope = 0;
    for (double start = -87; start < 88; start += 0.01) {
      const float zero = 0, x = static_cast<float>(start);
      float slope = 0;
      const double loss = kernels.bpr_loss(1, &zero, &x, &slope);
      const double exact_loss = x > 0 ? x + std::log1p(std::exp(-static_cast<double>(x)))
                                      : std::log1p(std::exp(static_cast<double>(x)));
      const double exact_slope = -1 / (1 + std::exp(-static_cast<double>(x)));
      worst_loss = std::max(worst_loss, std::fabs(loss / exact_loss - 1));
      worst_slope = std::max(worst_slope, std::fabs(slope / exact_slope - 1));
    }
    check(worst_loss < 5e-7,
          std::string(level_name(level)) + " softplus: " + std::to_string(worst_loss * 1e7) + "e-7");
    check(worst_slope < 4e-7,
          std::string(level_name(level)) + " sigmoid: " + std::to_string(worst_slope * 1e7) + "e-7");
  }
});

const Add exact_math_case("logarithm, exponential, sine and cosine agree with libm", [] {
  check(natural_log(1) == 0, "log 1");
  for (const double x : {1e-300, 1e-38, 0.01, 0.5, 0.99999, 1.00001, 1.5, 10000.0, 3e38, 1e300})
    test::check_near(natural_log(x) / std::log(x), 1, 1e-15, "log " + std::to_string(x));
  for (const double x : {-700.0, -88.0, -1.0, -0.35, -1e-9, 0.0, 0.34, 0.7, 9.2, 88.0, 700.0})
    test::check_near(natural_exp(x) / std::exp(x), 1, 1e-15 * (1 + std::fabs(x)), "exp");
  for (int i = 0; i < 1000; ++i) {
    const auto [sine, cosine] = sine_cosine_of_turn(i / 1000.0);
    const double angle = i / 1000.0 * 6.283185307179586;
    test::check_near(sine, std::sin(angle), 1e-15, "sine");
    test::check_near(cosine, std::cos(angle), 1e-15, "cosine");
  }
});

}  // namespace

int main() { return l4r::test::run_all(); }
