#include "sampling/sequence_sampler.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <limits>
#include <numeric>
#include <span>
#include <utility>

#include "base/status.h"
#include "base/thread_pool.h"
#include "sampling/draws.h"
#include "sampling/shuffle.h"

namespace l4r {

namespace {

constexpr std::int64_t kGrain = 16;  // sequences a chunk

// Streams of one seed: a mark that keeps them apart from those of initial values, then two an epoch.
constexpr std::uint64_t kMark = std::uint64_t{1} << 62;
std::uint64_t shuffle_stream(std::int64_t epoch) { return kMark | 2 * static_cast<std::uint64_t>(epoch); }
std::uint64_t negative_stream(std::int64_t epoch) { return shuffle_stream(epoch) + 1; }

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

void check_apart(const SequenceBatch& batch) {
  const std::span<std::int32_t> rooms[] = {batch.offsets, batch.inputs, batch.positions, batch.targets,
                                           batch.negatives};
  const std::less<const std::int32_t*> before;  // total, also across arrays
  for (std::size_t a = 0; a < std::size(rooms); ++a)
    for (std::size_t b = 0; b < a; ++b)
      require(rooms[a].empty() || rooms[b].empty() ||
                  !before(rooms[a].data(), rooms[b].data() + rooms[b].size()) ||
                  !before(rooms[b].data(), rooms[a].data() + rooms[a].size()),
              "sequences: expected arrays that do not overlap");
}

}  // namespace

SequenceSampler::SequenceSampler(std::int32_t item_count, std::vector<std::int32_t> offsets,
                                 std::vector<std::int32_t> items, std::int32_t length, std::int32_t negatives,
                                 std::uint64_t seed)
    : item_count_(item_count),
      offsets_(std::move(offsets)),
      items_(std::move(items)),
      length_(length),
      negatives_(negatives),
      seed_(seed) {
  check();
  std::vector<std::int32_t> list;  // ascending and without repetitions
  for (std::size_t user = 0; user + 1 < offsets_.size(); ++user) {
    list.assign(items_.begin() + offsets_[user], items_.begin() + offsets_[user + 1]);
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
    absent_.add(list);
  }
  cut_into_sequences();
  order_.resize(sequences_.size());
  position_ = examples();
}

void SequenceSampler::check() const {
  require(item_count_ >= 0, "sequences: itemCount: expected 0 or more, got ", item_count_);
  require(length_ >= 1, "sequences: length: expected 1 or more, got ", length_);
  require(negatives_ >= 0, "sequences: negatives: expected 0 or more, got ", negatives_);
  require(items_.size() <= std::numeric_limits<std::int32_t>::max(),
          "sequences: expected less than 2^31 items, got ", items_.size());
  require(!offsets_.empty() && offsets_.front() == 0 && offsets_.back() >= 0 &&
              at(offsets_.back()) == items_.size(),
          "sequences: offsets: expected to begin with 0 and end with ", items_.size());
  for (std::size_t user = 0; user + 1 < offsets_.size(); ++user)
    require(offsets_[user] <= offsets_[user + 1], "sequences: offsets[", user + 1, "]: expected at least ",
            offsets_[user], ", got ", offsets_[user + 1]);
  for (std::size_t e = 0; e < items_.size(); ++e)
    require(items_[e] >= 0 && items_[e] < item_count_, "sequences: items[", e, "]: expected 0..",
            item_count_ - 1, ", got ", items_[e]);
}

void SequenceSampler::cut_into_sequences() {
  for (std::size_t user = 0; user + 1 < offsets_.size(); ++user) {
    if (negatives_ > 0 && absent_.length(static_cast<std::int32_t>(user)) == item_count_) continue;
    for (std::int32_t end = offsets_[user + 1] - 1; end > offsets_[user]; end -= length_)
      sequences_.push_back({static_cast<std::int32_t>(user), std::max(offsets_[user], end - length_), end});
  }
}

void SequenceSampler::start_epoch(std::int64_t epoch, std::int64_t start) {
  require(epoch >= 0, "sequences: epoch: expected 0 or more, got ", epoch);
  require(start >= 0 && start <= examples(), "sequences: start: expected 0..", examples(), ", got ", start);
  // From the same start every time: an epoch does not depend on those before it.
  std::iota(order_.begin(), order_.end(), 0);
  shuffle(std::span(order_), Draws(seed_, shuffle_stream(epoch)));
  epoch_ = epoch;
  position_ = start;
}

std::int64_t SequenceSampler::next(const SequenceBatch& batch) {
  const auto room = static_cast<std::int64_t>(batch.offsets.size()) - 1;
  const std::size_t tokens = at(room * length_);
  require(room >= 1, "sequences: offsets: expected room for one sequence at least");
  require(batch.inputs.size() == tokens && batch.positions.size() == tokens &&
              batch.targets.size() == tokens && batch.negatives.size() == tokens * at(negatives_),
          "sequences: expected room for ", room, " sequences of ", length_, " tokens with ", negatives_,
          " negatives each, got ", batch.inputs.size(), " inputs, ", batch.positions.size(), " positions, ",
          batch.targets.size(), " targets and ", batch.negatives.size(), " negatives");
  check_apart(batch);
  const std::int64_t taken = std::min(room, examples() - position_);
  starts_.assign(at(taken + 1), 0);
  for (std::int64_t s = 0; s < taken; ++s) {
    const Sequence& sequence = sequences_[at(order_[at(position_ + s)])];
    starts_[at(s + 1)] = starts_[at(s)] + sequence.end - sequence.begin;
  }
  std::ranges::copy(starts_, batch.offsets.data());
  ThreadPool::shared().for_ranges(taken, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t s = begin; s < end; ++s) {
      const std::int32_t number = order_[at(position_ + s)];
      write(sequences_[at(number)], number, starts_[at(s)], batch);
    }
  });
  position_ += taken;
  return taken;
}

// Writes one sequence to tokens first, first + 1, ...
void SequenceSampler::write(const Sequence& sequence, std::int64_t number, std::int64_t first,
                            const SequenceBatch& batch) {
  const auto [user, begin, end] = sequence;
  const auto absent = static_cast<std::uint64_t>(item_count_ - absent_.length(user));
  Draws random(seed_, negative_stream(epoch_));
  const std::uint64_t draws = static_cast<std::uint64_t>(length_) * static_cast<std::uint64_t>(negatives_);
  AbsentSearch search(absent_);
  std::uint64_t draw = static_cast<std::uint64_t>(number) * draws;
  for (std::int32_t e = begin; e < end; ++e) {
    const std::int64_t token = first + e - begin;
    batch.inputs[at(token)] = items_[at(e)];
    batch.positions[at(token)] = length_ - (end - e);
    batch.targets[at(token)] = items_[at(e) + 1];
    for (std::int32_t n = 0; n < negatives_; ++n)
      search.add(user, static_cast<std::int32_t>(random.below(draw++, absent)),
                 &batch.negatives[at(token * negatives_ + n)]);
  }
  search.finish();
}

}  // namespace l4r
