#include "cuda/catalogue.h"

#include <algorithm>
#include <vector>

namespace l4r::cuda {

namespace {

constexpr unsigned kThreads = 256;
constexpr int kGroup = 32;   // rows side by side: a warp reads 128 bytes of one dimension
constexpr int kTile = 1024;  // items of a block
constexpr int kEach = kTile / static_cast<int>(kThreads);
constexpr int kQueries = 4;    // of a block: an item that was read is scored for all of them
constexpr int kMerged = 2048;  // candidates of a merging block
constexpr std::int64_t kCandidateBytes = std::int64_t{256}
                                         << 20;  // of one pass; more queries take more passes

// One entry of a list; nothing has id -1.
__device__ inline bool before(double score, std::int32_t id, double other, std::int32_t other_id) {
  if (id < 0 || other_id < 0) return id >= 0 && other_id < 0;
  return score > other || (score == other && id < other_id);
}

// Sorts `size` entries (a power of two) in shared memory, best first: bitonic (Batcher, AFIPS 1968). All
// threads call.
__device__ void sort(double* scores, std::int32_t* ids, int size) {
  for (int run = 2; run <= size; run *= 2)
    for (int gap = run / 2; gap > 0; gap /= 2) {
      __syncthreads();
      for (int at = static_cast<int>(threadIdx.x); at < size; at += static_cast<int>(blockDim.x)) {
        const int other = at ^ gap;
        if (other <= at) continue;
        const bool forward = (at & run) == 0;
        const int first = forward ? at : other, second = forward ? other : at;
        if (!before(scores[second], ids[second], scores[first], ids[first])) continue;
        const double score = scores[at];
        scores[at] = scores[other];
        scores[other] = score;
        const std::int32_t id = ids[at];
        ids[at] = ids[other];
        ids[other] = id;
      }
    }
  __syncthreads();
}

// What the best entries of a block are written to: [queries][lists][kept].
struct Candidates {
  double* scores;
  std::int32_t* ids;
  std::int64_t lists;
  int kept;
};

__device__ inline void keep_best(const double* scores, const std::int32_t* ids, const Candidates& to,
                                 std::int64_t query, std::int64_t list) {
  for (int at = static_cast<int>(threadIdx.x); at < to.kept; at += static_cast<int>(blockDim.x)) {
    const std::int64_t place = (query * to.lists + list) * to.kept + at;
    to.scores[place] = scores[at];
    to.ids[place] = ids[at];
  }
}

struct Work {
  const float* items;    // [groups][d][kGroup]
  const float* biases;   // [n] or null
  const float* queries;  // [batch x d]
  std::int64_t n, d, batch;
  const std::uint8_t* blocked;           // [n] or null
  const std::int32_t* excluded_offsets;  // [batch + 1] or null
  const std::int32_t* excluded;          // ascending within a query
};

// First place in ascending numbers [begin, end) that is at least `least`.
__device__ inline std::int32_t place_of(const std::int32_t* numbers, std::int32_t begin, std::int32_t end,
                                        std::int64_t least) {
  while (begin < end) {
    const std::int32_t middle = begin + (end - begin) / 2;
    if (numbers[middle] < least)
      begin = middle + 1;
    else
      end = middle;
  }
  return begin;
}

// Grid: tiles x groups of queries. Shared memory: kTile scores, kTile ids, kQueries x d numbers of queries.
__global__ void __launch_bounds__(kThreads) score_tiles(Work work, Candidates to) {
  auto* scores = shared_memory<double>();
  auto* ids = reinterpret_cast<std::int32_t*>(scores + kTile);
  auto* queries = reinterpret_cast<float*>(ids + kTile);
  const std::int64_t tile = blockIdx.x, first_item = tile * kTile,
                     first_query = std::int64_t{blockIdx.y} * kQueries;
  const int thread = static_cast<int>(threadIdx.x);
  const int count =
      static_cast<int>(work.batch - first_query < kQueries ? work.batch - first_query : kQueries);
  for (std::int64_t at = thread; at < kQueries * work.d; at += kThreads)
    queries[at] = at < count * work.d ? work.queries[first_query * work.d + at] : 0.0f;
  __syncthreads();

  double sums[kEach][kQueries] = {};
  for (int i = 0; i < kEach; ++i) {
    const std::int64_t item = first_item + i * static_cast<int>(kThreads) + thread;
    if (item >= work.n) continue;
    const float* row = work.items + item / kGroup * kGroup * work.d + item % kGroup;
    for (std::int64_t c = 0; c < work.d; ++c) {
      const double x = row[c * kGroup];
      for (int q = 0; q < kQueries; ++q)
        sums[i][q] = __fma_rn(static_cast<double>(queries[q * work.d + c]), x, sums[i][q]);
    }
    const double bias = work.biases == nullptr ? 0.0 : static_cast<double>(work.biases[item]);
    for (int q = 0; q < kQueries; ++q) sums[i][q] = __dadd_rn(sums[i][q], bias);
  }

  for (int q = 0; q < count; ++q) {
    const std::int64_t query = first_query + q;
    for (int i = 0; i < kEach; ++i) {
      const int place = i * static_cast<int>(kThreads) + thread;
      const std::int64_t item = first_item + place;
      const bool out = item >= work.n || (work.blocked != nullptr && work.blocked[item] != 0);
      scores[place] = out ? 0.0 : sums[i][q];
      ids[place] = out ? -1 : static_cast<std::int32_t>(item);
    }
    __syncthreads();
    if (work.excluded_offsets != nullptr) {
      const std::int32_t begin = work.excluded_offsets[query], end = work.excluded_offsets[query + 1];
      const std::int32_t from = place_of(work.excluded, begin, end, first_item);
      const std::int32_t until = place_of(work.excluded, from, end, first_item + kTile);
      for (std::int32_t at = from + thread; at < until; at += static_cast<std::int32_t>(kThreads))
        ids[work.excluded[at] - first_item] = -1;
    }
    sort(scores, ids, kTile);
    keep_best(scores, ids, to, query, tile);
    __syncthreads();
  }
}

// Grid: lists that come out x queries. Each takes `joined` lists that follow one another. Shared memory:
// kMerged entries.
__global__ void __launch_bounds__(kThreads) merge_lists(Candidates from, int joined, Candidates to) {
  auto* scores = shared_memory<double>();
  auto* ids = reinterpret_cast<std::int32_t*>(scores + kMerged);
  const std::int64_t list = blockIdx.x, query = blockIdx.y;
  const std::int64_t begin = list * joined * from.kept;
  const std::int64_t end = from.lists * from.kept;
  for (int at = static_cast<int>(threadIdx.x); at < kMerged; at += static_cast<int>(kThreads)) {
    const bool there = at < joined * from.kept && begin + at < end;
    const std::int64_t place = query * end + begin + at;
    scores[at] = there ? from.scores[place] : 0.0;
    ids[at] = there ? from.ids[place] : -1;
  }
  sort(scores, ids, kMerged);
  keep_best(scores, ids, to, query, list);
}

// Memory for candidates.
struct CandidateArrays {
  DeviceArray<double> scores;
  DeviceArray<std::int32_t> ids;
  Candidates view;

