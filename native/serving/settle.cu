// What a scan leaves is scored in float64 and the best are taken.
#include "cuda/launch.h"
#include "serving/allowed.cuh"
#include "serving/kth_largest.cuh"

namespace l4r::cuda {

namespace {

constexpr int kThreads = 256;

// A block a row.
__global__ void __launch_bounds__(kThreads)
    kth_of_row(const float* values, std::int64_t columns, std::int64_t k, float* thresholds) {
  const float* const row = values + blockIdx.x * columns;
  const auto found = kth_largest<unsigned>(
      columns, static_cast<int>(k), [row](std::int64_t i) { return ordered(row[i]); },
      shared_memory<Digits>());
  if (threadIdx.x == 0) thresholds[blockIdx.x] = unordered(found.key);
}

// A block a query. Any k lower bounds make a threshold, so what had no room is not missed.
__global__ void __launch_bounds__(kThreads) raise_of_hits(HitsView hits, std::int64_t k, float* thresholds) {
  const std::int64_t b = blockIdx.x, count = held(hits, b);
  if (count < k) return;
  const float* const lowers = hits.lowers + b * hits.capacity;
  const auto found = kth_largest<unsigned>(
      count, static_cast<int>(k), [lowers](std::int64_t i) { return ordered(lowers[i]); },
      shared_memory<Digits>());
  const float least = unordered(found.key);
  if (threadIdx.x == 0 && least > thresholds[b]) thresholds[b] = least;
}

// Grid: y over queries.
__global__ void __launch_bounds__(kThreads)
    copy_reaching(HitsView hits, const float* thresholds, HitsView kept) {
  const std::int64_t b = blockIdx.y, count = held(hits, b), step = std::int64_t{gridDim.x} * kThreads;
  for (std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x; i < count; i += step) {
    const std::int64_t at = b * hits.capacity + i;
    if (!(hits.uppers[at] < thresholds[b])) append(kept, b, hits.places[at], 0.0f, 0.0f);
  }
}

__global__ void __launch_bounds__(kThreads)
    append_items(const std::int32_t* list, std::int64_t first, std::int64_t count, FilterView filter,
                 HitsView hits) {
  const std::int64_t b = blockIdx.y, step = std::int64_t{gridDim.x} * kThreads;
  for (std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x; i < count; i += step) {
    const std::int32_t item = list == nullptr ? static_cast<std::int32_t>(first + i) : list[first + i];
    if (allowed(filter, b, item)) append(hits, b, item, 0.0f, 0.0f);
  }
}

__global__ void __launch_bounds__(kThreads)
    append_best(const std::int32_t* ids, const std::int32_t* counts, std::int64_t k, HitsView hits) {
  const std::int64_t b = blockIdx.y, step = std::int64_t{gridDim.x} * kThreads;
  for (std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x; i < counts[b]; i += step)
    append(hits, b, ids[b * k + i], 0.0f, 0.0f);
}

// A thread an item: sums from 0 in ascending dimension, the bias last. Products of two float32 are exact in
// float64, so a fused multiply-add rounds as a plain loop does.
template <bool Wide>
__global__ void __launch_bounds__(kThreads) score_rows(HitsView hits, const float* items, const float* biases,
                                                       std::int64_t d, const float* queries, double* scores) {
  const std::int64_t b = blockIdx.y, count = held(hits, b), step = std::int64_t{gridDim.x} * kThreads;
  const float* const query = queries + b * d;
  for (std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x; i < count; i += step) {
    const std::int64_t item = hits.places[b * hits.capacity + i];
    const float* const row = items + item * d;
    double sum = 0.0;
    if constexpr (Wide) {
      for (std::int64_t j = 0; j < d; j += 4) {
        const float4 x = *reinterpret_cast<const float4*>(row + j);
        const float4 q = *reinterpret_cast<const float4*>(query + j);
        sum = fma(double{q.x}, double{x.x}, sum);
        sum = fma(double{q.y}, double{x.y}, sum);
        sum = fma(double{q.z}, double{x.z}, sum);
        sum = fma(double{q.w}, double{x.w}, sum);
      }
    } else {
      for (std::int64_t j = 0; j < d; ++j) sum = fma(double{query[j]}, double{row[j]}, sum);
    }
    scores[b * hits.capacity + i] = sum + (biases == nullptr ? 0.0 : double{biases[item]});
  }
}

struct Selection {
  double scores[kMostSorted];
  std::int32_t ids[kMostSorted];
  Digits digits;
  int taken;
};

// Best first: higher score, then lower id. `size` is a power of two.
__device__ void sort_best(Selection& shared, int size) {
  for (int run = 2; run <= size; run *= 2)
    for (int step = run / 2; step > 0; step /= 2) {
      for (int i = static_cast<int>(threadIdx.x); i < size; i += kThreads) {
        const int j = i ^ step;
        if (j < i) continue;
        const double a = shared.scores[i], b = shared.scores[j];
        const std::int32_t x = shared.ids[i], y = shared.ids[j];
        const bool second_is_better = b > a || (b == a && y < x);
        if (second_is_better == ((i & run) == 0)) {
          shared.scores[i] = b;
          shared.scores[j] = a;
          shared.ids[i] = y;
          shared.ids[j] = x;
        }
      }
      __syncthreads();
    }
}

// A block a query.
__global__ void __launch_bounds__(kThreads)
    select_rows(HitsView hits, const double* all_scores, std::int64_t k, std::int32_t* all_ids,
                double* all_best, std::int32_t* counts) {
  auto& shared = shared_memory<Selection>();
  const std::int64_t b = blockIdx.x, count = held(hits, b);
  const double* const scores = all_scores + b * hits.capacity;
  const std::int32_t* const places = hits.places + b * hits.capacity;
  std::int32_t* const ids = all_ids + b * k;
  double* const best = all_best + b * k;
  const std::int64_t listed = count < k ? count : k;
  const bool sorted = listed <= kMostSorted;
  if (threadIdx.x == 0) shared.taken = 0;
  // The worst of the best, and how many ids with its score belong to them.
  Kth<unsigned long long> last{0, 0};
  unsigned last_id = 0;
  const bool all = count <= k || count <= kMostSorted;
  if (!all) {
    last = kth_largest<unsigned long long>(
        count, static_cast<int>(k), [scores](std::int64_t i) { return ordered(scores[i]); }, shared.digits);
    last_id = kth_largest<unsigned>(
                  count, last.left,
                  [=](std::int64_t i) {
                    return ordered(scores[i]) == last.key ? ~static_cast<unsigned>(places[i]) : 0u;
                  },
                  shared.digits)
                  .key;
  }
  __syncthreads();
  for (std::int64_t i = threadIdx.x; i < count; i += kThreads) {
    const unsigned long long key = ordered(scores[i]);
    const bool taken =
        all || key > last.key || (key == last.key && ~static_cast<unsigned>(places[i]) >= last_id);
    if (!taken) continue;
    const int at = atomicAdd(&shared.taken, 1);
    if (sorted) {
      shared.scores[at] = scores[i];
      shared.ids[at] = places[i];
    } else {
      best[at] = scores[i];
      ids[at] = places[i];
    }
  }
  __syncthreads();
  if (sorted) {
    int size = 1;
    while (size < shared.taken) size *= 2;
    for (int i = shared.taken + static_cast<int>(threadIdx.x); i < size; i += kThreads) {
      shared.scores[i] = -__longlong_as_double(0x7FF0000000000000ll);
      shared.ids[i] = 0x7FFFFFFF;
    }
    __syncthreads();
    sort_best(shared, size);
    for (std::int64_t i = threadIdx.x; i < listed; i += kThreads) {
      best[i] = shared.scores[i];
      ids[i] = shared.ids[i];
    }
  }
  for (std::int64_t i = listed + threadIdx.x; i < k; i += kThreads) {
    best[i] = 0.0;
    ids[i] = -1;
  }
  if (threadIdx.x == 0) counts[b] = static_cast<std::int32_t>(listed);
}

Grid over_hits(std::int64_t most, std::int64_t batch) {
  return {.blocks = dim3(blocks_for(most, kThreads, 256), static_cast<unsigned>(batch)),
          .threads = dim3(kThreads)};
}

Grid a_block_each(std::int64_t batch, std::size_t shared) {
  return {.blocks = dim3(static_cast<unsigned>(batch)), .threads = dim3(kThreads), .shared = shared};
}

}  // namespace

void kth_largest_of_rows(Stream stream, const float* values, std::int64_t batch, std::int64_t columns,
                         std::int64_t k, float* thresholds) {
  launch("kth_of_row", stream, a_block_each(batch, sizeof(Digits)), kth_of_row, values, columns, k,
         thresholds);
}

void raise_thresholds(Stream stream, const HitsView& hits, std::int64_t batch, std::int64_t k,
                      float* thresholds) {
  launch("raise_of_hits", stream, a_block_each(batch, sizeof(Digits)), raise_of_hits, hits, k, thresholds);
}

void keep_reaching(Stream stream, const HitsView& hits, std::int64_t batch, const float* thresholds,
                   const HitsView& kept) {
  launch("copy_reaching", stream, over_hits(hits.capacity / 8, batch), copy_reaching, hits, thresholds, kept);
}

void offer_items(Stream stream, const std::int32_t* list, std::int64_t first, std::int64_t count,
                 std::int64_t batch, const FilterView& filter, const HitsView& hits) {
  launch("append_items", stream, over_hits(count, batch), append_items, list, first, count, filter, hits);
}

void offer_best(Stream stream, const std::int32_t* ids, const std::int32_t* counts, std::int64_t batch,
                std::int64_t k, const HitsView& hits) {
  launch("append_best", stream, over_hits(k, batch), append_best, ids, counts, k, hits);
}

void score_hits(Stream stream, const HitsView& hits, const float* items, const float* biases, std::int64_t d,
                const float* queries, std::int64_t batch, double* scores) {
  launch("score_rows", stream, over_hits(hits.capacity / 8, batch),
         d % 4 == 0 ? score_rows<true> : score_rows<false>, hits, items, biases, d, queries, scores);
}

void select_best(Stream stream, const HitsView& hits, const double* scores, std::int64_t batch,
                 std::int64_t k, std::int32_t* ids, double* best, std::int32_t* counts) {
  launch("select_rows", stream, a_block_each(batch, sizeof(Selection)), select_rows, hits, scores, k, ids,
         best, counts);
}

}  // namespace l4r::cuda
