#include "sampling/pair_sampler.h"

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

#include "base/status.h"
#include "base/thread_pool.h"
#include "sampling/draws.h"
#include "sampling/shuffle.h"

namespace l4r {

namespace {

constexpr std::int64_t kGrain = 1024;  // examples a chunk
constexpr std::int64_t kAhead = 16;    // examples whose lists are asked for

// Streams of one seed: a mark that keeps them apart from those of initial values, then two an epoch.
constexpr std::uint64_t kMark = std::uint64_t{1} << 61;
std::uint64_t shuffle_stream(std::int64_t epoch) { return kMark | 2 * static_cast<std::uint64_t>(epoch); }
std::uint64_t negative_stream(std::int64_t epoch) { return shuffle_stream(epoch) + 1; }

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace

PairSampler::PairSampler(std::int32_t user_count, std::int32_t item_count, std::vector<std::int32_t> offsets,
                         std::vector<std::int32_t> items, std::vector<std::int32_t> extra,
                         std::int32_t negatives, std::uint64_t seed)
    : item_count_(item_count),
      negatives_(negatives),
      offsets_(std::move(offsets)),
      items_(std::move(items)),
      extra_(std::move(extra)),
      seed_(seed) {
  check(user_count);
  examples_.reserve(items_.size() + extra_.size() / 3);
  for (std::int32_t user = 0; user < user_count; ++user) {
    const std::int32_t begin = offsets_[at(user)], end = offsets_[at(user) + 1];
    absent_.add(std::span(items_).subspan(at(begin), at(end - begin)));
    if (negatives > 0 && end - begin == item_count) continue;
    for (std::int32_t e = begin; e < end; ++e) examples_.push_back({user, items_[at(e)]});
  }
  for (std::size_t t = 0; t < extra_.size() / 3; ++t)
    examples_.push_back({-1 - static_cast<std::int32_t>(t), extra_[3 * t + 1]});
  order_ = examples_;
  position_ = examples();
}

void PairSampler::check(std::int32_t user_count) const {
  require(user_count >= 0 && item_count_ >= 0, "sampler: expected counts of 0 or more, got ", user_count,
          " users and ", item_count_, " items");
  require(negatives_ >= 0, "sampler: negatives: expected 0 or more, got ", negatives_);
  require(items_.size() + extra_.size() / 3 <= std::numeric_limits<std::int32_t>::max(),
          "sampler: expected less than 2^31 examples, got ", items_.size() + extra_.size() / 3);
  require(offsets_.size() == at(user_count) + 1, "sampler: offsets: expected ", at(user_count) + 1,
          " numbers, got ", offsets_.size());
  require(offsets_.front() == 0 && offsets_.back() >= 0 && at(offsets_.back()) == items_.size(),
          "sampler: offsets: expected to begin with 0 and end with ", items_.size(), ", got ",
          offsets_.front(), " and ", offsets_.back());
  for (std::size_t user = 0; user + 1 < offsets_.size(); ++user)
    require(offsets_[user] <= offsets_[user + 1], "sampler: offsets[", user + 1, "]: expected at least ",
            offsets_[user], ", got ", offsets_[user + 1]);
  for (std::size_t user = 0; user + 1 < offsets_.size(); ++user) {
    for (std::size_t e = at(offsets_[user]); e < at(offsets_[user + 1]); ++e) {
      require(items_[e] >= 0 && items_[e] < item_count_, "sampler: items[", e, "]: expected 0..",
              item_count_ - 1, ", got ", items_[e]);
      require(e == at(offsets_[user]) || items_[e - 1] < items_[e], "sampler: items[", e,
              "]: expected more than ", e == 0 ? 0 : items_[e - 1], " (items of user ", user,
              " ascend), got ", items_[e]);
    }
  }
  require(extra_.size() % 3 == 0, "sampler: extra: expected triples, got ", extra_.size(), " numbers");
  for (std::size_t i = 0; i < extra_.size(); ++i) {
    const std::int32_t limit = i % 3 == 0 ? user_count : item_count_;
    require(extra_[i] >= 0 && extra_[i] < limit, "sampler: extra[", i, "]: expected 0..", limit - 1, ", got ",
            extra_[i]);
  }
}

void PairSampler::start_epoch(std::int64_t epoch, std::int64_t start) {
  require(epoch >= 0, "sampler: epoch: expected 0 or more, got ", epoch);
  require(start >= 0 && start <= examples(), "sampler: start: expected 0..", examples(), ", got ", start);
  // From the same start every time: an epoch does not depend on those before it.
  std::copy(examples_.begin(), examples_.end(), order_.begin());
  shuffle(std::span(order_), Draws(seed_, shuffle_stream(epoch)));
  epoch_ = epoch;
  position_ = start;
}

std::int64_t PairSampler::next(std::int64_t count, std::int32_t* users, std::int32_t* positives,
                               std::int32_t* negatives) {
  require(count >= 0, "sampler: count: expected 0 or more, got ", count);
  const std::int64_t start = position_;
  const std::int64_t taken = std::min(count, examples() - start);
  ThreadPool::shared().for_ranges(taken, kGrain, [&](std::int64_t begin, std::int64_t end) {
    AbsentSearch search(absent_);
    Draws random(seed_, negative_stream(epoch_));
    for (std::int64_t i = begin; i < end; ++i) {
      if (i + kAhead < end) absent_.prefetch(user_of(order_[at(start + i + kAhead)]));
      const auto [user, item] = order_[at(start + i)];
      users[i] = user_of({user, item});
      positives[i] = item;
      draw({user, item}, start + i, negatives + i * negatives_, random, search);
    }
    search.finish();
  });
  position_ += taken;
  return taken;
}

// The r-th item that is not in the user's list, r uniform: one draw, no rejection.
void PairSampler::draw(const Example& example, std::int64_t position, std::int32_t* negatives, Draws& random,
                       AbsentSearch& search) const {
  const bool extra = example.user < 0;
  const std::int32_t* triple = extra ? extra_.data() + 3 * at(-1 - example.user) : nullptr;
  const std::int32_t user = extra ? triple[0] : example.user;
  std::int32_t absent = item_count_ - absent_.length(user);
  // The preferred item of a triple need not be in the list: its rank is then left out of the draw.
  std::int32_t left_out = absent;
  if (extra) {
    const auto list = std::span(items_).subspan(at(offsets_[at(user)]), at(absent_.length(user)));
    const auto place = std::ranges::lower_bound(list, example.item);
    if (place == list.end() || *place != example.item) {
      left_out = example.item - static_cast<std::int32_t>(place - list.begin());
      --absent;
    }
  }
  for (std::int32_t j = 0; j < negatives_; ++j) {
    if (extra && (j == 0 || absent <= 0)) {
      negatives[j] = triple[2];
      continue;
    }
    const auto counter = static_cast<std::uint64_t>(position * negatives_ + j);
    const auto rank = static_cast<std::int32_t>(random.below(counter, static_cast<std::uint64_t>(absent)));
    search.add(user, rank + (rank >= left_out ? 1 : 0), negatives + j);
  }
}

}  // namespace l4r
