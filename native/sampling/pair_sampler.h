// Training examples for losses over pairs: (user, positive item, negative items).
#pragma once

#include <cstdint>
#include <vector>

#include "sampling/absent_items.h"
#include "sampling/draws.h"

namespace l4r {

// One epoch holds each training interaction once, with `negatives` items drawn uniformly and independently
// from those that are not in the user's training list, and each extra triple once, all in random order. An
// extra triple brings its first negative; the others are drawn too, never the preferred item, and where there
// is none to draw they are the first again. Every number is a pure function of (seed, epoch, position): the
// order of calls, batch sizes and threads change nothing. A user who has every item has no negative: their
// interactions are left out, unless `negatives` is 0. One thread calls.
class PairSampler {
 public:
  // offsets [users + 1] and items: the training lists, item numbers strictly ascending inside a user. extra:
  // flat (user, preferred, other) triples. negatives: of each example, 0 or more. Throws Error(argument)
  // naming the place where a list is not as described.
  PairSampler(std::int32_t user_count, std::int32_t item_count, std::vector<std::int32_t> offsets,
              std::vector<std::int32_t> items, std::vector<std::int32_t> extra, std::int32_t negatives,
              std::uint64_t seed);

  // Shuffles for this epoch and begins it after its first `start` examples. Throws Error(argument) for a
  // negative epoch and unless 0 <= start <= examples().
  void start_epoch(std::int64_t epoch, std::int64_t start = 0);
  // Examples in an epoch.
  std::int64_t examples() const noexcept { return static_cast<std::int64_t>(order_.size()); }
  std::int32_t negatives() const noexcept { return negatives_; }
  // Writes up to `count` examples, negatives [count x negatives()], and returns how many; 0 when the epoch is
  // over or none has begun.
  std::int64_t next(std::int64_t count, std::int32_t* users, std::int32_t* positives,
                    std::int32_t* negatives);

 private:
  // A training interaction, or with user = -1 - t extra triple number t.
  struct Example {
    std::int32_t user, item;
  };

  void check(std::int32_t user_count) const;
  std::int32_t user_of(const Example& example) const {
    return example.user >= 0 ? example.user : extra_[3 * static_cast<std::size_t>(-1 - example.user)];
  }
  void draw(const Example& example, std::int64_t position, std::int32_t* negatives, Draws& random,
            AbsentSearch& search) const;

  std::int32_t item_count_, negatives_;
  std::vector<std::int32_t> offsets_, items_, extra_;
  AbsentItems absent_;             // of each user
  std::vector<Example> examples_;  // in the order given
  std::vector<Example> order_;     // in the order of the epoch
  std::uint64_t seed_;
  std::int64_t epoch_ = -1;
  std::int64_t position_;
};

}  // namespace l4r
