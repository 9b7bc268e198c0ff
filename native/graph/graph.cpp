#include "graph/graph.h"

#include <algorithm>
#include <cmath>

#include "base/rng.h"
#include "base/status.h"
#include "base/thread_pool.h"

namespace l4r {

namespace {

constexpr std::int64_t kMostEdges = (std::int64_t{1} << 30) - 1;
constexpr std::int64_t kRangeEdges = 1024;  // some 20 microseconds of one product of width 64
constexpr std::int64_t kRangeDraws = 4096;  // edges, a multiple of 4

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

void check(std::int64_t user_count, std::int64_t item_count, std::span<const std::int32_t> offsets,
           std::span<const std::int32_t> items) {
  require(user_count >= 0 && item_count >= 0 && user_count + item_count < std::int64_t{1} << 31,
          "graph: expected counts of 0 or more and less than 2^31 nodes, got ", user_count, " users and ",
          item_count, " items");
  require(static_cast<std::int64_t>(items.size()) <= kMostEdges, "graph: expected less than 2^30 edges, got ",
          items.size());
  require(offsets.size() == at(user_count) + 1, "graph: offsets: expected ", user_count + 1, " numbers, got ",
          offsets.size());
  require(offsets.front() == 0 && static_cast<std::int64_t>(items.size()) == offsets.back(),
          "graph: offsets: expected to begin with 0 and end with ", items.size(), ", got ", offsets.front(),
          " and ", offsets.back());
  for (std::size_t user = 0; user + 1 < offsets.size(); ++user)
    require(offsets[user] <= offsets[user + 1], "graph: offsets[", user + 1, "]: expected at least ",
            offsets[user], ", got ", offsets[user + 1]);
  for (std::size_t user = 0; user + 1 < offsets.size(); ++user)
    for (std::int64_t e = offsets[user]; e < offsets[user + 1]; ++e) {
      const std::int32_t item = items[at(e)], before = e == offsets[user] ? -1 : items[at(e - 1)];
      require(item > before && item < item_count, "graph: items[", e, "]: expected ", before + 1, "..",
              item_count - 1, " (items of user ", user, " ascend), got ", item);
    }
}

}  // namespace

Graph::Graph(std::int64_t user_count, std::int64_t item_count, std::span<const std::int32_t> offsets,
             std::span<const std::int32_t> items)
    : user_count_(user_count), item_count_(item_count) {
  check(user_count, item_count, offsets, items);
  connect(offsets, items);
}

Graph Graph::drop_edges(double rate, std::uint64_t seed, std::uint64_t stream) const {
  require(rate >= 0 && rate < 1, "graph: rate: expected a number in [0, 1), got ", rate);
  const Philox random(seed, stream);
  // Edge e takes word e % 4 of block e / 4.
  std::vector<std::uint8_t> stays(at(edges()));
  ThreadPool::shared().for_ranges(edges(), kRangeDraws, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t e = begin; e < end; e += 4) {
      const auto words = random.block(at(e / 4));
      for (std::int64_t i = e; i < std::min(e + 4, end); ++i)
        stays[at(i)] = Philox::unit(words[at(i - e)]) >= rate ? 1 : 0;
    }
  });
  std::vector<std::int32_t> offsets{0}, items;
  offsets.reserve(at(user_count_) + 1);
  items.reserve(at(edges()));
  for (std::int64_t user = 0; user < user_count_; ++user) {
    for (std::int64_t e = offsets_[at(user)]; e < offsets_[at(user) + 1]; ++e)
      if (stays[at(e)] != 0) items.push_back(neighbours_[at(e)] - static_cast<std::int32_t>(user_count_));
    offsets.push_back(static_cast<std::int32_t>(items.size()));
  }
  return Graph(user_count_, item_count_, offsets, items);
}

void Graph::connect(std::span<const std::int32_t> offsets, std::span<const std::int32_t> items) {
  const std::size_t edges = items.size(), users = at(user_count_);
  // Rows of users are the rows given; those of items, behind them, are their transpose by counting.
  offsets_.assign(users + at(item_count_) + 1, 0);
  std::copy(offsets.begin(), offsets.end(), offsets_.begin());
  for (const std::int32_t item : items) ++offsets_[users + at(item) + 1];
  for (std::size_t node = users; node + 1 < offsets_.size(); ++node) offsets_[node + 1] += offsets_[node];

  const auto degree = [&](std::size_t node) { return double(offsets_[node + 1] - offsets_[node]); };
  neighbours_.resize(2 * edges);
  weights_.resize(2 * edges);
  std::vector<std::int32_t> next(offsets_.begin() + static_cast<std::ptrdiff_t>(users), offsets_.end() - 1);
  for (std::size_t user = 0; user < users; ++user)
    for (std::size_t e = at(offsets[user]); e < at(offsets[user + 1]); ++e) {
      const std::size_t item = users + at(items[e]), back = at(next[at(items[e])]++);
      neighbours_[e] = static_cast<std::int32_t>(item);
      neighbours_[back] = static_cast<std::int32_t>(user);
      weights_[e] = weights_[back] = static_cast<float>(1 / std::sqrt(degree(user) * degree(item)));
    }

  ranges_ = {0};
  for (std::int64_t node = 0; node < nodes(); ++node) {
    const std::int64_t first = ranges_.back(), past = node + 1;
    // A row without edges is written too.
    if (offsets_[at(past)] - offsets_[at(first)] + past - first >= kRangeEdges || past == nodes())
      ranges_.push_back(static_cast<std::int32_t>(past));
  }
}

}  // namespace l4r
