// Ten thousand small catalogues, random and adversarial, at every instruction-set level: the ids and scores
// of the float64 brute force; and the kernels that decide them, level by level.
#include <array>
#include <bit>
#include <cmath>

#include "serving/score_kernels.h"
#include "top_k_reference.h"

namespace {

using namespace l4r::test;

constexpr int kCases = 10'000;
constexpr float kMax = std::numeric_limits<float>::max(), kMin = std::numeric_limits<float>::denorm_min();

// Values that break careless bounds: ties, zeros of both signs, ends of the range, neighbours of one.
float awkward(Random& random) {
  constexpr std::array kValues{0.0f,  -0.0f,        1.0f,   -1.0f,  0.5f,   kMax,   -kMax,    kMin,
                               -kMin, 1 + 0x1p-23f, 1e-30f, -1e30f, 127.0f, 127.5f, 0x1p-126f};
  return kValues[static_cast<std::size_t>(random.below(std::ssize(kValues)))];
}

void spoil(Random& random, std::vector<float>& values, std::int64_t d) {
  const auto rows = std::ssize(values) / std::max<std::int64_t>(1, d);
  switch (random.below(7)) {
    case 0:  // few distinct values
      for (auto& value : values) value = std::round(2 * value) / 2;
      break;
    case 1:
      for (auto& value : values)
        if (random.below(3) == 0) value = awkward(random);
      break;
    case 2:  // repeated rows
      for (std::int64_t i = 1; i < rows; ++i)
        if (random.below(2) == 0)
          std::copy_n(values.begin() + random.below(i) * d, d, values.begin() + i * d);
      break;
    case 3:  // rows of zeros
      for (std::int64_t i = 0; i < rows; ++i)
        if (random.below(3) == 0) std::fill_n(values.begin() + i * d, d, 0.0f);
      break;
    case 4:  // one size, many directions: equal norms up to a sign
      for (auto& value : values) value = std::copysign(0.75f, value);
      break;
    case 5:  // exponents anywhere
      for (auto& value : values) {
        value = std::ldexp(value, static_cast<int>(random.below(300)) - 150);
        if (!std::isfinite(value)) value = kMax;
      }
      break;
    default:  // as they are
      break;
  }
}

// A filter that leaves one item or none, or any.
OwnedFilter filter_for(Random& random, const Problem& p) {
  if (random.below(4) != 0 || p.n == 0)
    return random_filter(random, p.n, p.batch, static_cast<int>(random.below(16)));
  OwnedFilter filter;
  filter.deny.assign(static_cast<std::size_t>(p.n), 1);
  if (random.below(2) == 0) filter.deny[static_cast<std::size_t>(random.below(p.n))] = 0;
  return filter;
}

const Add cases("ten thousand catalogues give the brute force's ids and scores", [] {
  Random random(101);
  for (int number = 0; number < kCases; ++number) {
    const std::int64_t n = random.below(number % 50 == 0 ? 900 : 70), d = 1 + random.below(20);
    Problem p = random_problem(random, n, d, 1 + random.below(15), random.below(2) == 0);
    spoil(random, p.items, d);
    spoil(random, p.queries, d);
    spoil(random, p.biases, 1);
    const std::array<std::int64_t, 4> ks{1, 1 + random.below(20), std::max<std::int64_t>(1, n), n + 3};
    const OwnedFilter filter = filter_for(random, p);
    check_problem(p, ks[static_cast<std::size_t>(random.below(4))], filter.view(),
                  "case " + std::to_string(number));
  }
});

const Add long_queries("a query too long for float32 finds its items, also where all of them are zero", [] {
  for (const float item : {0.0f, 1e-30f, 1.0f}) {
    const Problem p{
        40, 3, 2, std::vector<float>(120, item), std::vector<float>(40, 0.5f), std::vector<float>(6, kMax)};
    check_problem(p, 5, {}, "long query, items of " + std::to_string(item));
  }
});

const Add over_scale("scores whose share of a small query leaves float32 keep their order", [] {
  for (const float size : {0x1p-8f, 0x1p-20f, -0x1p-8f}) {
    Problem p{32, 1, 1, std::vector<float>(32, 0x1p127f), std::vector<float>(32, 0x1p119f), {size}};
    p.biases[20] = 0x1p120f;
    check_problem(p, 1, {}, "over the scale");
    p.batch = 3;
    p.queries = {size, -size, 0x1p-140f};
    check_problem(p, 5, {}, "over the scale");
  }
});

const Add exact("float64 scores have the bits of a plain loop at every level", [] {
  Random random(102);
  for (const std::int64_t d : {1, 2, 7, 15, 16, 17, 33, 64, 100, 257})
    for (const std::int64_t count : {0, 1, 5, 8, 16, 17, 40}) {
      Problem p = random_problem(random, 50, d, 1, true);
      if (d % 2 == 0) spoil(random, p.items, d);
      std::vector<std::int32_t> ids;
      for (std::int64_t i = 0; i < count; ++i) ids.push_back(static_cast<std::int32_t>(random.below(50)));
      const auto expected = brute_scores(p);
      for (const l4r::Level level : l4r::available_levels()) {
        std::vector<double> found(ids.size() + 1, 7.0);
        l4r::score_kernels(level).exact_scores(p.queries.data(), d, p.items.data(), p.biases.data(),
                                               ids.data(), count, found.data());
        bool ok = found.back() == 7.0;
        for (std::size_t i = 0; i < ids.size(); ++i)
          ok &= std::bit_cast<std::uint64_t>(found[i]) ==
                std::bit_cast<std::uint64_t>(expected[static_cast<std::size_t>(ids[i])]);
        check(ok, std::string(l4r::level_name(level)) + ", d " + std::to_string(d) + ", " +
                      std::to_string(count) + " items");
      }
    }
});

const Add floors("a floor of the k-th largest is reached by k values and lies near it", [] {
  Random random(103);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (int round = 0; round < 2000; ++round) {
    auto values = random.vector(1 + random.below(300));
    spoil(random, values, 1);
    if (round % 5 == 0)
      for (auto& value : values)
        if (random.below(4) == 0) value = -kInfinity;
    const auto count = std::ssize(values), k = 1 + random.below(count);
    auto sorted = values;
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    const float kth = sorted[static_cast<std::size_t>(k) - 1], range = sorted.front() - sorted.back();
    for (const l4r::Level level : l4r::available_levels()) {
      const float found = l4r::score_kernels(level).floor_of_kth(values.data(), count, k);
      check(found <= kth &&
                std::count_if(values.begin(), values.end(), [&](float x) { return x >= found; }) >= k,
            "reached by k");
      const auto reaching = std::count_if(values.begin(), values.end(), [&](float x) { return x >= found; });
      check(!std::isfinite(range) || reaching == k || kth - found <= range * 0x1p-13f + 0x1p-140f, "near");
    }
  }
});

const Add small_queries("queries whose scale has no inverse in float32 find their items", [] {
  Random random(105);
  for (const auto& [query, item, bias] :
       {std::array{0x1p-133f, 0x1p110f, 0.0f}, {0x1p-140f, 0x1p60f, 0x1p-80f}, {0x1p-120f, 0x1p-20f, 0.0f}}) {
    Problem p = random_problem(random, 1500, 5, 3, bias != 0);
    for (auto& value : p.items) value *= item;
    for (auto& value : p.queries) value *= query;
    for (auto& value : p.biases) value *= bias;
    check_problem(p, 10, {}, "query of " + std::to_string(std::log2(query)));
  }
});

const Add small_shares("biases whose share of a long query is denormal keep their order", [] {
  Random random(106);
  Problem p = random_problem(random, 1500, 3, 2, true);
  for (auto& value : p.queries) value *= 0x1p100f;
  for (auto& value : p.items) value = 0;
  for (auto& value : p.biases) value *= 0x1p-54f;
  check_problem(p, 10, {}, "zero items");
  for (auto& value : p.items) value = random.below(2) == 0 ? 0x1p-149f : 0.0f;
  check_problem(p, 10, {}, "denormal items");
});

const Add long_lists("long lists of a batch, with more items near the last place than wait at once", [] {
  Random random(107);
  for (const float step : {0.0f, 0.5f, 4.0f}) {
    Problem p = random_problem(random, 4000, 16, 27, step != 0);
    if (step != 0)
      for (auto* values : {&p.items, &p.queries, &p.biases})
        for (auto& value : *values) value = std::round(step * value) / step;
    for (const std::int64_t k : {40, 100, 250})
      check_problem(p, k, random_filter(random, p.n, p.batch, static_cast<int>(random.below(4))).view(),
                    "step " + std::to_string(step));
  }
});

const Add placed("places are those of a sort", [] {
  Random random(104);
  for (const std::int64_t count : {0, 1, 2, 7, 8, 9, 31, 100, 160}) {
    const auto draws = random.vector(count);
    std::vector<double> scores;
    std::vector<std::int32_t> ids;
    for (std::int64_t i = 0; i < count; ++i) {
      scores.push_back(std::round(4 * draws[static_cast<std::size_t>(i)]) / (count % 2 == 0 ? 4 : 1e-300));
      ids.push_back(static_cast<std::int32_t>((i * 37) % 163));
    }
    std::vector<std::int32_t> expected(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < expected.size(); ++i)
      for (std::size_t j = 0; j < expected.size(); ++j)
        expected[i] += scores[j] > scores[i] || (scores[j] == scores[i] && ids[j] < ids[i]) ? 1 : 0;
    for (const l4r::Level level : l4r::available_levels()) {
      std::vector<std::int32_t> found(expected.size(), -1);
      l4r::score_kernels(level).places(scores.data(), ids.data(), count, found.data());
      check(found == expected, std::string(l4r::level_name(level)) + ", " + std::to_string(count));
    }
  }
});

}  // namespace

int main() { return l4r::test::run_all(); }
