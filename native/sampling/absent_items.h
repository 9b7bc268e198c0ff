// Items that are not in a list, by rank: how negatives are drawn exactly, without rejection.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sampling/sampling_kernels.h"

namespace l4r {

// Lists of items, each kept as a search tree over how many absent items lie below its entries: below entry c
// of a list lie list[c] - c of them. A node is a cache line of 16 keys that are compared at once; a list of
// up to 256 entries is two lines deep. Immutable once built: any number of threads may search.
class AbsentItems {
 public:
  // Adds a list, strictly ascending, under the next number.
  void add(std::span<const std::int32_t> list);
  // Entries of a list.
  std::int32_t length(std::int32_t list) const noexcept { return at(list).length; }
  // Asks for what length() and a search begin with.
  void prefetch(std::int32_t list) const noexcept { __builtin_prefetch(&at(list)); }

 private:
  friend class AbsentSearch;

  // Levels of a list lie one after the other, the one node of the top first, the entries last: key k of a
  // node is the first one of node k below it.
  struct List {
    std::size_t root;
    std::int32_t length, top;  // top: logarithm of the entries between two keys of the root
  };

  const List& at(std::int32_t list) const noexcept { return lists_[static_cast<std::size_t>(list)]; }

  std::vector<SearchNode> nodes_;
  std::vector<List> lists_;
};

// Searches many at a time, level by level, so that none waits for the memory of another. One thread each.
class AbsentSearch {
 public:
  explicit AbsentSearch(const AbsentItems& items, const SamplingKernels& kernels = sampling_kernels())
      : items_(items), kernels_(kernels) {}
  // Finds the item that has `rank` items before it among those that are not in the list; written to `to` by
  // finish() at the latest.
  void add(std::int32_t list, std::int32_t rank, std::int32_t* to);
  void finish();

 private:
  const AbsentItems& items_;
  const SamplingKernels& kernels_;
  std::array<TreeSearch, 32> searches_;
  std::int64_t count_ = 0;
};

}  // namespace l4r
