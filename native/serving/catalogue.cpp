#include "serving/catalogue.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "base/status.h"
#include "base/thread_pool.h"
#include "serving/best_k.h"
#include "serving/candidates.h"
#include "serving/filter.h"
#include "serving/result.h"

namespace l4r {

namespace {

constexpr std::int64_t kLargestDimension = std::int64_t{1} << 20;
// Panels of one tile stay in the second-level cache while every query of a block passes over them.
constexpr std::int64_t kTileBytes = 128 * 1024;
// Floats of the catalogue in one range of items: 4 MiB, about 100 microseconds for one query.
constexpr std::int64_t kRangeFloats = std::int64_t{1} << 20;
// Multiply-adds that one thread does in about 50 microseconds. Waking others for less does not pay.
constexpr std::int64_t kSharedWork = std::int64_t{1} << 21;

// Relative error of a float32 score, its bound and their sum against |q| |x| + |bias|: d products and sums,
// up to 3 partial sums, the bias, two roundings where a level has no fma, the last sum, and the float64 score
// it is held against, with room to spare (Higham, Accuracy and Stability of Numerical Algorithms,
// section 3.1).
double relative_error(std::int64_t d) {
  const double roundings = static_cast<double>(d + 16) * 0x1p-24;
  return roundings / (1 - roundings) * 1.001;
}

// Products and sums that underflow lose at most half the smallest float each.
double underflow_error(std::int64_t d) { return static_cast<double>(d + 16) * 0x1p-148; }

// In double, rounding error included.
double norm(const float* x, std::int64_t d) {
  double sum = 0;
  for (std::int64_t j = 0; j < d; ++j) sum += double{x[j]} * double{x[j]};
  return std::sqrt(sum) * (1 + 0x1p-30);
}

void check_finite(std::span<const float> values, std::int64_t d, const char* what, const char* row_name) {
  const auto bad = std::find_if(values.begin(), values.end(), [](float x) { return !std::isfinite(x); });
  if (bad == values.end()) return;
  const std::int64_t at = bad - values.begin();
  require(false, what, ": ", row_name, " ", at / d, ", dimension ", at % d, " is not finite");
}

}  // namespace

Catalogue::Catalogue(std::span<const float> items, std::span<const float> biases, std::int64_t n,
                     std::int64_t d)
    : Catalogue(items, biases, n, d, scan_kernels()) {}

Catalogue::Catalogue(std::span<const float> items, std::span<const float> biases, std::int64_t n,
                     std::int64_t d, const ScanKernels& kernels)
    : kernels_(kernels), n_(n), d_(d) {
  require(n >= 0 && n <= std::numeric_limits<std::int32_t>::max() / 2, "items: expected 0..",
          std::numeric_limits<std::int32_t>::max() / 2, " rows, got ", n);
  require(d >= 1 && d <= kLargestDimension, "items: expected 1..", kLargestDimension, " dimensions, got ", d);
  require(static_cast<std::int64_t>(items.size()) == n * d, "items: expected ", n, " x ", d, " numbers, got ",
          items.size());
  require(biases.empty() || static_cast<std::int64_t>(biases.size()) == n, "biases: expected ", n,
          " numbers, got ", biases.size());
  check_finite(items, d, "items", "item");
  for (std::size_t i = 0; i < biases.size(); ++i)
    require(std::isfinite(biases[i]), "biases: item ", i, " is not finite");

  const std::int64_t lanes = kernels.lanes, panels = (n + lanes - 1) / lanes;
  panels_ = Buffer<float>(panels * lanes * d);
  norms_ = Buffer<float>(panels * lanes);
  biases_ = Buffer<float>(panels * lanes);
  std::copy(biases.begin(), biases.end(), biases_.data());
  for (const float bias : biases) largest_bias_ = std::max(largest_bias_, std::fabs(double{bias}));
  const std::int64_t grain = std::max<std::int64_t>(1, kRangeFloats / (lanes * d));
  ThreadPool::shared().for_ranges(panels, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin * lanes; i < std::min(end * lanes, n); ++i) {
      float* target = panels_.data() + i / lanes * lanes * d + i % lanes;
      for (std::int64_t j = 0; j < d; ++j) target[j * lanes] = items[static_cast<std::size_t>(i * d + j)];
      norms_[i] = round_up(norm(items.data() + i * d, d));
    }
  });
  for (const float norm : norms_.span()) largest_norm_ = std::max(largest_norm_, double{norm});
}

// One call of top_k. Work is cut into tasks, a block of queries against a range of the catalogue each; every
// task finds the exact best of its range, and the lists are merged.
struct Catalogue::Search {
  Search(const Catalogue& of, std::span<const float> from, std::int64_t count, std::int64_t best,
         const ItemFilter& filter)
      : catalogue(of), queries(from.data()), batch(count), k(best), items(filter) {}

