#include "serving/catalogue_search.h"

#include <algorithm>
#include <limits>

#include "serving/candidates.h"
#include "serving/score_kernels.h"

namespace l4r {

namespace {

// Panels of one tile stay in the second-level cache while every query of a block passes over them.
constexpr std::int64_t kTileBytes = 128 * 1024;
// Sets of items for each of the k best in a first look, and the least share of the catalogue that it is.
constexpr std::int64_t kSetsOfK = 6, kProbeShare = 2;

// What a thread keeps between scans.
struct ScanScratch {
  std::vector<ScanHits> hits;  // [queries of a group]
  std::vector<float> thresholds;
  std::vector<Candidates> candidates;
};

}  // namespace

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
  const auto choose = [&](std::int64_t q) {
    for (const std::int32_t place : candidates[static_cast<std::size_t>(q)].choose())
      catalogue.prefetch(shadow.item(place));
  };
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
        if (!waiting.crowded()) continue;
        choose(group + q);
        settle(group + q);
      }
    }
    if (all_done) break;  // items stand by falling norm: nothing longer is to come
  }
  choose(0);
  for (std::int64_t q = 0; q < query_count; ++q) {
    if (q + 1 < query_count) choose(q + 1);  // its rows come while those of this one are scored
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

}  // namespace l4r
