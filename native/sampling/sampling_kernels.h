// The inner loops of samplers, one table per instruction-set level.
#pragma once

#include <cstdint>

namespace l4r {

enum class Level;

// A node of a search tree: a cache line of keys that are compared at once.
struct alignas(64) SearchNode {
  static constexpr int kBits = 4, kKeys = 1 << kBits;
  std::int32_t keys[kKeys];  // ascending; the largest number behind the last
};

// One search at some level of a tree of `length` entries: keys of the level lie 2^shift entries apart.
struct TreeSearch {
  const SearchNode* level;
  std::int32_t rank, node, length, shift;
  std::int32_t* to;
};

// Nodes of a level of a tree that is not empty.
constexpr std::int64_t nodes_of(std::int32_t length, int shift) {
  return ((length - 1) >> shift >> SearchNode::kBits) + 1;
}

struct SamplingKernels {
  // low[i], high[i] = the first two words of Philox(seed, stream).block(counter + i), i below n, a multiple
  // of
  // 16. The counters must not cross a multiple of 2^32.
  void (*philox_words)(std::int64_t n, std::uint64_t seed, std::uint64_t stream, std::uint64_t counter,
                       std::uint32_t* low, std::uint32_t* high);
  // Takes each search one level down and asks for the node there; one that has ended writes rank plus the
  // entries whose key is at most that. Returns how many go on: these are moved to the front.
  std::int64_t (*search_level)(TreeSearch* searches, std::int64_t count);
};

// The table of the active level, or of one level; throws Error(argument) when this build or machine lacks it.
const SamplingKernels& sampling_kernels();
const SamplingKernels& sampling_kernels(Level level);

}  // namespace l4r
