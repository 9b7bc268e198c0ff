#include "serving/catalogue.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <vector>

#include "base/finite.h"
#include "base/scratch.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "serving/best_k.h"
#include "serving/candidates.h"
#include "serving/filter.h"
#include "serving/result.h"
#include "serving/score_kernels.h"

namespace l4r {

namespace {

// Panels of one tile stay in the second-level cache while every query of a block passes over them.
constexpr std::int64_t kTileBytes = 128 * 1024;
// Bytes of the shadow in one range of items: about 100 microseconds for one query.
constexpr std::int64_t kRangeBytes = std::int64_t{1} << 22;
// Sets of items for each of the k best in a first look, and the least share of the catalogue that it is.
constexpr std::int64_t kSetsOfK = 6, kProbeShare = 2;
// Allowed items in one task that scores these alone.
constexpr std::int64_t kGatherFloats = std::int64_t{1} << 15;
// Multiply-adds that one thread does in about 50 microseconds. Waking others for less does not pay.
constexpr std::int64_t kSharedWork = std::int64_t{1} << 21;

// Of everything in a file, so that a map has it too.
constexpr std::int64_t kAlignment = 64;

CatalogueSizes sizes_of(std::int64_t n, std::int64_t d, bool biased, std::int64_t many_bytes) {
  const CatalogueSizes sizes{n, d, biased, false};
  const bool coarse = CatalogueLayout(sizes).shadow.codes.bytes() >= many_bytes;
  return {n, d, biased, coarse};
}

}  // namespace

Catalogue::Catalogue(std::span<const float> items, std::span<const float> biases, std::int64_t n,
                     std::int64_t d)
    : Catalogue(items, biases, n, d, scan_kernels()) {}

Catalogue::Catalogue(std::span<const float> items, std::span<const float> biases, std::int64_t n,
                     std::int64_t d, const ScanKernels& kernels, std::int64_t many_bytes)
    : kernels_(kernels), layout_(sizes_of(n, d, !biases.empty(), many_bytes)), n_(n), d_(d) {
  require(static_cast<std::int64_t>(items.size()) == n * d, "items: expected ", n, " x ", d, " numbers, got ",
          items.size());
  require(biases.empty() || static_cast<std::int64_t>(biases.size()) == n, "biases: expected ", n,
          " numbers, got ", biases.size());
  check_finite(items, d, "items", "item");
  for (std::size_t i = 0; i < biases.size(); ++i)
    require(std::isfinite(biases[i]), "biases: item ", i, " is not finite");

  own_ = Buffer<std::uint8_t>(layout_.bytes);
  std::uint8_t* const memory = own_.data();
  std::copy(items.begin(), items.end(), layout_.rows.in(memory).begin());
  std::copy(biases.begin(), biases.end(), layout_.biases.in(memory).begin());
  const NormOrder order = order_by_norm(items, n, d);
  Shadow::write(layout_.shadow, memory, items, biases, order, d, 8);
  if (layout_.sizes.coarse) Shadow::write(layout_.coarse, memory, items, biases, order, d, 4);
  memory_ = memory;
  look();
}

Catalogue::Catalogue(const CatalogueSizes& sizes, int file, std::int64_t begin, bool map,
                     const ScanKernels& kernels)
    : kernels_(kernels), layout_(sizes), n_(sizes.n), d_(sizes.d) {
  const std::int64_t end = begin + layout_.bytes, found = file_size(file);
  require(begin % kAlignment == 0, "its data begin at byte ", begin, ", no multiple of ", kAlignment);
  require(found == end, "it has ", found, " bytes instead of ", end);
  if (map) {
    try {
      mapped_ = MappedFile(file, end);
      memory_ = mapped_.data() + begin;
    } catch (const Error&) {  // not every file system can
    }
  }
  if (memory_ == nullptr) {
    own_ = Buffer<std::uint8_t>(layout_.bytes);
    read_file(file, begin, own_.span());
    memory_ = own_.data();
  }
  look();
  shadow_.check_order();
  shadow_.check_bounds();
  coarse_.check_bounds();
  // What one query scans; of the rows it reads few.
  const ShadowSlices& scanned = sizes.coarse ? layout_.coarse : layout_.shadow;
  mapped_.populate(begin + scanned.codes.offset, scanned.codes.bytes());
  mapped_.populate(begin + scanned.scales.offset, scanned.scales.bytes());
}

void Catalogue::look() {
  rows_ = layout_.rows.in(memory_);
  biases_ = layout_.biases.in(memory_);
  shadow_ = Shadow(layout_.shadow, memory_, n_, d_, 8);
  if (layout_.sizes.coarse) coarse_ = Shadow(layout_.coarse, memory_, n_, d_, 4);
}

// What a thread keeps between scans.
struct ScanScratch {
  std::vector<ScanHits> hits;  // [queries of a group]
  std::vector<float> thresholds;
  std::vector<Candidates> candidates;
};

// One call of top_k. Work is cut into tasks, a block of queries against a range of the catalogue each; every
// task finds the exact best of its range, and the lists are merged.
struct Catalogue::Search {
  Search(const Catalogue& of, std::span<const float> from, std::int64_t count, std::int64_t best,
         const ItemFilter& filter)
      : catalogue(of),
        // One query waits for memory rather than for arithmetic.
        shadow(of.coarse_.panels() > 0 && count == 1 ? of.coarse_ : of.shadow_),
        queries(from),
        batch(count),
        k(best),
        items(filter) {}