  void prepare();
  void scan(std::int64_t first_query, std::int64_t query_count, std::int64_t begin, std::int64_t end,
            BestK* const* lists) const;
  void gather(std::int64_t query, std::int64_t begin, std::int64_t end, BestK& list) const;
  void exact_scores(const float* query, const std::int32_t* ids, std::int64_t count, double* scores) const;
  const float* query(std::int64_t b) const { return queries + b * catalogue.d_; }

  const Catalogue& catalogue;
  const float* queries;  // [batch x d], the caller's
  std::int64_t batch, k;
  const ItemFilter& items;
  // For the kernels: groups of queries, [d x queries of the group] each, and the bound of each query's error.
  Buffer<float> groups;
  std::vector<float> norm_error, slack;
};

void Catalogue::Search::prepare() {
  const std::int64_t d = catalogue.d_, group_size = catalogue.kernels_.max_queries;
  groups = Buffer<float>(batch * d);
  norm_error.resize(static_cast<std::size_t>(batch));
  slack.resize(static_cast<std::size_t>(batch));
  for (std::int64_t b = 0; b < batch; ++b) {
    const double length = norm(query(b), d);
    // A score that might overflow float32 has no bound. Such a query scans as 0 with an infinite error, so
    // that every item is scored exactly.
    const bool bounded = length * catalogue.largest_norm_ + catalogue.largest_bias_ < 0x1p126;
    const double error = bounded ? relative_error(d) * length : 0.0;
    norm_error[static_cast<std::size_t>(b)] =  // never 0, which times an infinite norm would be no number
        round_up(std::max(error, double{std::numeric_limits<float>::min()}));
    slack[static_cast<std::size_t>(b)] =
        bounded ? round_up(underflow_error(d)) : std::numeric_limits<float>::infinity();
    const std::int64_t first = b - b % group_size, width = std::min(group_size, batch - first);
    float* target = groups.data() + first * d + b % group_size;
    for (std::int64_t j = 0; j < d; ++j) target[j * width] = bounded ? query(b)[j] : 0.0f;
  }
}

// Queries [first_query, first_query + query_count) against panels [begin, end); first_query starts a group.
void Catalogue::Search::scan(std::int64_t first_query, std::int64_t query_count, std::int64_t begin,
                             std::int64_t end, BestK* const* lists) const {
  const std::int64_t d = catalogue.d_, lanes = catalogue.kernels_.lanes;
  const std::int64_t group_size = std::min<std::int64_t>(catalogue.kernels_.max_queries, query_count);
  const std::int64_t largest_tile =
      std::max<std::int64_t>(1, kTileBytes / (lanes * d * static_cast<std::int64_t>(sizeof(float))));
  const std::int64_t capacity = largest_tile * lanes;
  const auto hits =
      std::make_unique_for_overwrite<ScanHit[]>(static_cast<std::size_t>(group_size * capacity));
  std::vector<std::int32_t> hit_counts(static_cast<std::size_t>(group_size));
  std::vector<float> thresholds(static_cast<std::size_t>(group_size));
  std::vector<Candidates> candidates(static_cast<std::size_t>(query_count), Candidates(k));
  std::vector<ItemFilter::Seen> seen;
  for (std::int64_t q = 0; q < query_count; ++q)
    seen.push_back(items.seen(first_query + q, static_cast<std::int32_t>(begin * lanes)));
  const auto settle = [&](std::int64_t q) {
    candidates[static_cast<std::size_t>(q)].settle(
        [&](const std::int32_t* ids, std::int64_t count, double* scores) {
          exact_scores(query(first_query + q), ids, count, scores);
        });
  };

  // Tiles grow, because the first ones run with a poor threshold.
  std::int64_t tile_size = 1;
  for (std::int64_t at = begin; at < end;
       at += tile_size, tile_size = std::min(2 * tile_size, largest_tile)) {
    tile_size = std::min(tile_size, end - at);
    for (std::int64_t group = 0; group < query_count; group += group_size) {
      const std::int64_t width = std::min(group_size, query_count - group), first = first_query + group;
      for (std::int64_t q = 0; q < width; ++q)
        thresholds[static_cast<std::size_t>(q)] = candidates[static_cast<std::size_t>(group + q)].threshold();
      catalogue.kernels_.scan({.panels = catalogue.panels_.data() + at * lanes * d,
                               .norms = catalogue.norms_.data() + at * lanes,
                               .biases = catalogue.biases_.data() + at * lanes,
                               .count = tile_size,
                               .d = d,
                               .first = static_cast<std::int32_t>(at * lanes),
                               .queries = groups.data() + first * d,
                               .thresholds = thresholds.data(),
                               .norm_error = norm_error.data() + first,
                               .slack = slack.data() + first,
                               .bias_error = round_up(relative_error(d)),
                               .hits = hits.get(),
                               .capacity = capacity,
                               .hit_counts = hit_counts.data()},
                              static_cast<int>(width));
      for (std::int64_t q = 0; q < width; ++q) {
        Candidates& waiting = candidates[static_cast<std::size_t>(group + q)];
        const ScanHit* hit = hits.get() + q * capacity;
        const ScanHit* const last = hit + hit_counts[static_cast<std::size_t>(q)];
        for (; hit != last; ++hit) {
          if (hit->upper < waiting.threshold() || hit->item >= catalogue.n_ || items.blocked(hit->item) ||
              seen[static_cast<std::size_t>(group + q)].contains(hit->item))
            continue;
          waiting.add(*hit);
        }
        if (waiting.crowded()) settle(group + q);
      }
    }
  }
  for (std::int64_t q = 0; q < query_count; ++q) {
    settle(q);
    for (const Scored& item : candidates[static_cast<std::size_t>(q)].best().items()) lists[q]->offer(item);
  }
}

