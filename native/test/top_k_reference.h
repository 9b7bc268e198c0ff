// The exact top-k, held against a float64 brute force at every instruction-set level of this machine.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "base/rng.h"
#include "check.h"
#include "serving/catalogue.h"
#include "serving/scan_kernels.h"
#include "serving/select.h"

namespace l4r::test {

class Random {
 public:
  explicit Random(std::uint64_t seed) : philox_(seed, 0) {}
  std::int64_t below(std::int64_t bound) {
    return static_cast<std::int64_t>(philox_.below(counter_++, static_cast<std::uint64_t>(bound)));
  }
  float symmetric() { return 2 * Philox::unit(philox_.block(counter_++)[0]) - 1; }
  std::vector<float> vector(std::int64_t count) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (auto& value : values) value = symmetric();
    return values;
  }

 private:
  Philox philox_;
  std::uint64_t counter_ = 0;
};

struct Problem {
  std::int64_t n, d, batch;
  std::vector<float> items, biases, queries;
};

inline Problem random_problem(Random& random, std::int64_t n, std::int64_t d, std::int64_t batch,
                              bool biased) {
  return {n, d, batch, random.vector(n * d), random.vector(biased ? n : 0), random.vector(batch * d)};
}

// The rule, written down as plainly as can be: sums from 0 in ascending dimension, the bias last.
inline std::vector<double> brute_scores(const Problem& p) {
  std::vector<double> scores;
  for (std::int64_t b = 0; b < p.batch; ++b)
    for (std::int64_t i = 0; i < p.n; ++i) {
      double sum = 0;
      for (std::int64_t j = 0; j < p.d; ++j)
        sum += double{p.queries[b * p.d + j]} * double{p.items[i * p.d + j]};
      scores.push_back(sum + (p.biases.empty() ? 0.0 : double{p.biases[i]}));
    }
  return scores;
}

inline TopKResult brute_top_k(const std::vector<double>& scores, std::int64_t batch, std::int64_t n,
                              std::int64_t k, const TopKFilter& filter) {
  TopKResult result;
  for (std::int64_t b = 0; b < batch; ++b) {
    std::vector<std::int32_t> left;
    for (std::int32_t i = 0; i < n; ++i) {
      bool out = !filter.deny.empty() && filter.deny[i] != 0;
      if (filter.has_allow && std::find(filter.allow.begin(), filter.allow.end(), i) == filter.allow.end())
        out = true;
      if (!filter.exclude_offsets.empty())
        for (auto e = filter.exclude_offsets[b]; e < filter.exclude_offsets[b + 1]; ++e)
          out |= filter.exclude[e] == i;
      if (!out) left.push_back(i);
    }
    const double* row = scores.data() + b * n;
    std::stable_sort(left.begin(), left.end(), [row](auto i, auto j) { return row[i] > row[j]; });
    left.erase(left.begin() + std::min<std::ptrdiff_t>(std::ssize(left), k), left.end());
    result.counts.push_back(static_cast<std::int32_t>(left.size()));
    for (std::size_t place = 0; place < static_cast<std::size_t>(k); ++place) {
      result.ids.push_back(place < left.size() ? left[place] : -1);
      result.scores.push_back(place < left.size() ? row[left[place]] : 0.0);
    }
  }
  return result;
}

inline bool same(const TopKResult& a, const TopKResult& b) {
  return a.ids == b.ids && a.counts == b.counts && a.scores == b.scores;
}

inline std::string shape(const Problem& p, std::int64_t k) {
  return "n " + std::to_string(p.n) + ", d " + std::to_string(p.d) + ", batch " + std::to_string(p.batch) +
         ", k " + std::to_string(k);
}

inline void check_problem(const Problem& p, std::int64_t k, const TopKFilter& filter,
                          const std::string& what) {
  const auto scores = brute_scores(p);
  const TopKResult expected = brute_top_k(scores, p.batch, p.n, k, filter);
  for (const Level level : l4r::available_levels()) {
    const auto& kernels = l4r::scan_kernels(level);
    for (const std::int64_t many : {std::numeric_limits<std::int64_t>::max(), std::int64_t{0}}) {
      const Catalogue catalogue(p.items, p.biases, p.n, p.d, kernels, many);
      const std::string name = what + " at " + l4r::level_name(level) + (many == 0 ? ", 4 bits: " : ": ");
      check(same(catalogue.top_k(p.queries, p.batch, k, filter), expected), name + shape(p, k));
      if (p.batch < 2 || !filter.exclude_offsets.empty()) continue;
      // One query takes another way than many.
      const auto first = std::span(p.queries).first(static_cast<std::size_t>(p.d));
      const TopKResult found = catalogue.top_k(first, 1, k, filter);
      check(std::equal(found.ids.begin(), found.ids.end(), expected.ids.begin()), name + "the first alone");
    }
  }
  check(same(l4r::select_top_k(scores, p.batch, p.n, k, filter), expected), what + ", dense: " + shape(p, k));
}

// Owns what a TopKFilter borrows.
struct OwnedFilter {
  std::vector<std::int32_t> offsets, exclude, allow;
  std::vector<std::uint8_t> deny;
  bool has_allow = false;
  TopKFilter view() const { return {offsets, exclude, deny, allow, has_allow}; }
};

inline OwnedFilter random_filter(Random& random, std::int64_t n, std::int64_t batch, int kinds) {
  OwnedFilter filter;
  if (kinds & 1) {
    filter.offsets.push_back(0);
    for (std::int64_t b = 0; b < batch; ++b) {
      for (auto count = random.below(n / 3 + 2); n > 0 && count > 0; --count)
        filter.exclude.push_back(static_cast<std::int32_t>(random.below(n)));
      filter.offsets.push_back(static_cast<std::int32_t>(filter.exclude.size()));
    }
  }
  if (kinds & 2)
    for (std::int64_t i = 0; i < n; ++i) filter.deny.push_back(random.below(3) == 0 ? 7 : 0);
  filter.has_allow = (kinds & 12) != 0;
  const std::int64_t allowed = (kinds & 8) ? n : n / 40;  // most of the catalogue, or a short list
  for (std::int64_t i = 0; filter.has_allow && i < allowed; ++i)
    filter.allow.push_back(static_cast<std::int32_t>(random.below(n)));
  return filter;
}

}  // namespace l4r::test