  CandidateArrays(Device& device, std::int64_t queries, std::int64_t lists, int kept)
      : scores(device, queries * lists * kept),
        ids(device, queries * lists * kept),
        view{scores.data(), ids.data(), lists, kept} {}
};

std::int64_t groups_of(std::int64_t n) { return (n + kGroup - 1) / kGroup; }

std::vector<float> grouped(const float* items, std::int64_t n, std::int64_t d) {
  std::vector<float> side_by_side(static_cast<std::size_t>(groups_of(n) * kGroup * d));
  for (std::int64_t item = 0; item < n; ++item)
    for (std::int64_t c = 0; c < d; ++c)
      side_by_side[static_cast<std::size_t>((item / kGroup * d + c) * kGroup + item % kGroup)] =
          items[item * d + c];
  return side_by_side;
}

}  // namespace

Catalogue::Catalogue(Device& device, const float* items, const float* biases, std::int64_t n, std::int64_t d)
    : device_(&device), n_(n), d_(d) {
  const std::vector<float> rows = grouped(items, n, d);
  items_ = DeviceArray<float>(device, rows.data(), static_cast<std::int64_t>(rows.size()), "items");
  if (biases != nullptr) biases_ = DeviceArray<float>(device, biases, n, "biases");
  device.wait("items");  // `rows` ends here
}

void Catalogue::top_k(const float* queries, std::int64_t batch, std::int64_t k, const Filter& filter,
                      const Lists& out) const {
  const int kept = static_cast<int>(std::min<std::int64_t>(k, kTile));
  const std::int64_t tiles = std::max<std::int64_t>(1, (n_ + kTile - 1) / kTile);
  const int joined = std::max(2, kMerged / kept);
  const std::int64_t bytes = tiles * kept * static_cast<std::int64_t>(sizeof(double) + sizeof(std::int32_t));
  const std::int64_t pass = std::clamp<std::int64_t>(kCandidateBytes / bytes, kQueries, 4096);
  DeviceArray<std::uint8_t> blocked;
  if (filter.blocked != nullptr) blocked = DeviceArray<std::uint8_t>(*device_, filter.blocked, n_, "blocked");
  const std::size_t scoring = kTile * (sizeof(double) + sizeof(std::int32_t)) +
                              kQueries * static_cast<std::size_t>(d_) * sizeof(float);

  for (std::int64_t first = 0; first < batch; first += pass) {
    const std::int64_t count = std::min(pass, batch - first);
    const DeviceArray<float> rows(*device_, queries + first * d_, count * d_, "queries");
    DeviceArray<std::int32_t> offsets, excluded;
    if (filter.excluded_offsets != nullptr) {
      offsets = DeviceArray<std::int32_t>(*device_, filter.excluded_offsets + first, count + 1, "excluded");
      excluded =
          DeviceArray<std::int32_t>(*device_, filter.excluded, filter.excluded_offsets[batch], "excluded");
    }
    CandidateArrays found(*device_, count, tiles, kept);
    launch(*device_, "score tiles", score_tiles,
           dim3{static_cast<unsigned>(tiles), static_cast<unsigned>((count + kQueries - 1) / kQueries), 1},
           kThreads, scoring,
           Work{items_.data(), biases_.data(), rows.data(), n_, d_, count, blocked.data(), offsets.data(),
                excluded.data()},
           found.view);
    while (found.view.lists > 1) {
      const std::int64_t lists = (found.view.lists + joined - 1) / joined;
      CandidateArrays fewer(*device_, count, lists, kept);
      launch(*device_, "merge lists", merge_lists,
             dim3{static_cast<unsigned>(lists), static_cast<unsigned>(count), 1}, kThreads,
             kMerged * (sizeof(double) + sizeof(std::int32_t)), found.view, joined, fewer.view);
      found = std::move(fewer);
    }
    std::vector<double> scores(static_cast<std::size_t>(count * kept));
    std::vector<std::int32_t> ids(scores.size());
    device_->copy_out(scores.data(), found.view.scores, scores.size() * sizeof(double), "top-k");
    device_->copy_out(ids.data(), found.view.ids, ids.size() * sizeof(std::int32_t), "top-k");
    for (std::int64_t b = 0; b < count; ++b) {
      std::int32_t length = 0;
      for (std::int64_t at = 0; at < k; ++at) {
        const auto from = static_cast<std::size_t>(b * kept + at);
        const bool there = at < kept && ids[from] >= 0;
        const std::int64_t to = (first + b) * k + at;
        out.ids[to] = there ? ids[from] : -1;
        out.scores[to] = there ? scores[from] : 0.0;
        length += there ? 1 : 0;
      }
      out.counts[first + b] = length;
    }
  }
}

}  // namespace l4r::cuda