// One query against allowed items [begin, end).
void Catalogue::Search::gather(std::int64_t b, std::int64_t begin, std::int64_t end, BestK& list) const {
  const auto allowed =
      items.allowed().subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
  if (allowed.empty()) return;
  auto seen = items.seen(b, allowed.front());
  std::vector<double> scores(allowed.size());
  exact_scores(query(b), allowed.data(), end - begin, scores.data());
  for (std::size_t i = 0; i < allowed.size(); ++i)
    if (!seen.contains(allowed[i])) list.offer({scores[i], allowed[i]});
}

// Four items side by side: each is one chain of dependent sums.
void Catalogue::Search::exact_scores(const float* query, const std::int32_t* ids, std::int64_t count,
                                     double* scores) const {
  constexpr int kSide = 4;
  const std::int64_t d = catalogue.d_, lanes = catalogue.kernels_.lanes;
  for (std::int64_t begin = 0; begin < count; begin += kSide) {
    const float* items[kSide];
    double sums[kSide] = {};
    for (int s = 0; s < kSide; ++s) {
      const std::int64_t id = ids[std::min(begin + s, count - 1)];
      items[s] = catalogue.panels_.data() + id / lanes * lanes * d + id % lanes;
    }
    for (std::int64_t j = 0; j < d; ++j)
      for (int s = 0; s < kSide; ++s) sums[s] += double{query[j]} * double{items[s][j * lanes]};
    for (int s = 0; s < kSide && begin + s < count; ++s)
      scores[begin + s] = sums[s] + double{catalogue.biases_[ids[begin + s]]};
  }
}

TopKResult Catalogue::top_k(std::span<const float> queries, std::int64_t batch, std::int64_t k,
                            const TopKFilter& filter) const {
  TopKResult result = empty_result(batch, n_, k);
  require(static_cast<std::int64_t>(queries.size()) == batch * d_, "queries: expected ", batch, " x ", d_,
          " numbers, got ", queries.size());
  check_finite(queries, d_, "queries", "query");
  const ItemFilter items(filter, batch, n_);
  Search search(*this, queries, batch, std::min(k, n_), items);
  const bool sparse = items.sparse();
  if (!sparse) search.prepare();

  // Cuts depend on sizes alone. A catalogue that fits the caches is cheap to read again for every few
  // queries.
  const std::int64_t unit = sparse ? 1 : kernels_.lanes;  // items that a range is counted in
  const std::int64_t units =
      sparse ? static_cast<std::int64_t>(items.allowed().size()) : (n_ + unit - 1) / unit;
  const std::int64_t range =
      std::max<std::int64_t>(1, (sparse ? kRangeFloats / 32 : kRangeFloats) / (unit * d_));
  const std::int64_t ranges = std::max<std::int64_t>(1, (units + range - 1) / range);
  const std::int64_t block = sparse ? 1 : kernels_.max_queries * (ranges > 8 ? 12 : 4);
  const std::int64_t blocks = (batch + block - 1) / block;

  std::vector<BestK> lists(static_cast<std::size_t>(batch * ranges), BestK(search.k));
  const auto run_task = [&](std::int64_t task) {
    const std::int64_t first = task / ranges * block, part = task % ranges;
    const std::int64_t begin = part * range, end = std::min(begin + range, units);
    if (sparse)
      return search.gather(first, begin, end, lists[static_cast<std::size_t>(first * ranges + part)]);
    const std::int64_t count = std::min(block, batch - first);
    std::vector<BestK*> own;
    for (std::int64_t q = 0; q < count; ++q)
      own.push_back(&lists[static_cast<std::size_t>((first + q) * ranges + part)]);
    search.scan(first, count, begin, end, own.data());
  };
  if (units * unit * d_ * batch <= kSharedWork)
    for (std::int64_t task = 0; task < blocks * ranges; ++task) run_task(task);
  else
    ThreadPool::shared().run(blocks * ranges, run_task);

  for (std::int64_t b = 0; b < batch; ++b) {
    BestK& best = lists[static_cast<std::size_t>(b * ranges)];
    for (std::int64_t part = 1; part < ranges; ++part)
      for (const Scored& item : lists[static_cast<std::size_t>(b * ranges + part)].items()) best.offer(item);
    result.counts[static_cast<std::size_t>(b)] =
        best.write(result.ids.data() + b * k, result.scores.data() + b * k);
  }
  return result;
}

}  // namespace l4r
