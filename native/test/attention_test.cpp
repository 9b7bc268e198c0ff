// Attention against a float64 reference written in the plainest way, forward and backward, at every available
// level: packed sequences of any length, one or more heads, causal or not, with dropout and without.
#include "ops/attention/attention.h"

#include <string>

#include "op_case.h"
#include "ops/elementwise/elementwise.h"

namespace {

using namespace l4r;
using namespace l4r::test;

using Offsets = std::vector<std::int32_t>;

struct Setup {
  Offsets offsets;
  std::int64_t d;
  AttentionOptions options;

  std::int64_t tokens() const { return offsets.back(); }
  std::int64_t width() const { return d / options.heads; }
};

Offsets offsets_of(const std::vector<std::int32_t>& lengths) {
  Offsets offsets{0};
  for (const std::int32_t length : lengths) offsets.push_back(offsets.back() + length);
  return offsets;
}

constexpr std::uint64_t kSeed = 11, kStep = 3;

// Factor of the weight of query row i and key j of a sequence that begins at token `begin`, as the README has
// it.
double kept(const Setup& s, std::int64_t begin, std::int64_t head, std::int64_t i, std::int64_t j) {
  if (s.options.dropout == 0) return 1;
  Tape tape;
  tape.randomize(kSeed, kStep);
  static const RandomKey key = tape.next_random().value();
  const std::int64_t group = ((begin + i - i % 8) * s.options.heads + head) << 28;
  const auto words = Philox(key.seed, key.stream).block(static_cast<std::uint64_t>(group + j));
  const std::uint32_t half = words[at(i % 8 / 2)] >> (i % 2 * 16) & 0xFFFF;
  const double share = std::max(1.0, std::round((1 - static_cast<double>(s.options.dropout)) * 65536));
  return half < share ? 65536 / share : 0;
}

// out [tokens x d]; with `up`, the gradient of out, also that of qkv.
struct Reference {
  Matrix out, gradient;
};
Reference reference(const Setup& s, const Matrix& qkv, const Matrix& up = {}) {
  const std::int64_t d = s.d, w = s.width();
  const double scale = 1 / std::sqrt(static_cast<double>(w));
  Reference result{Matrix(at(s.tokens() * d), 0.0), Matrix(up.empty() ? 0 : qkv.size(), 0.0)};
  for (std::size_t sequence = 0; sequence + 1 < s.offsets.size(); ++sequence)
    for (std::int64_t head = 0; head < s.options.heads; ++head) {
      const std::int64_t begin = s.offsets[sequence], length = s.offsets[sequence + 1] - begin;
      const auto place = [&](std::int64_t part, std::int64_t i, std::int64_t c) {
        return at((begin + i) * 3 * d + part * d + head * w + c);
      };
      const auto out_place = [&](std::int64_t i, std::int64_t c) {
        return at((begin + i) * d + head * w + c);
      };
      for (std::int64_t i = 0; i < length; ++i) {
        const std::int64_t seen = s.options.causal ? i + 1 : length;
        Matrix weights, factors, slopes;
        double top = -1e300, total = 0, mean = 0;
        for (std::int64_t j = 0; j < seen; ++j) {
          double score = 0;
          for (std::int64_t c = 0; c < w; ++c) score += qkv[place(0, i, c)] * qkv[place(1, j, c)];
          weights.push_back(score * scale);
          factors.push_back(kept(s, begin, head, i, j));
          top = std::max(top, weights.back());
        }
        for (double& weight : weights) total += weight = std::exp(weight - top);
        for (double& weight : weights) weight /= total;
        for (std::int64_t j = 0; j < seen; ++j)
          for (std::int64_t c = 0; c < w; ++c)
            result.out[out_place(i, c)] += weights[at(j)] * factors[at(j)] * qkv[place(2, j, c)];
        if (up.empty()) continue;
        for (std::int64_t j = 0; j < seen; ++j) {
          double slope = 0;  // d loss / d weight
          for (std::int64_t c = 0; c < w; ++c) slope += up[out_place(i, c)] * qkv[place(2, j, c)];
          slopes.push_back(slope * factors[at(j)]);
          mean += weights[at(j)] * slopes.back();
        }
        for (std::int64_t j = 0; j < seen; ++j)
          for (std::int64_t c = 0; c < w; ++c) {
            const double slope = weights[at(j)] * (slopes[at(j)] - mean) * scale;
            result.gradient[place(0, i, c)] += slope * qkv[place(1, j, c)];
            result.gradient[place(1, j, c)] += slope * qkv[place(0, i, c)];
            result.gradient[place(2, j, c)] += weights[at(j)] * factors[at(j)] * up[out_place(i, c)];
          }
      }
    }
  return result;
}

struct Run {
  std::vector<float> out, gradient;
};
Run run(Tape& tape, const Setup& s, const std::vector<float>& qkv, const std::vector<float>& up) {
  tape.reset();
  tape.randomize(kSeed, kStep);
  const Handle x = tape.input(qkv, s.tokens(), 3 * s.d);
  const Handle y = attention(tape, x, s.offsets, s.options);
  const auto value = tape.value(y);
  Run result{{value.begin(), value.end()}, {}};
  tape.backward(weigh(tape, y, up));
  const auto gradient = tape.gradient(x);
  result.gradient.assign(gradient.begin(), gradient.end());
  return result;
}
Run run(const OpKernels& kernels, const Setup& s, const std::vector<float>& qkv,
        const std::vector<float>& up) {
  Tape tape(kernels);
  poison(tape);
  return run(tape, s, qkv, up);
}

std::string describe(const Setup& s) {
  return " d " + std::to_string(s.d) + " heads " + std::to_string(s.options.heads) +
         (s.options.causal ? " causal" : " full") + " dropout " + std::to_string(s.options.dropout) +
         " tokens " + std::to_string(s.tokens());
}

void compare(const Setup& s) {
  const auto qkv = random_floats(s.tokens() * 3 * s.d, 1), up = random_floats(s.tokens() * s.d, 2);
  const Reference expected = reference(s, widen(qkv), widen(up));
  for_each_level([&](const OpKernels& kernels, const std::string& level) {
    const Run got = run(kernels, s, qkv, up);
    check_close(got.out, expected.out, 4e-6, 1, level + describe(s) + ": value");
    check_close(got.gradient, expected.gradient, 2e-5, 1, level + describe(s) + ": gradient");
  });
}

const test::Add reference_case("attention agrees with its float64 reference: every width, tail and mask", [] {
  struct Heads {
    std::int64_t d, heads;
  };
  const std::vector<std::vector<std::int32_t>> batches{
      {}, {0}, {1}, {2, 0, 1, 3}, {4, 5, 7, 8, 9}, {0, 15, 16, 17, 0}, {50, 33, 1}, {65, 63}};
  for (const auto& [d, heads] : {Heads{0, 1}, Heads{1, 1}, Heads{3, 3}, Heads{8, 1}, Heads{20, 2},
                                 Heads{24, 3}, Heads{64, 1}, Heads{64, 2}, Heads{130, 2}})
    for (const auto& lengths : batches)
      for (const bool causal : {true, false})
        for (const float dropout : {0.0f, 0.3f})
          compare({offsets_of(lengths), d, {.heads = heads, .causal = causal, .dropout = dropout}});
});

const test::Add slopes_case("the reference's gradient is that of its value, by finite differences", [] {
  for (const bool causal : {true, false})
    for (const float dropout : {0.0f, 0.3f}) {
      const Setup s{offsets_of({3, 0, 5}), 6, {.heads = 2, .causal = causal, .dropout = dropout}};
      Matrix qkv = widen(random_floats(s.tokens() * 3 * s.d, 1));
      const auto up = random_floats(s.tokens() * s.d, 2);
      const Matrix gradient = reference(s, qkv, widen(up)).gradient;
      for (std::size_t e = 0; e < qkv.size(); ++e) {
        const double x = qkv[e], h = 1e-5;
        qkv[e] = x + h;
        const double above = weigh(reference(s, qkv).out, up);
        qkv[e] = x - h;
        const double below = weigh(reference(s, qkv).out, up);
        qkv[e] = x;
        check_near(gradient[e], (above - below) / (2 * h), 1e-8, "slope " + std::to_string(e));
      }
    }
});

const test::Add long_case("a sequence of 1100 tokens takes memory in proportion to its length", [] {
  for (const bool causal : {true, false}) {
    const Setup s{offsets_of({1100, 300}), 16, {.heads = 2, .causal = causal, .dropout = 0.1f}};
    compare(s);
    Tape tape;
    const Handle x = tape.input(random_floats(s.tokens() * 48, 1), s.tokens(), 48);
    const std::size_t before = tape.bytes_used();
    attention(tape, x, s.offsets, s.options);
    check(tape.bytes_used() - before < 1400 * 16 * 4 * 2,
          "arena: about the result and 2 numbers a head and token");
  }
});

const test::Add causal_case("a later token changes no earlier output, bit for bit", [] {
  const Setup s{offsets_of({37, 20}), 16, {.heads = 2, .causal = true, .dropout = 0.2f}};
  const auto qkv = random_floats(s.tokens() * 48, 1), up = random_floats(s.tokens() * 16, 2);
  for_each_level([&](const OpKernels& kernels, const std::string& level) {
    const Run before = run(kernels, s, qkv, up);
    for (const std::int64_t changed : {1, 2, 17, 36, 37, 56}) {
      auto other = qkv;
      for (std::int64_t c = 0; c < 48; ++c)
        other[at(changed * 48 + c)] = 1e4f - 3 * other[at(changed * 48 + c)];
      const Run after = run(kernels, s, other, up);
      check(std::memcmp(before.out.data(), after.out.data(), at(changed * 16) * sizeof(float)) == 0,
            level + ": token " + std::to_string(changed) + " reached back");
      check(std::memcmp(&before.out[at(changed * 16)], &after.out[at(changed * 16)], 16 * sizeof(float)) != 0,
            level + ": the token itself changes");
      if (changed < 37)
        check(std::memcmp(&before.out[37 * 16], &after.out[37 * 16], 20 * 16 * sizeof(float)) == 0,
              level + ": nothing passes from one sequence to the next");
    }
  });
});

const test::Add packed_case("a packed batch gives each sequence the bits it has alone", [] {
  const std::vector<std::int32_t> lengths{5, 0, 50, 1, 200, 8};
  for (const bool causal : {true, false}) {
    const Setup all{offsets_of(lengths), 24, {.heads = 3, .causal = causal}};
    const auto qkv = random_floats(all.tokens() * 72, 1), up = random_floats(all.tokens() * 24, 2);
    for_each_level([&](const OpKernels& kernels, const std::string& level) {
      const Run together = run(kernels, all, qkv, up);
      for (std::size_t i = 0; i < lengths.size(); ++i) {
        const auto slice = [&](const std::vector<float>& from, std::int64_t cols) {
          return std::vector<float>(from.begin() + all.offsets[i] * cols,
                                    from.begin() + all.offsets[i + 1] * cols);
        };
        const Run alone =
            run(kernels, {offsets_of({lengths[i]}), 24, all.options}, slice(qkv, 72), slice(up, 24));
        check(alone.out == slice(together.out, 24), level + ": value of sequence " + std::to_string(i));
        check(alone.gradient == slice(together.gradient, 72), level + ": gradient of " + std::to_string(i));
      }
    });
  }
});

const test::Add accumulate_case("gradients of several uses add up", [] {
  const Setup s{offsets_of({9, 70}), 16, {.heads = 2, .causal = true}};
  const auto qkv = random_floats(s.tokens() * 48, 1), up = random_floats(s.tokens() * 16, 2);
  for_each_level([&](const OpKernels& kernels, const std::string& level) {
    const Run once = run(kernels, s, qkv, up);
    Tape tape(kernels);
    const Handle x = tape.input(qkv, s.tokens(), 48);
    const Handle both =
        add(tape, attention(tape, x, s.offsets, s.options), attention(tape, x, s.offsets, s.options));
    tape.backward(weigh(tape, both, up));
    Matrix twice = widen(once.gradient);
    for (double& g : twice) g *= 2;
    check_close(tape.gradient(x), twice, 2e-6, 4, level);
  });
});

const test::Add threads_case("1, 2 and 3 threads give the same bits", [] {
  const Setup s{
      offsets_of({50, 3, 0, 200, 50, 50, 1, 90}), 32, {.heads = 2, .causal = true, .dropout = 0.2f}};
  const auto qkv = random_floats(s.tokens() * 96, 1), up = random_floats(s.tokens() * 32, 2);
  check_same_bits_at_any_thread_count([&](const OpKernels& kernels) {
    Run got = run(kernels, s, qkv, up);
    got.out.insert(got.out.end(), got.gradient.begin(), got.gradient.end());
    return got.out;
  });
});

const test::Add extremes_case("scores far apart neither overflow nor lose the weight of the best", [] {
  const Setup s{offsets_of({3}), 1, {.causal = true}};
  for_each_level([&](const OpKernels& kernels, const std::string& level) {
    // Queries 1e3; keys -1e3, 1e3, 0: the second token wins by 1e6.
    const Run got = run(kernels, s, {1e3f, -1e3f, 5, 1e3f, 1e3f, 7, 1e3f, 0, 9}, {1, 1, 1});
    check(got.out == std::vector<float>{5, 7, 7}, level + ": value");
    for (const float g : got.gradient) check(std::isfinite(g), level + ": gradient");
  });
});

const test::Add dropout_case(
    "dropout keeps the expectation, differs from step to step and ends with the training step", [] {
      const Setup s{offsets_of({12, 30}), 8, {.heads = 2, .causal = true, .dropout = 0.25f}};
      const auto qkv = random_floats(s.tokens() * 24, 1);
      AttentionOptions plain = s.options;
      plain.dropout = 0;
      for_each_level([&](const OpKernels& kernels, const std::string& level) {
        Tape tape(kernels);
        const auto outcome = [&](const AttentionOptions& options, std::int64_t step) {
          tape.reset();
          if (step >= 0) tape.randomize(kSeed, static_cast<std::uint64_t>(step));
          const auto value = tape.value(attention(tape, tape.input(qkv, s.tokens(), 24), s.offsets, options));
          return std::vector<float>(value.begin(), value.end());
        };
        const std::vector<float> expected = outcome(plain, -1);
        check(outcome(s.options, -1) == expected, level + ": none outside a training step");
        check(outcome(plain, 5) == expected, level + ": none at rate 0");
        check(outcome(s.options, 5) == outcome(s.options, 5), level + ": the same step, the same bits");
        check(outcome(s.options, 5) != outcome(s.options, 6), level + ": another step, other bits");
        constexpr int kSteps = 2000;
        Matrix mean(expected.size(), 0.0);
        for (int step = 0; step < kSteps; ++step) {
          const std::vector<float> out = outcome(s.options, step);
          for (std::size_t i = 0; i < out.size(); ++i) mean[i] += out[i] / static_cast<double>(kSteps);
        }
        // A number's deviation is at most 2 sqrt(rate / (1 - rate)) = 1.2, that of the mean 0.026.
        check_close(expected, mean, 0.13, 1, level + ": mean of " + std::to_string(kSteps));
      });
    });

const test::Add extreme_dropout_case("dropout preserves the mean where nearly all weights go", [] {
  constexpr std::int64_t kTokens = 2048;
  const std::vector<float> ones(3 * kTokens, 1.0f);
  Tape tape;
  tape.randomize(kSeed, kStep);
  const Handle qkv = tape.input(ones, kTokens, 3);
  const AttentionOptions options{.heads = 1, .causal = false, .dropout = 0.99999f};  // 1 of 65536 stays
  double mean = 0;
  for (const float value : tape.value(attention(tape, qkv, offsets_of({kTokens}), options)))
    mean += value / static_cast<double>(kTokens);
  check_near(mean, 1, 0.5, "mean");  // of 64 weights: four deviations
});

const test::Add errors_case("shapes, offsets, heads and rates that do not fit are named in the error", [] {
  Tape tape;
  const Handle x = tape.input(random_floats(60, 1), 5, 12), odd = tape.input(random_floats(10, 1), 5, 2);
  const auto refuses = [&](const std::string& part, Handle qkv, const Offsets& offsets,
                           const AttentionOptions& o) {
    expect_argument_error(part, [&] { attention(tape, qkv, offsets, o); });
  };
  refuses("qkv: expected 3 d columns, got 2", odd, {0, 5}, {});
  refuses("heads: expected a divisor of d = 4, got 3", x, {0, 5}, {.heads = 3});
  refuses("heads: expected a divisor of d = 4, got 0", x, {0, 5}, {.heads = 0});
  refuses("dropout", x, {0, 5}, {.dropout = 1});
  refuses("dropout", x, {0, 5}, {.dropout = -0.1f});
  refuses("dropout", x, {0, 5}, {.dropout = std::nanf("")});
  refuses("offsets: expected a list that begins with 0", x, {}, {});
  refuses("offsets: expected a list that begins with 0", x, {1, 5}, {});
  refuses("offsets[2]: expected at least 4, got 3", x, {0, 4, 3, 5}, {});
  refuses("offsets: expected the last to be 5, the number of tokens, got 4", x, {0, 4}, {});
});

}  // namespace

int main() { return l4r::test::run_all(); }
