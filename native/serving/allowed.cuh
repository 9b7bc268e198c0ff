// Whether a query may get an item, and where a thread writes one down.
#pragma once

#include "cuda/kernel.h"
#include "serving/device_catalogue.cuh"

namespace l4r::cuda {

// Binary search in what the query has seen.
__device__ inline bool allowed(const FilterView& filter, std::int64_t query, std::int32_t item) {
  if (filter.blocked != nullptr && filter.blocked[item] != 0) return false;
  if (filter.seen_offsets == nullptr) return true;
  std::int32_t low = filter.seen_offsets[query], high = filter.seen_offsets[query + 1];
  while (low < high) {
    const std::int32_t middle = low + (high - low) / 2;
    if (filter.seen[middle] < item)
      low = middle + 1;
    else
      high = middle;
  }
  return low == filter.seen_offsets[query + 1] || filter.seen[low] != item;
}

// Their order depends on that of the threads; what is made of them does not.
__device__ inline void append(const HitsView& hits, std::int64_t query, std::int32_t item, float lower,
                              float upper) {
  const std::int32_t at = atomicAdd(hits.counts + query, 1);
  if (at >= hits.capacity) return;
  hits.places[query * hits.capacity + at] = item;
  if (hits.lowers == nullptr) return;
  hits.lowers[query * hits.capacity + at] = lower;
  hits.uppers[query * hits.capacity + at] = upper;
}

// Appends the item if the query may get it. A call, for it is rare where it stands and stands often.
__device__ __attribute__((noinline)) inline void offer(const FilterView& filter, const HitsView& hits,
                                                       std::int64_t query, std::int64_t item, float lower,
                                                       float upper) {
  const auto id = static_cast<std::int32_t>(item);
  if (allowed(filter, query, id)) append(hits, query, id, lower, upper);
}

__device__ inline std::int64_t held(const HitsView& hits, std::int64_t query) {
  const std::int64_t count = hits.counts[query];
  return count < hits.capacity ? count : hits.capacity;
}

}  // namespace l4r::cuda
