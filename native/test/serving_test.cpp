// The exact top-k held against a float64 brute force, at every instruction-set level of this machine.
#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <set>
#include <thread>
#include <vector>

#include "base/cpu.h"
#include "base/rng.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "check.h"
#include "serving/catalogue.h"
#include "serving/probe.h"
#include "serving/scan_kernels.h"
#include "serving/select.h"
#include "top_k_reference.h"

namespace {

using l4r::Catalogue;

using l4r::TopKFilter;
using l4r::TopKResult;
using l4r::test::Add;
using l4r::test::brute_scores;
using l4r::test::brute_top_k;
using l4r::test::check;
using l4r::test::check_problem;
using l4r::test::OwnedFilter;
using l4r::test::Problem;
using l4r::test::Random;
using l4r::test::random_filter;
using l4r::test::random_problem;
using l4r::test::same;

template <typename Body>
void check_refused(const std::string& part, const Body& body) {
  try {
    body();
    check(false, "expected an error that says \"" + part + "\"");
  } catch (const l4r::Error& error) {
    check(error.code() == l4r::Code::argument && std::string(error.what()).find(part) != std::string::npos,
          "expected \"" + part + "\" in \"" + error.what() + "\"");
  }
}

const Add shapes("the ids of the brute force for every shape", [] {
  Random random(1);
  for (const std::int64_t n : {0, 1, 2, 15, 16, 17, 31, 33, 1000})
    for (const std::int64_t d : {1, 2, 3, 7, 8, 9, 16, 17, 64, 65, 200})
      for (const std::int64_t batch : {0, 1, 2, 3, 5, 8, 33}) {
        if (n * d * batch > 2'000'000) continue;
        const std::array<std::int64_t, 5> ks{1, 2, 10, std::max<std::int64_t>(n, 1), n + 5};
        check_problem(random_problem(random, n, d, batch, random.below(2) == 0), ks[random.below(5)], {},
                      "plain");
      }
});

const Add filters("excluded, denied and not allowed items never come back", [] {
  Random random(2);
  for (const std::int64_t n : {1, 2, 17, 33, 300, 1000})
    for (int kinds = 0; kinds < 16; ++kinds)
      for (const std::int64_t batch : {1, 3, 9}) {
        const Problem p = random_problem(random, n, 8, batch, kinds % 2 == 0);
        const OwnedFilter filter = random_filter(random, n, batch, kinds);
        for (const std::int64_t k : {std::int64_t{1}, std::int64_t{10}, n + 5})
          check_problem(p, k, filter.view(), "filter " + std::to_string(kinds));
      }
});

const Add nothing_left("lists are empty when everything is filtered away", [] {
  Random random(3);
  const Problem p = random_problem(random, 40, 5, 2, true);
  OwnedFilter all_denied, none_allowed, all_seen;
  all_denied.deny.assign(40, 1);
  none_allowed.has_allow = true;
  all_seen.offsets = {0, 40, 79};
  for (std::int32_t i = 0; i < 79; ++i) all_seen.exclude.push_back(39 - i % 40);
  check_problem(p, 3, all_denied.view(), "all denied");
  check_problem(p, 3, none_allowed.view(), "none allowed");
  check_problem(p, 3, all_seen.view(), "all seen by one");
  const Catalogue catalogue(p.items, p.biases, p.n, p.d);
  check(catalogue.top_k(p.queries, 2, 3, all_seen.view()).counts == std::vector<std::int32_t>{0, 1},
        "one item is left to the second query");
});

const Add ties("equal scores come by lower id", [] {
  Random random(4);
  for (const std::int64_t distinct : {1, 2, 5}) {
    Problem p = random_problem(random, 6000, 9, 7, false);
    for (std::int64_t i = 0; i < p.n; ++i)
      for (std::int64_t j = 0; j < p.d; ++j) p.items[i * p.d + j] = p.items[i % distinct * p.d + j];
    for (const std::int64_t k : {1, 10, 5000}) check_problem(p, k, {}, "ties");
    std::fill(p.queries.begin(), p.queries.end(), 0.0f);
    check_problem(p, 10, {}, "zero queries");
  }
});

const Add near_ties("scores that float32 cannot tell apart come in the order of float64", [] {
  Random random(5);
  for (const std::int64_t d : {2, 17, 64}) {
    Problem p = random_problem(random, 3000, d, 6, true);
    // Every item is the first one with some components moved by one unit in the last place.
    for (std::int64_t i = 1; i < p.n; ++i)
      for (std::int64_t j = 0; j < d; ++j)
        p.items[i * d + j] = std::nextafter(p.items[j], random.below(3) == 0 ? 2.0f : p.items[j]);
    std::fill(p.biases.begin(), p.biases.end(), 0.25f);
    check_problem(p, 10, {}, "one unit apart");
  }
});

const Add cancellation("large terms that cancel do not hide small ones", [] {
  Random random(6);
  Problem p = random_problem(random, 2000, 5, 5, false);
  for (std::int64_t i = 0; i < p.n; ++i) {
    p.items[i * 5] = 1e8f;
    p.items[i * 5 + 3] = -1e8f;
  }
  for (std::int64_t b = 0; b < p.batch; ++b) p.queries[b * 5 + 3] = p.queries[b * 5] = 3;
  check_problem(p, 10, {}, "cancellation");
});

const Add magnitudes("any mix of magnitudes, from denormal to the largest float", [] {
  Random random(7);
  for (int round = 0; round < 40; ++round) {
    Problem p = random_problem(random, 200, 7, 6, round % 2 == 0);
    const int spread = 1 + round % 4 * 49;  // exponents within +-spread
    const auto scale = [&](std::vector<float>& values, int centre) {
      for (auto& value : values) {
        value = std::ldexp(value, centre + static_cast<int>(random.below(2 * spread)) - spread);
        if (!std::isfinite(value)) value = std::numeric_limits<float>::max();
      }
    };
    const int centre = static_cast<int>(random.below(280)) - 150;
    scale(p.items, centre);
    scale(p.queries, round % 3 == 0 ? -centre : static_cast<int>(random.below(280)) - 150);
    scale(p.biases, static_cast<int>(random.below(280)) - 150);
    check_problem(p, 9, {}, "magnitudes " + std::to_string(round));
  }
});

const Add underflow("products below the range of normal floats keep their order", [] {
  Random random(12);
  Problem p = random_problem(random, 500, 3, 6, false);
  for (auto* values : {&p.items, &p.queries})
    for (auto& value : *values) value = std::ldexp(value, -72);
  check_problem(p, 10, {}, "underflow");
});

const Add large_biases("biases that float32 adds with a loss keep the order of float64", [] {
  Random random(13);
  Problem p = random_problem(random, 500, 3, 6, true);
  std::fill(p.biases.begin(), p.biases.end(), 0x1p24f);  // neighbours are 2 apart
  for (auto& value : p.items) value *= 3;
  check_problem(p, 10, {}, "large biases");
});

const Add extremes("all values at the ends of the float range", [] {
  for (const float x : {std::numeric_limits<float>::max(), std::numeric_limits<float>::denorm_min()}) {
    Problem p{50, 3, 2, std::vector<float>(150, x), std::vector<float>(50, x), std::vector<float>(6, x)};
    for (std::int64_t i = 0; i < 50; i += 3) p.items[i * 3 + 1] = -x;
    check_problem(p, 7, {}, "extremes");
  }
});

const Add descending("scores that rise or fall with the id", [] {
  Random random(8);
  for (const float step : {0.001f, -0.001f}) {
    Problem p = random_problem(random, 20'000, 3, 2, true);
    for (std::int64_t i = 0; i < p.n; ++i) p.biases[i] = static_cast<float>(i) * step;
    check_problem(p, 20, {}, "sorted");
  }
});

const Add large("catalogues that are cut into ranges, at any number of threads", [] {
  Random random(9);
  auto& pool = l4r::ThreadPool::shared();
  const int before = pool.threads();
  // The last item repeats the first: a tie across ranges.
  Problem p = random_problem(random, 30'011, 80, 27, true);
  std::copy(p.items.begin(), p.items.begin() + p.d, p.items.end() - p.d);
  p.biases.back() = p.biases.front() = 50;
  const auto expected = brute_top_k(brute_scores(p), p.batch, p.n, 11, {});
  const OwnedFilter filter = random_filter(random, p.n, p.batch, 1 | 2);
  const Catalogue catalogue(p.items, p.biases, p.n, p.d);
  TopKResult filtered;
  for (const int threads : {1, 2, 3}) {
    pool.set_threads(threads);
    check(same(catalogue.top_k(p.queries, p.batch, 11), expected), std::to_string(threads) + " threads");
    const TopKResult now = catalogue.top_k(p.queries, p.batch, 11, filter.view());
    if (threads == 1) filtered = now;
    check(same(now, filtered), std::to_string(threads) + " threads with filters");
  }
  pool.set_threads(before);
  check(expected.ids[0] == 0 && expected.ids[1] == 30'010, "the planted tie leads");
});

const Add first_look("a first look at a large catalogue counts only what a query may get", [] {
  Random random(21);
  for (const bool biased : {false, true}) {
    Problem p = random_problem(random, 20'000, 6, 14, biased);
    // Norms of many sizes: a scan may end early.
    for (std::int64_t i = 0; i < p.n; ++i) {
      const float length = std::ldexp(1.0f, static_cast<int>(random.below(8)));
      for (std::int64_t j = 0; j < p.d; ++j) p.items[i * p.d + j] *= length;
    }
    const auto scores = brute_scores(p);
    const TopKResult best = brute_top_k(scores, p.batch, p.n, 60, {});
    // What every query wants most is excluded, denied or both.
    OwnedFilter filter;
    filter.offsets.push_back(0);
    for (std::int64_t b = 0; b < p.batch; ++b) {
      filter.exclude.insert(filter.exclude.end(), best.ids.begin() + b * 60,
                            best.ids.begin() + b * 60 + 4 * b);
      filter.offsets.push_back(static_cast<std::int32_t>(filter.exclude.size()));
    }
    for (const std::int64_t k : {1, 10, 40}) check_problem(p, k, filter.view(), "excluded");
    filter.deny.assign(static_cast<std::size_t>(p.n), 0);
    for (std::size_t place = 0; place < best.ids.size(); place += 3)
      filter.deny[static_cast<std::size_t>(best.ids[place])] = 1;
    for (const std::int64_t k : {1, 10, 40}) check_problem(p, k, filter.view(), "excluded and denied");
  }
});

const Add concurrent("several threads ask one catalogue at once", [] {
  Random random(10);
  const Problem p = random_problem(random, 5000, 33, 8, true);
  const Catalogue catalogue(p.items, p.biases, p.n, p.d);
  const auto expected = brute_top_k(brute_scores(p), p.batch, p.n, 10, {});
  std::vector<int> wrong(4);
  std::vector<std::thread> threads;
  for (int& count : wrong)
    threads.emplace_back([&] {
      for (int round = 0; round < 10; ++round)
        count += !same(catalogue.top_k(p.queries, p.batch, 10), expected);
    });
  for (std::thread& thread : threads) thread.join();
  check(wrong == std::vector<int>(4), "every answer is right");
});

const Add batch_is_single("a batch gives the answers of its queries one by one", [] {
  Random random(11);
  const Problem p = random_problem(random, 700, 20, 19, false);
  const Catalogue catalogue(p.items, p.biases, p.n, p.d);
  const TopKResult all = catalogue.top_k(p.queries, p.batch, 5);
  for (std::int64_t b = 0; b < p.batch; ++b) {
    const TopKResult one = catalogue.top_k(std::span(p.queries).subspan(b * p.d, p.d), 1, 5);
    check(std::equal(one.ids.begin(), one.ids.end(), all.ids.begin() + b * 5) &&
              std::equal(one.scores.begin(), one.scores.end(), all.scores.begin() + b * 5),
          "query " + std::to_string(b));
  }
});

const Add refused("arguments that do not fit are refused by name", [] {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  const std::vector<float> items(12, 1.0f), query(3, 1.0f);
  std::vector<float> bad = items;
  bad[7] = nan;
  check_refused("items: item 2, dimension 1", [&] { Catalogue(bad, {}, 4, 3); });
  check_refused("biases: item 1", [&] { Catalogue(items, std::vector<float>{0, -inf, 0, 0}, 4, 3); });
  check_refused("items: expected 5 x 3", [&] { Catalogue(items, {}, 5, 3); });
  check_refused("dimensions", [&] { Catalogue({}, {}, 4, 0); });
  check_refused("biases: expected 4", [&] { Catalogue(items, query, 4, 3); });
  const Catalogue catalogue(items, {}, 4, 3);
  check_refused("queries: query 1, dimension 0", [&] {
    catalogue.top_k(std::vector<float>{1, 1, 1, inf, 1, 1}, 2, 1);
  });
  check_refused("queries: expected 2 x 3", [&] { catalogue.top_k(query, 2, 1); });
  check_refused("k: expected", [&] { catalogue.top_k(query, 1, 0); });
  check_refused("batch: expected", [&] { catalogue.top_k({}, -1, 1); });
  const std::vector<std::int32_t> one{0, 1}, four{4}, minus{-1}, descending{0, 2, 1};
  check_refused("excluded.items[0]: expected an item in 0..3, got 4",
                [&] { catalogue.top_k(query, 1, 1, {.exclude_offsets = one, .exclude = four}); });
  check_refused("allowed[0]", [&] { catalogue.top_k(query, 1, 1, {.allow = minus, .has_allow = true}); });
  check_refused("excluded.offsets: expected 2",
                [&] { catalogue.top_k(query, 1, 1, {.exclude_offsets = four}); });
  check_refused("excluded.items: expected offsets", [&] { catalogue.top_k(query, 1, 1, {.exclude = one}); });
  check_refused("excluded.offsets: expected ascending", [&] {
    catalogue.top_k(std::vector<float>(6), 2, 1, {.exclude_offsets = descending, .exclude = four});
  });
  check_refused("denied: expected 4",
                [&] { catalogue.top_k(query, 1, 1, {.deny = std::vector<std::uint8_t>(3)}); });
  check_refused("scores: row 1, item 0", [&] {
    l4r::select_top_k(std::vector<double>{1, 2, double{nan}, 2}, 2, 2, 1);
  });
  check_refused("scores: expected 2 x 3", [&] { l4r::select_top_k(std::vector<double>(5), 2, 3, 1); });
});

const Add dense_infinite("dense scores may be infinite", [] {
  const double inf = std::numeric_limits<double>::infinity();
  const TopKResult result = l4r::select_top_k(std::vector<double>{-inf, 3, inf, -inf}, 1, 4, 4);
  check(result.ids == std::vector<std::int32_t>{2, 1, 0, 3}, "best first, ties by lower id");
});

const Add probes("the probes measure something", [] {
  check(l4r::read_bandwidth(1 << 16, 2) > 0, "bandwidth");
  check(l4r::fma_rate(1) > 0, "rate");
  check_refused("bytes: expected", [] { l4r::read_bandwidth(100, 1); });
  check_refused("threads: expected", [] { l4r::fma_rate(0); });
});

}  // namespace

int main() { return l4r::test::run_all(); }