  void prepare();
  void probe(std::int64_t first, std::int64_t width);
  void scan(std::int64_t first_query, std::int64_t query_count, std::int64_t begin, std::int64_t end,
            BestK* const* lists);
  void keep_allowed(std::int64_t query, ScanHits& hits) const;
  float share(std::int64_t query, float threshold);
  void gather(std::int64_t query, std::int64_t begin, std::int64_t end, BestK& list) const;
  void exact_scores(const float* query, const std::int32_t* ids, std::int64_t count, double* scores) const;
  const float* query(std::int64_t b) const { return queries.data() + b * catalogue.d_; }

  const Catalogue& catalogue;
  const Shadow& shadow;
  std::span<const float> queries;  // [batch x d], the caller's
  std::int64_t batch, k;
  const ItemFilter& items;
  CodedQueries coded;
  int group = kMostGroup;    // panels that make one set a lane in the first look
  std::int64_t probed = 0;   // panels looked at first
  std::int64_t blocked = 0;  // of their items, those that no query may get
  // A score that k items are known to reach, for each query: what one range finds spares the others work.
  std::vector<std::atomic<float>> floors;
};

void Catalogue::Search::prepare() {
  coded = shadow.code(queries, batch, catalogue.kernels_.max_queries);
  floors = std::vector<std::atomic<float>>(static_cast<std::size_t>(batch));
  for (auto& floor : floors) floor.store(-std::numeric_limits<float>::infinity(), std::memory_order_relaxed);
  // Disjoint sets enough that the k-th best of their maxima is near the k-th best of their items.
  const std::int64_t groups = (kSetsOfK * k + kPanelItems - 1) / kPanelItems;
  while (group > kLeastGroup && groups * group * kProbeShare > shadow.panels()) group /= 2;
  probed = groups * group * kProbeShare <= shadow.panels() ? groups * group : 0;
  for (std::int64_t place = 0; place < probed * kPanelItems; ++place)
    blocked += items.blocked(shadow.item(static_cast<std::int32_t>(place))) ? 1 : 0;
}

// A first threshold for queries [first, first + width), which start a group: k items reach it. The items
// looked at are cut into disjoint sets; one that the filter leaves out spoils the maximum of one set.
void Catalogue::Search::probe(std::int64_t first, std::int64_t width) {
  const std::int64_t sets = probed / group * kPanelItems;
  static thread_local std::vector<float> maxima;
  maxima.resize(static_cast<std::size_t>(width * sets));
  ScanTile tile = shadow.tile(0, probed);
  tile.queries = coded.codes.data() + first * shadow.words();
  tile.terms = coded.terms.data() + first;
  catalogue.kernels_.maxima(tile, static_cast<int>(width), group, maxima.data());
  for (std::int64_t q = 0; q < width; ++q) {
    std::int64_t spoilt = blocked;
    for (const auto item : items.seen(first + q)) spoilt += shadow.place(item) < probed * kPanelItems ? 1 : 0;
    if (k + spoilt > sets) continue;
    share(first + q, score_kernels().floor_of_kth(maxima.data() + q * sets, sets, k + spoilt));
  }
}

// Queries [first_query, first_query + query_count) against panels [begin, end); first_query starts a group.
void Catalogue::Search::scan(std::int64_t first_query, std::int64_t query_count, std::int64_t begin,
                             std::int64_t end, BestK* const* lists) {
  const std::int64_t group_size = std::min<std::int64_t>(catalogue.kernels_.max_queries, query_count);
  const std::int64_t largest_tile = std::max<std::int64_t>(1, kTileBytes / shadow.panel_bytes());
  static thread_local ScanScratch scratch;
  auto& hits = scratch.hits;
  hits.resize(static_cast<std::size_t>(group_size));
  auto& thresholds = scratch.thresholds;
  thresholds.resize(static_cast<std::size_t>(query_count));
  auto& candidates = scratch.candidates;
  if (candidates.size() < static_cast<std::size_t>(query_count))
    candidates.resize(static_cast<std::size_t>(query_count));
  for (std::int64_t q = 0; q < query_count; ++q)
    candidates[static_cast<std::size_t>(q)].reset(k, score_kernels());
  const auto settle = [&](std::int64_t q) {
    candidates[static_cast<std::size_t>(q)].settle(
        [&](const std::int32_t* places, std::int64_t count, std::int32_t* ids, double* scores) {
          for (std::int64_t i = 0; i < count; ++i) ids[i] = shadow.item(places[i]);
          exact_scores(query(first_query + q), ids, count, scores);
        });
  };

  if (begin == 0 && probed > 0)
    for (std::int64_t group = 0; group < query_count; group += group_size)
      probe(first_query + group, std::min(group_size, query_count - group));

  // Tiles grow where the first ones run with a poor threshold.
  std::int64_t tile_size = probed > 0 ? largest_tile : 1;
  for (std::int64_t at = begin; at < end;
       at += tile_size, tile_size = std::min(2 * tile_size, largest_tile)) {
    tile_size = std::min(tile_size, end - at);
    bool all_done = true;
    for (std::int64_t group = 0; group < query_count; group += group_size) {
      const std::int64_t width = std::min(group_size, query_count - group), first = first_query + group;
      bool done = true;
      for (std::int64_t q = group; q < group + width; ++q) {
        Candidates& waiting = candidates[static_cast<std::size_t>(q)];
        const float known = share(first_query + q, waiting.threshold());
        waiting.raise(known);
        thresholds[static_cast<std::size_t>(q)] = known;
        done &= shadow.reach(at, coded.norms[static_cast<std::size_t>(first_query + q)]) < double{known};
      }
      if (done) continue;
      all_done = false;
      ScanTile tile = shadow.tile(at, at + tile_size);
      tile.queries = coded.codes.data() + first * shadow.words();
      tile.terms = coded.terms.data() + first;
      tile.thresholds = thresholds.data() + group;
      tile.hits = hits.data();
      for (std::int64_t q = 0; q < width; ++q)
        hits[static_cast<std::size_t>(q)] =
            candidates[static_cast<std::size_t>(group + q)].room(tile_size * kPanelItems);
      catalogue.kernels_.scan(tile, static_cast<int>(width));
      for (std::int64_t q = 0; q < width; ++q) {
        Candidates& waiting = candidates[static_cast<std::size_t>(group + q)];
        ScanHits& found = hits[static_cast<std::size_t>(q)];
        if (!items.open() || at + tile_size == shadow.panels()) keep_allowed(first + q, found);
        waiting.take(found.count);
        if (waiting.crowded()) settle(group + q);
      }
    }
    if (all_done) break;  // items stand by falling norm: nothing longer is to come
  }
  for (std::int64_t q = 0; q < query_count; ++q) {
    settle(q);
    share(first_query + q, candidates[static_cast<std::size_t>(q)].threshold());
    lists[q]->merge(candidates[static_cast<std::size_t>(q)].best());
  }
}

// Leaves the hits that a query may have: without a branch, for which they are is anybody's guess.
void Catalogue::Search::keep_allowed(std::int64_t b, ScanHits& hits) const {
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < hits.count; ++i) {
    const std::int32_t id = shadow.item(hits.places[i]);
    hits.places[count] = hits.places[i];
    hits.lowers[count] = hits.lowers[i];
    hits.uppers[count] = hits.uppers[i];
    count += id < 0 || items.blocked(id) || items.seen(b, id) ? 0 : 1;
  }
  hits.count = count;
}

