#include "serving/brute_force.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/finite.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "serving/best_k.h"
#include "serving/filter.h"
#include "serving/result.h"
#include "serving/score_kernels.h"

namespace l4r {

namespace {

// Items scored at once, and items of one task: cuts depend on sizes alone.
constexpr std::int64_t kBlock = 256, kRange = 8192;

}  // namespace

void brute_force_top_k(std::span<const float> items, std::span<const float> biases, std::int64_t d,
                       std::span<const float> queries, std::int64_t k, const TopKFilter& filter,
                       const TopKRows& out) {
  require(d >= 1, "dimension: expected an integer of at least 1, got ", d);
  const std::int64_t n = std::ssize(items) / d, batch = std::ssize(queries) / d;
  require(n * d == std::ssize(items), "items: expected a multiple of ", d, " numbers, got ", items.size());
  require(batch * d == std::ssize(queries), "queries: expected a multiple of ", d, " numbers, got ",
          queries.size());
  require(biases.empty() || std::ssize(biases) == n, "biases: expected ", n, " numbers, got ", biases.size());
  check_rows(out, batch, n, k);
  check_apart(out, filter, items, queries, biases);
  check_finite(items, d, "items", "item");
  check_finite(queries, d, "queries", "query");
  check_finite(biases, 1, "biases", "item");
  const ItemFilter allowed(filter, batch, n);
  clear_rows(out);

  std::vector<std::int32_t> ids;
  if (allowed.has_allow()) {
    ids.assign(allowed.allowed().begin(), allowed.allowed().end());
  } else {
    ids.resize(static_cast<std::size_t>(n));
    std::iota(ids.begin(), ids.end(), 0);
    std::erase_if(ids, [&](std::int32_t id) { return allowed.blocked(id); });
  }
  const auto count = std::ssize(ids);
  const std::int64_t ranges = std::max<std::int64_t>(1, (count + kRange - 1) / kRange);
  std::vector<BestK> lists(static_cast<std::size_t>(batch * ranges), BestK(std::min(k, n)));
  const float* bias = biases.empty() ? nullptr : biases.data();
  ThreadPool::shared().run(batch * ranges, [&](std::int64_t task) {
    const std::int64_t b = task / ranges, part = task % ranges;
    BestK& list = lists[static_cast<std::size_t>(task)];
    double scores[kBlock];
    for (std::int64_t at = part * kRange; at < std::min((part + 1) * kRange, count); at += kBlock) {
      const std::int64_t size = std::min({kBlock, count - at, (part + 1) * kRange - at});
      score_kernels().exact_scores(queries.data() + b * d, d, items.data(), bias, ids.data() + at, size,
                                   scores);
      for (std::int64_t i = 0; i < size; ++i)
        if (const auto id = ids[static_cast<std::size_t>(at + i)]; !allowed.seen(b, id))
          list.offer({scores[i], id});
    }
  });
  write_lists(lists, ranges, k, out);
}

}  // namespace l4r
