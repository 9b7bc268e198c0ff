// Who interacted with what, as the graph that graph convolutions run over.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace l4r {

// The bipartite graph of users and items with the symmetric normalisation of LightGCN (He et al., SIGIR 2020,
// Eq. 3 and 8): D^-1/2 A D^-1/2 over nodes, users first, then items. In compressed rows, each edge once from
// its user and once from its item: edge (u, i) weighs 1 / sqrt(degree(u) degree(i)). A node without edges has
// an empty row. Rows come in parts: first of every row its neighbours in the first of several ranges of
// nodes, then those in the second, so that what is read of one range stays in the cache while all rows go by.
// Immutable: any number of threads may read.
class Graph {
 public:
  // Items of user u: items[offsets[u]..offsets[u + 1]), strictly ascending. Throws Error(argument) naming the
  // place where they are not, for counts below 0, 2^31 nodes or more, and 2^30 edges or more.
  Graph(std::int64_t user_count, std::int64_t item_count, std::span<const std::int32_t> offsets,
        std::span<const std::int32_t> items);

  // A graph of the same nodes that keeps each edge with probability 1 - rate, with the weights that its own
  // degrees give ("edge drop": Wu et al., SGL, SIGIR 2021, Eq. 8). Edge e, counted by user and item, follows
  // from (seed, stream, e) alone. Throws Error(argument) unless 0 <= rate < 1.
  Graph drop_edges(double rate, std::uint64_t seed, std::uint64_t stream) const;

  std::int64_t users() const noexcept { return user_count_; }
  std::int64_t nodes() const noexcept { return user_count_ + item_count_; }
  std::int64_t edges() const noexcept { return static_cast<std::int64_t>(neighbours_.size()) / 2; }
  std::int64_t parts() const noexcept { return parts_; }
  // [nodes + 1] Where the edges of each row's part begin and end.
  const std::int32_t* offsets(std::int64_t part) const noexcept { return offsets_.data() + part * nodes(); }
  // [2 edges] ascending inside a row
  const std::int32_t* neighbours() const noexcept { return neighbours_.data(); }
  // [2 edges]
  const float* weights() const noexcept { return weights_.data(); }
  // Rows cut into ranges of about as many edges each: range c is rows ranges()[c]..ranges()[c + 1] - 1. The
  // graph alone decides.
  std::span<const std::int32_t> ranges() const noexcept { return ranges_; }

 private:
  // Into which part of a row a neighbour falls.
  std::size_t part_of(std::size_t neighbour) const noexcept;
  void connect(std::span<const std::int32_t> offsets, std::span<const std::int32_t> items);
  void cut_into_ranges(std::span<const std::int32_t> degrees);

  std::int64_t user_count_, item_count_, parts_;
  std::vector<std::int32_t> offsets_;  // [parts x nodes + 1]
  std::vector<std::int32_t> neighbours_, ranges_;
  std::vector<float> weights_;
};

}  // namespace l4r
