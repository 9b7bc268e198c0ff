#include "graph/graph.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/rng.h"
#include "base/status.h"
#include "base/thread_pool.h"

namespace l4r {

namespace {

constexpr std::int64_t kMostEdges = (std::int64_t{1} << 30) - 1;
constexpr std::int64_t kRangeEdges = 1024;  // some 20 microseconds of one product of width 64
constexpr std::int64_t kPartRows = 1500;    // rows of width 64 that a level-two cache holds beside others
constexpr std::int64_t kPartEdges = 8;      // of a row in a part: fewer are not worth another pass
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
  std::size_t number = 0;
  for (std::int64_t user = 0; user < user_count_; ++user) {
    for (std::int64_t part = 0; part < parts_; ++part)
      for (std::int32_t e = this->offsets(part)[user]; e < this->offsets(part)[user + 1]; ++e)
        if (stays[number++] != 0)
          items.push_back(neighbours_[at(e)] - static_cast<std::int32_t>(user_count_));
    offsets.push_back(static_cast<std::int32_t>(items.size()));
  }
  return Graph(user_count_, item_count_, offsets, items);
}

std::size_t Graph::part_of(std::size_t neighbour) const noexcept {
  const std::size_t users = at(user_count_);
  return neighbour < users ? neighbour * at(parts_) / users
                           : (neighbour - users) * at(parts_) / at(item_count_);
}

void Graph::connect(std::span<const std::int32_t> offsets, std::span<const std::int32_t> items) {
  const std::size_t edges = items.size(), users = at(user_count_), all = at(nodes());
  parts_ = std::max<std::int64_t>(
      1, std::min(std::max(user_count_, item_count_) / kPartRows,
                  static_cast<std::int64_t>(edges) / (kPartEdges * std::max<std::int64_t>(1, nodes()))));
  std::vector<std::int32_t> degrees(all);
  offsets_.assign(at(parts_) * all + 1, 0);
  const auto for_each_edge = [&](auto&& visit) {
    for (std::size_t user = 0; user < users; ++user)
      for (std::int32_t e = offsets[user]; e < offsets[user + 1]; ++e) {
        const std::size_t item = users + at(items[at(e)]);
        visit(user, item, part_of(item) * all + user, part_of(user) * all + item);
      }
  };
  // A counting sort by part and row; users come in ascending order, so neighbours ascend in rows of items
  // too.
  for_each_edge([&](std::size_t user, std::size_t item, std::size_t there, std::size_t back) {
    ++degrees[user];
    ++degrees[item];
    ++offsets_[there + 1];
    ++offsets_[back + 1];
  });
  std::partial_sum(offsets_.begin(), offsets_.end(), offsets_.begin());
  neighbours_.resize(2 * edges);
  weights_.resize(2 * edges);
  std::vector<std::int32_t> next(offsets_.begin(), offsets_.end() - 1);
  for_each_edge([&](std::size_t user, std::size_t item, std::size_t there, std::size_t back) {
    const std::size_t to = at(next[there]++), from = at(next[back]++);
    neighbours_[to] = static_cast<std::int32_t>(item);
    neighbours_[from] = static_cast<std::int32_t>(user);
    weights_[to] = weights_[from] = static_cast<float>(1 / std::sqrt(double(degrees[user]) * degrees[item]));
  });
  cut_into_ranges(degrees);
}

void Graph::cut_into_ranges(std::span<const std::int32_t> degrees) {
  ranges_ = {0};
  std::int64_t cost = 0;
  for (std::int64_t node = 0; node < nodes(); ++node) {
    cost += degrees[at(node)] + 1;  // a row without edges is written too
    if (cost < kRangeEdges && node + 1 < nodes()) continue;
    ranges_.push_back(static_cast<std::int32_t>(node + 1));
    cost = 0;
  }
}

}  // namespace l4r
