#include "serving/device_catalogue.cuh"

#include <algorithm>
#include <utility>
#include <vector>

namespace l4r::cuda {

namespace {

constexpr std::int64_t kMostScanned = 2048;  // dimensions: the codes of 8 queries fit a block's shared memory
constexpr std::int64_t kLeastCapacity = 4096;              // hits of a query that there is room for
constexpr std::int64_t kHitsOfEach = 64;                   // for each of the k best
constexpr std::int64_t kMostHits = std::int64_t{1} << 25;  // of all queries at once: 20 bytes each, twice
constexpr std::int64_t kMostQueries = 4096;                // at once

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// A sample of 1/32 of the items, more if k is large: its k-th largest maximum is reached by some 32 k items.
Sample sample_of(std::int64_t panels, std::int64_t k) {
  constexpr std::int64_t kLeastMaxima = 1024, kMaximaOfEach = 8, kShare = 32;
  const std::int64_t groups = std::min(panels, ceil_div(std::max(kLeastMaxima, kMaximaOfEach * k), kPanel));
  const std::int64_t depth = std::clamp<std::int64_t>(panels / kShare / groups, 1, panels / groups);
  return {groups, depth, panels / (groups * depth)};
}

// Lists that were too long for the device to sort.
void sort_rows(const TopKCall& call) {
  std::vector<std::pair<double, std::int32_t>> row;
  for (std::int64_t b = 0; b < call.batch; ++b) {
    if (call.counts[b] <= kMostSorted) continue;
    row.clear();
    for (std::int64_t i = b * call.k; i < b * call.k + call.counts[b]; ++i)
      row.emplace_back(-call.scores[i], call.ids[i]);
    std::sort(row.begin(), row.end());
    for (std::size_t i = 0; i < row.size(); ++i) {
      call.scores[b * call.k + static_cast<std::int64_t>(i)] = -row[i].first;
      call.ids[b * call.k + static_cast<std::int64_t>(i)] = row[i].second;
    }
  }
}

// One list a query, with bounds beside the items where they are wanted.
struct Hits {
  Array<std::int32_t> places, counts;
  Array<float> lowers, uppers;
  std::int64_t capacity;

  Hits(Memory& memory, std::int64_t batch, std::int64_t capacity, bool bounds)
      : places(memory, batch * capacity),
        counts(memory, batch),
        lowers(memory, bounds ? batch * capacity : 0),
        uppers(memory, bounds ? batch * capacity : 0),
        capacity(capacity) {}

  // From query `first` on.
  HitsView view(std::int64_t first = 0) const {
    const auto at = [first, this](const Array<float>& each) {
      return each.data() == nullptr ? nullptr : each.data() + first * capacity;
    };
    return {places.data() + first * capacity, at(lowers), at(uppers), counts.data() + first, capacity};
  }
  void clear(Stream stream, std::int64_t first, std::int64_t batch) const {
    runtime::fill(counts.data() + first, 0, static_cast<std::size_t>(batch) * sizeof(std::int32_t), stream);
  }
};

}  // namespace

// What one block of queries needs on the device.
struct DeviceCatalogue::Work {
  Stream stream;
  const TopKCall& call;
  std::int64_t k;  // at most n
  const Array<std::uint8_t>& blocked;
  const Array<std::int32_t>& allowed;
  Array<float> queries;
  Array<std::int32_t> seen_offsets, seen;
  Hits kept;
  Array<double> scores;
  Array<std::int32_t> ids, counts;
  Array<double> best;

  Work(Memory& memory, Stream stream, const TopKCall& call, std::int64_t k, std::int64_t d,
       const Array<std::uint8_t>& blocked, const Array<std::int32_t>& allowed, std::int64_t first,
       std::int64_t count, std::int64_t capacity)
      : stream(stream),
        call(call),
        k(k),
        blocked(blocked),
        allowed(allowed),
        queries(memory, stream, call.queries + first * d, count * d),
        seen_offsets(memory, stream, call.seen_offsets == nullptr ? nullptr : call.seen_offsets + first,
                     count + 1),
        seen(memory, stream, call.seen, call.seen_offsets == nullptr ? 0 : call.seen_offsets[call.batch]),
        kept(memory, count, capacity, false),
        scores(memory, count * capacity),
        ids(memory, count * call.k),
        counts(memory, count),
        best(memory, count * call.k) {}

