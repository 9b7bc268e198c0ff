// One call of Catalogue::top_k.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "serving/best_k.h"
#include "serving/catalogue.h"
#include "serving/filter.h"

namespace l4r {

// Work is cut into tasks, a block of queries against a range of the catalogue each; every
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

}  // namespace l4r