// The highest score that k items are known to reach, `threshold` among what is known.
float Catalogue::Search::share(std::int64_t b, float threshold) {
  auto& floor = floors[static_cast<std::size_t>(b)];
  float known = floor.load(std::memory_order_relaxed);
  while (known < threshold && !floor.compare_exchange_weak(known, threshold, std::memory_order_relaxed)) {
  }
  return std::max(known, threshold);
}

// One query against allowed items [begin, end).
void Catalogue::Search::gather(std::int64_t b, std::int64_t begin, std::int64_t end, BestK& list) const {
  const auto allowed =
      items.allowed().subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
  std::vector<double> scores(allowed.size());
  exact_scores(query(b), allowed.data(), end - begin, scores.data());
  for (std::size_t i = 0; i < allowed.size(); ++i)
    if (scores[i] == scores[i] && !items.seen(b, allowed[i])) list.offer({scores[i], allowed[i]});
}

void Catalogue::Search::exact_scores(const float* query, const std::int32_t* ids, std::int64_t count,
                                     double* scores) const {
  score_kernels().exact_scores(query, catalogue.d_, catalogue.rows_.data(),
                               catalogue.biases_.empty() ? nullptr : catalogue.biases_.data(), ids, count,
                               scores);
}

void Catalogue::check(std::span<const float> queries, std::int64_t batch) const {
  require(static_cast<std::int64_t>(queries.size()) == batch * d_, "queries: expected ", batch, " x ", d_,
          " numbers, got ", queries.size());
  check_finite(queries, d_, "queries", "query");
}

void Catalogue::top_k(std::span<const float> queries, std::int64_t batch, std::int64_t k,
                      const TopKFilter& filter, const TopKRows& out) const {
  check_rows(out, batch, n_, k);
  check(queries, batch);
  check_apart(out, filter, queries);
  const ItemFilter items(filter, batch, n_);
  clear_rows(out);
  Search search(*this, queries, batch, std::min(k, n_), items);
  const bool sparse = items.sparse();
  if (!sparse) search.prepare();

  // Cuts depend on sizes alone. A catalogue that fits the caches is cheap to read again for every few
  // queries.
  // Allowed items, or panels.
  const std::int64_t units =
      sparse ? static_cast<std::int64_t>(items.allowed().size()) : search.shadow.panels();
  const std::int64_t range =
      std::max<std::int64_t>(1, sparse ? kGatherFloats / d_ : kRangeBytes / search.shadow.panel_bytes());
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
  if (units * (sparse ? d_ : search.shadow.panel_bytes()) * batch <= kSharedWork)
    for (std::int64_t task = 0; task < blocks * ranges; ++task) run_task(task);
  else
    ThreadPool::shared().run(blocks * ranges, run_task);

  write_lists(lists, ranges, k, out);
}

}  // namespace l4r