  FilterView filter(std::int64_t first) const {
    return {blocked.data(), seen_offsets.data() == nullptr ? nullptr : seen_offsets.data() + first,
            seen.data()};
  }
};

DeviceCatalogue::DeviceCatalogue(Device& device, const ItemsView& items)
    : device_(device),
      n_(items.n),
      d_(items.d),
      panels_(ceil_div(items.n, kPanel)),
      chunks_(static_cast<int>(2 * ceil_div(items.d, 2 * kChunk))),
      items_(device.memory(), device.stream(), items.items, items.n * items.d),
      biases_(device.memory(), device.stream(), items.biases, items.n) {
  if (d_ > kMostScanned || n_ <= kLeastCapacity) return;  // every item is scored
  Memory& memory = device.memory();
  const Stream stream = device.stream();
  codes_ = Array<std::int8_t>(memory, panels_ * chunks_ * kChunk * kPanel);
  scales_ = Array<float>(memory, panels_ * kPanel);
  bounds_ = Array<PanelBound>(memory, panels_);
  codes_.zero(stream);
  scales_.zero(stream);
  if (biases_.data() != nullptr) {
    panel_biases_ = Array<float>(memory, panels_ * kPanel);
    panel_biases_.zero(stream);
    runtime::copy_in(panel_biases_.data(), items.biases, biases_.bytes(), stream);
  }
  code_items(stream, items_.data(), biases_.data(), n_, d_, chunks_, codes_.data(), scales_.data(),
             bounds_.data());
  std::vector<PanelBound> bounds(static_cast<std::size_t>(panels_));
  bounds_.read(bounds.data(), stream);
  for (const PanelBound& bound : bounds) {
    largest_length_ = std::max(largest_length_, double{bound.length});
    largest_bias_ = std::max(largest_bias_, double{bound.bias});
  }
}

ShadowView DeviceCatalogue::shadow() const noexcept {
  return {codes_.data(), scales_.data(), panel_biases_.data(), bounds_.data(), n_, panels_, chunks_};
}

void DeviceCatalogue::top_k(const TopKCall& call) {
  Memory& memory = device_.memory();
  const Stream stream = device_.stream();
  const std::int64_t k = std::min(call.k, n_);
  if (k == 0) return;  // the caller's rows are cleared
  const Array<std::uint8_t> blocked(memory, stream, call.blocked, n_);
  const Array<std::int32_t> allowed(memory, stream, call.few_allowed != 0 ? call.allowed : nullptr,
                                    call.allowed_count);
  const std::int64_t capacity = std::max(kLeastCapacity, kHitsOfEach * k);
  const std::int64_t block = std::clamp<std::int64_t>(kMostHits / capacity, 1, kMostQueries);
  for (std::int64_t first = 0; first < call.batch; first += block) {
    const std::int64_t count = std::min(block, call.batch - first);
    Work work(memory, stream, call, k, d_, blocked, allowed, first, count, capacity);
    search(call, first, count, work);
  }
  sort_rows(call);
}

void DeviceCatalogue::search(const TopKCall& call, std::int64_t first, std::int64_t count, Work& work) {
  const std::int64_t capacity = work.kept.capacity;
  if (call.few_allowed != 0 || codes_.data() == nullptr || n_ <= capacity)
    look_at_all(work, 0, count);
  else
    scan(work, count);
  work.ids.read(call.ids + first * call.k, work.stream);
  work.best.read(call.scores + first * call.k, work.stream);
  work.counts.read(call.counts + first, work.stream);
}

void DeviceCatalogue::settle(Work& work, const HitsView& hits, std::int64_t first, std::int64_t count) {
  const std::int64_t places = work.call.k;
  double* const scores = work.scores.data() + first * hits.capacity;
  score_hits(work.stream, hits, items_.data(), biases_.data(), d_, work.queries.data() + first * d_, count,
             scores);
  select_best(work.stream, hits, scores, count, places, work.ids.data() + first * places,
              work.best.data() + first * places, work.counts.data() + first);
}

// Scans once; again, with thresholds that the first hits raise, when some query had more than there was room
// for; and looks at all items for one that still has, whose scores are all alike.
void DeviceCatalogue::scan(Work& work, std::int64_t count) {
  const std::int64_t k = work.k;
  Memory& memory = device_.memory();
  const Stream stream = work.stream;
  const ShadowView items = shadow();
  const FilterView filter = work.filter(0);
  Array<std::int8_t> codes(memory, count * chunks_ * kChunk);
  const Array<QueryTerm> terms(memory, count);
  codes.zero(stream);
  code_queries(stream, work.queries.data(), count, d_, chunks_, largest_length_, largest_bias_, codes.data(),
               terms.data());
  const CodedView queries{codes.data(), terms.data(), count};

  const Array<float> thresholds(memory, count);
  {
    const Sample sample = sample_of(panels_, k);
    const Array<float> maxima(memory, count * sample.groups * kPanel);
    sample_maxima(stream, items, queries, filter, sample, maxima.data());
    kth_largest_of_rows(stream, maxima.data(), count, sample.groups * kPanel, k, thresholds.data());
  }
  const Hits hits(memory, count, work.kept.capacity, true);
  std::vector<std::int32_t> found(static_cast<std::size_t>(count));
  const auto too_many = [&](std::int32_t each) { return each > hits.capacity; };
  for (int round = 0; round < 2; ++round) {
    hits.clear(stream, 0, count);
    scan_panels(stream, items, queries, filter, thresholds.data(), hits.view());
    raise_thresholds(stream, hits.view(), count, k, thresholds.data());
    if (round > 0) break;
    hits.counts.read(found.data(), stream);
    if (std::none_of(found.begin(), found.end(), too_many)) break;
  }
  work.kept.clear(stream, 0, count);
  keep_reaching(stream, hits.view(), count, thresholds.data(), work.kept.view());
  settle(work, work.kept.view(), 0, count);
  hits.counts.read(found.data(), stream);
  for (std::int64_t b = 0; b < count; ++b)
    if (too_many(found[static_cast<std::size_t>(b)])) look_at_all(work, b, 1);
}

// Scores every item that the queries first .. first + count may get, as many at a time as there is room for;
// the best so far go along.
void DeviceCatalogue::look_at_all(Work& work, std::int64_t first, std::int64_t count) {
  const std::int64_t places = work.call.k;
  const bool few = work.call.few_allowed != 0;
  const std::int64_t total = few ? work.call.allowed_count : n_, piece = work.kept.capacity - work.k;
  const HitsView hits = work.kept.view(first);
  for (std::int64_t at = 0; at == 0 || at < total; at += piece) {
    work.kept.clear(work.stream, first, count);
    if (at > 0)
      offer_best(work.stream, work.ids.data() + first * places, work.counts.data() + first, count, places,
                 hits);
    offer_items(work.stream, few ? work.allowed.data() : nullptr, at, std::min(piece, total - at), count,
                work.filter(first), hits);
    settle(work, hits, first, count);
  }
}

}  // namespace l4r::cuda
