// Attention of tails behind prefixes against a float64 reference written in the plainest way, forward and
// backward, at every available level.
#include "ops/segment_attention/segment_attention.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "op_case.h"
#include "ops/elementwise/elementwise.h"

namespace {

using namespace l4r;
using namespace l4r::test;

using Indices = std::vector<std::int32_t>;

constexpr std::uint64_t kSeed = 11, kStep = 3;

// A sequence: the length of its prefix, then those of its tails.
using Lengths = std::vector<std::int32_t>;

struct Setup {
  Indices segments{0}, sequences{0};
  std::int64_t w;
  SegmentAttentionOptions options;

  Setup(const std::vector<Lengths>& lengths, std::int64_t width, const SegmentAttentionOptions& given)
      : w(width), options(given) {
    for (const Lengths& sequence : lengths) {
      for (const std::int32_t length : sequence) segments.push_back(segments.back() + length);
      sequences.push_back(static_cast<std::int32_t>(segments.size()) - 1);
    }
  }

  std::int64_t tokens() const { return segments.back(); }
  std::int64_t cols() const { return (options.heads + 2 * options.kv_heads) * w; }
  std::int64_t out_cols() const { return options.heads * w; }
  std::vector<float> x() const { return random_floats(tokens() * cols(), 1); }
  std::vector<float> up() const { return random_floats(tokens() * out_cols(), 2); }
};

// The tokens that each token sees, in order.
std::vector<std::vector<std::int64_t>> visible(const Setup& s) {
  std::vector<std::vector<std::int64_t>> all(at(s.tokens()));
  for (std::size_t q = 0; q + 1 < s.sequences.size(); ++q)
    for (std::int32_t g = s.sequences[q]; g < s.sequences[q + 1]; ++g)
      for (std::int64_t i = s.segments[at(g)]; i < s.segments[at(g) + 1]; ++i) {
        const std::size_t prefix = at(s.sequences[q]);
        if (g > s.sequences[q])
          for (std::int64_t j = s.segments[prefix]; j < s.segments[prefix + 1]; ++j) all[at(i)].push_back(j);
        for (std::int64_t j = s.segments[at(g)]; j <= i; ++j) all[at(i)].push_back(j);
      }
  return all;
}

// Factor of the weight of token i, head h and the j-th token that it sees, as the README has it.
double kept(const Setup& s, std::int64_t i, std::int64_t h, std::int64_t j) {
  if (s.options.dropout == 0) return 1;
  static const RandomKey key = [] {
    Tape tape;
    tape.randomize(kSeed, kStep);
    return tape.next_random().value();
  }();
  const std::int64_t e = (i * s.options.heads + h) * (std::int64_t{1} << 28) + j;
  const auto words = Philox(key.seed, key.stream).block(static_cast<std::uint64_t>(e / 8));
  const std::uint32_t half = words[at(e % 8 / 2)] >> (e % 2 * 16) & 0xFFFF;
  const double share = std::max(1.0, std::round((1 - static_cast<double>(s.options.dropout)) * 65536));
  return half < share ? 65536 / share : 0;
}

// out [tokens x heads w]; with `up`, the gradient of out, also that of x.
struct Reference {
  Matrix out, gradient;
};
Reference reference(const Setup& s, const Matrix& x, const Matrix& up = {}) {
  const std::int64_t w = s.w, heads = s.options.heads, kv_heads = s.options.kv_heads;
  const double scale = 1 / std::sqrt(static_cast<double>(w));
  Reference result{Matrix(at(s.tokens() * s.out_cols()), 0.0), Matrix(up.empty() ? 0 : x.size(), 0.0)};
  const auto seen = visible(s);
  for (std::int64_t i = 0; i < s.tokens(); ++i)
    for (std::int64_t h = 0; h < heads; ++h) {
      const std::int64_t kv = h / (heads / kv_heads);
      const auto query = [&](std::int64_t c) { return at(i * s.cols() + h * w + c); };
      const auto key = [&](std::int64_t t, std::int64_t c) {
        return at(t * s.cols() + (heads + kv) * w + c);
      };
      const auto value = [&](std::int64_t t, std::int64_t c) { return key(t, kv_heads * w + c); };
      const auto out = [&](std::int64_t c) { return at(i * s.out_cols() + h * w + c); };
      const std::vector<std::int64_t>& tokens = seen[at(i)];
      Matrix weights, factors, slopes;
      double top = -1e300, total = 0, mean = 0;
      for (std::size_t j = 0; j < tokens.size(); ++j) {
        double score = 0;
        for (std::int64_t c = 0; c < w; ++c) score += x[query(c)] * x[key(tokens[j], c)];
        weights.push_back(score * scale);
        factors.push_back(kept(s, i, h, static_cast<std::int64_t>(j)));
        top = std::max(top, weights.back());
      }
      for (double& weight : weights) total += weight = std::exp(weight - top);
      for (double& weight : weights) weight /= total;
      for (std::size_t j = 0; j < tokens.size(); ++j)
        for (std::int64_t c = 0; c < w; ++c)
          result.out[out(c)] += weights[j] * factors[j] * x[value(tokens[j], c)];
      if (up.empty()) continue;
      for (std::size_t j = 0; j < tokens.size(); ++j) {
        double slope = 0;  // d loss / d weight
        for (std::int64_t c = 0; c < w; ++c) slope += up[out(c)] * x[value(tokens[j], c)];
        slopes.push_back(slope * factors[j]);
        mean += weights[j] * slopes[j];
      }
      for (std::size_t j = 0; j < tokens.size(); ++j)
        for (std::int64_t c = 0; c < w; ++c) {
          const double slope = weights[j] * (slopes[j] - mean) * scale;
          result.gradient[query(c)] += slope * x[key(tokens[j], c)];
          result.gradient[key(tokens[j], c)] += slope * x[query(c)];
          result.gradient[value(tokens[j], c)] += weights[j] * factors[j] * up[out(c)];
        }
    }
  return result;
}

struct Run {
  std::vector<float> out, gradient;
};
Run run(const OpKernels& kernels, const Setup& s, const std::vector<float>& x, const std::vector<float>& up) {
  Tape tape(kernels);
  poison(tape);
  tape.randomize(kSeed, kStep);
  const Handle tokens = tape.input(x, s.tokens(), s.cols());
  const Handle y = segment_attention(tape, tokens, s.segments, s.sequences, s.options);
  const auto value = tape.value(y);
  Run result{{value.begin(), value.end()}, {}};
  tape.backward(weigh(tape, y, up));
  const auto gradient = tape.gradient(tokens);
  result.gradient.assign(gradient.begin(), gradient.end());
  return result;
}

void compare(const Setup& s) {
  const auto x = s.x(), up = s.up();
  const Reference expected = reference(s, widen(x), widen(up));
  // A key of the prefix gathers from all rows that see it.
  const double rows = static_cast<double>(s.tokens() * s.options.heads / s.options.kv_heads) / 100;
  for_each_level([&](const OpKernels& kernels, const std::string& level) {
    const std::string what = level + " w " + std::to_string(s.w) + " heads " +
                             std::to_string(s.options.heads) + "/" + std::to_string(s.options.kv_heads) +
                             " dropout " + std::to_string(s.options.dropout) + " tokens " +
                             std::to_string(s.tokens());
    const Run got = run(kernels, s, x, up);
    check_close(got.out, expected.out, 4e-6, 1, what + ": value");
    check_close(got.gradient, expected.gradient, 2e-5, rows, what + ": gradient");
  });
}

const test::Add reference_case(
    "segment attention agrees with its float64 reference: every width, grouping and ragged length", [] {
      struct Heads {
        std::int64_t heads, kv_heads, w;
      };
      const std::vector<std::vector<Lengths>> batches{
          {},
          {{}},
          {{0}, {0, 0, 0}, {}},
          {{1}, {0, 1}, {1, 1, 1}},
          {{0, 3, 0, 5}, {}, {4}, {7, 1, 0, 1, 2}},
          {{15, 16, 17}, {16, 15}, {17, 1, 1, 1, 33}},
          {{65, 24, 3, 40, 9}, {50}},
      };
      for (const auto& [heads, kv_heads, w] :
           {Heads{1, 1, 1}, Heads{3, 1, 5}, Heads{2, 2, 8}, Heads{4, 2, 32}, Heads{5, 1, 17}, Heads{40, 1, 3},
            Heads{2, 1, 65}})
        for (const auto& lengths : batches)
          for (const float dropout : {0.0f, 0.3f})
            compare(Setup(lengths, w, {.heads = heads, .kv_heads = kv_heads, .dropout = dropout}));
    });

const test::Add slopes_case("the reference's gradient is that of its value, by finite differences", [] {
  for (const float dropout : {0.0f, 0.3f}) {
    const Setup s({{3, 2, 0, 1}, {0, 2}, {2}}, 2, {.heads = 4, .kv_heads = 2, .dropout = dropout});
    Matrix x = widen(s.x());
    const auto up = s.up();
    const Matrix gradient = reference(s, x, widen(up)).gradient;
    for (std::size_t e = 0; e < x.size(); ++e) {
      const double middle = x[e], h = 1e-5;
      x[e] = middle + h;
      const double above = weigh(reference(s, x).out, up);
      x[e] = middle - h;
      const double below = weigh(reference(s, x).out, up);
      x[e] = middle;
      check_near(gradient[e], (above - below) / (2 * h), 1e-8, "slope " + std::to_string(e));
    }
  }
});

const test::Add long_case("a sequence of 1300 tokens takes memory in proportion to its length", [] {
  const Setup s({{1100, 40, 160}, {200}}, 16, {.heads = 2, .dropout = 0.1f});
  compare(s);
  Tape tape;
  const Handle x = tape.input(s.x(), s.tokens(), s.cols());
  const std::size_t before = tape.bytes_used();
  segment_attention(tape, x, s.segments, s.sequences, s.options);
  check(tape.bytes_used() - before < 1500 * 32 * 4 * 2,
        "arena: about the result and 2 numbers a head and token");
});

const test::Add empty_segments_case("segments without tokens cost next to nothing", [] {
  // 2^21 of them before, between and behind the tokens: a panel each would take gigabytes.
  constexpr std::int32_t kEmpty = 1 << 21;
  const Setup plain({{2, 3}}, 64, {.dropout = 0.2f});
  Lengths lengths(kEmpty, 0);
  lengths[0] = 2;
  lengths[kEmpty / 2] = 3;
  const Setup s({lengths}, 64, {.dropout = 0.2f});
  for_each_level([&](const OpKernels& kernels, const std::string& level) {
    const Run got = run(kernels, s, s.x(), s.up()), expected = run(kernels, plain, s.x(), s.up());
    check(got.out == expected.out && got.gradient == expected.gradient, level);
  });
});

const test::Add leak_case(
    "a token changes nothing but what may see it, bit for bit: no tail another, no tail its prefix", [] {
      const Setup s({{30, 5, 1, 0, 12}, {0, 3, 3}, {20, 7}}, 8, {.heads = 4, .kv_heads = 2, .dropout = 0.2f});
      const auto x = s.x(), up = s.up();
      const auto seen = visible(s);
      for_each_level([&](const OpKernels& kernels, const std::string& level) {
        const Run before = run(kernels, s, x, up);
        for (std::int64_t changed = 0; changed < s.tokens(); ++changed) {
          auto other = x;
          for (std::int64_t c = 0; c < s.cols(); ++c) other[at(changed * s.cols() + c)] += 0.5f;
          const Run after = run(kernels, s, other, up);
          for (std::int64_t i = 0; i < s.tokens(); ++i) {
            const bool same = std::memcmp(&before.out[at(i * s.out_cols())], &after.out[at(i * s.out_cols())],
                                          at(s.out_cols()) * sizeof(float)) == 0;
            const bool sees = std::ranges::find(seen[at(i)], changed) != seen[at(i)].end();
            check(same != sees, level + ": token " + std::to_string(i) + (sees ? " misses " : " saw ") +
                                    std::to_string(changed));
          }
        }
      });
    });

const test::Add packed_case("tails in one sequence get the bits that each has alone behind the prefix", [] {
  const std::int32_t prefix = 37;
  const std::vector<std::int32_t> tails{5, 1, 20, 0, 33};
  const SegmentAttentionOptions options{.heads = 4, .kv_heads = 2};
  Lengths lengths{prefix};
  lengths.insert(lengths.end(), tails.begin(), tails.end());
  const Setup together({lengths}, 12, options);
  const auto x = together.x(), up = together.up();
  const auto rows = [](const std::vector<float>& from, std::int64_t cols, std::int64_t begin,
                       std::int64_t end) {
    return std::vector<float>(from.begin() + begin * cols, from.begin() + end * cols);
  };
  for_each_level([&](const OpKernels& kernels, const std::string& level) {
    const std::vector<float> all = run(kernels, together, x, up).out;
    for (std::size_t t = 0; t < tails.size(); ++t) {
      const Setup alone({{prefix, tails[t]}}, 12, options);
      const std::int64_t begin = together.segments[t + 1], end = together.segments[t + 2];
      auto own = rows(x, alone.cols(), 0, prefix);
      const auto tail = rows(x, alone.cols(), begin, end);
      own.insert(own.end(), tail.begin(), tail.end());
      const std::vector<float> out = run(kernels, alone, own, alone.up()).out;
      check(rows(out, alone.out_cols(), prefix, alone.tokens()) == rows(all, alone.out_cols(), begin, end),
            level + ": tail " + std::to_string(t));
      check(rows(out, alone.out_cols(), 0, prefix) == rows(all, alone.out_cols(), 0, prefix),
            level + ": prefix");
    }
  });
});

const test::Add accumulate_case("gradients of several uses add up", [] {
  const Setup s({{9, 3, 4}, {0, 40}}, 8, {.heads = 4, .kv_heads = 2});
  const auto x = s.x(), up = s.up();
  for_each_level([&](const OpKernels& kernels, const std::string& level) {
    const Run once = run(kernels, s, x, up);
    Tape tape(kernels);
    const Handle tokens = tape.input(x, s.tokens(), s.cols());
    const auto use = [&] { return segment_attention(tape, tokens, s.segments, s.sequences, s.options); };
    tape.backward(weigh(tape, add(tape, use(), use()), up));
    Matrix twice = widen(once.gradient);
    for (double& g : twice) g *= 2;
    check_close(tape.gradient(tokens), twice, 2e-6, 4, level);
  });
});

const test::Add threads_case("1, 2 and 3 threads give the same bits", [] {
  const Setup s({{90, 8, 30, 1}, {0, 5}, {40}, {}, {10, 10, 10, 10}, {120, 7, 7, 7}, {33, 2}}, 16,
                {.heads = 4, .kv_heads = 2, .dropout = 0.2f});
  const auto x = s.x(), up = s.up();
  check_same_bits_at_any_thread_count([&](const OpKernels& kernels) {
    Run got = run(kernels, s, x, up);
    got.out.insert(got.out.end(), got.gradient.begin(), got.gradient.end());
    return got.out;
  });
});

const test::Add extremes_case("scores far apart neither overflow nor lose the weight of the best", [] {
  const Setup s({{2, 1}}, 1, {});
  for_each_level([&](const OpKernels& kernels, const std::string& level) {
    // Queries 1e3; keys -1e3, 1e3, 0: the second token wins by 1e6.
    const Run got = run(kernels, s, {1e3f, -1e3f, 5, 1e3f, 1e3f, 7, 1e3f, 0, 9}, {1, 1, 1});
    check(got.out == std::vector<float>{5, 7, 7}, level + ": value");
    for (const float g : got.gradient) check(std::isfinite(g), level + ": gradient");
  });
});

const test::Add dropout_case("dropout differs from step to step and ends with the training step", [] {
  const Setup s({{12, 3, 5}, {6}}, 4, {.heads = 4, .kv_heads = 2, .dropout = 0.25f});
  const auto x = s.x();
  SegmentAttentionOptions plain = s.options;
  plain.dropout = 0;
  for_each_level([&](const OpKernels& kernels, const std::string& level) {
    const auto outcome = [&](const SegmentAttentionOptions& options, std::int64_t step) {
      Tape tape(kernels);
      if (step >= 0) tape.randomize(kSeed, static_cast<std::uint64_t>(step));
      const auto value = tape.value(
          segment_attention(tape, tape.input(x, s.tokens(), s.cols()), s.segments, s.sequences, options));
      return std::vector<float>(value.begin(), value.end());
    };
    const std::vector<float> expected = outcome(plain, -1);
    check(outcome(s.options, -1) == expected, level + ": none outside a training step");
    check(outcome(plain, 5) == expected, level + ": none at rate 0");
    check(outcome(s.options, 5) == outcome(s.options, 5), level + ": the same step, the same bits");
    check(outcome(s.options, 5) != outcome(s.options, 6), level + ": another step, other bits");
  });
});

const test::Add errors_case("lists, heads and rates that do not fit are named in the error", [] {
  Tape tape;
  const Handle x = tape.input(random_floats(60, 1), 5, 12);
  const auto refuses = [&](const std::string& part, const Indices& segments, const Indices& sequences,
                           const SegmentAttentionOptions& o) {
    expect_argument_error(part, [&] { segment_attention(tape, x, segments, sequences, o); });
  };
  refuses("kvHeads: expected a divisor of heads = 4, got 3", {0, 5}, {0, 1}, {.heads = 4, .kv_heads = 3});
  refuses("kvHeads: expected a divisor of heads = 4, got 0", {0, 5}, {0, 1}, {.heads = 4, .kv_heads = 0});
  refuses("kvHeads: expected a divisor of heads = 0, got 1", {0, 5}, {0, 1}, {.heads = 0, .kv_heads = 1});
  refuses("x: expected a multiple of 5 columns, heads + 2 kvHeads, got 12", {0, 5}, {0, 1}, {.heads = 3});
  expect_argument_error("x: expected a multiple of 3 columns, heads + 2 kvHeads, got 0", [&] {
    segment_attention(tape, tape.input({}, 5, 0), Indices{0, 5}, Indices{0, 1}, {});
  });
  refuses("dropout", {0, 5}, {0, 1}, {.dropout = 1});
  refuses("dropout", {0, 5}, {0, 1}, {.dropout = -0.1f});
  refuses("dropout", {0, 5}, {0, 1}, {.dropout = std::nanf("")});
  refuses("segments: expected a list that begins with 0", {}, {0}, {});
  refuses("segments: expected a list that begins with 0", {1, 5}, {0, 1}, {});
  refuses("segments[2]: expected at least 4, got 3", {0, 4, 3, 5}, {0, 3}, {});
  refuses("segments: expected the last to be 5, the number of tokens, got 4", {0, 4}, {0, 1}, {});
  refuses("sequences: expected a list that begins with 0", {0, 5}, {}, {});
  refuses("sequences[2]: expected at least 1, got 0", {0, 5}, {0, 1, 0, 1}, {});
  refuses("sequences: expected the last to be 2, the number of segments, got 1", {0, 4, 5}, {0, 1}, {});
});

}  // namespace

int main() { return l4r::test::run_all(); }
