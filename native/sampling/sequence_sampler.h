// Training batches of packed histories for next-item models.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sampling/absent_items.h"

namespace l4r {

// Where a batch is written. Sequence s is tokens offsets[s]..offsets[s + 1] - 1; each token has its item, its
// place in the window (the last token of a sequence has length - 1: a place says how recent an item is), the
// item that follows, and negatives. Room for B sequences: offsets [B + 1], inputs, positions and targets
// [B x length] each, negatives [B x length x negatives].
struct SequenceBatch {
  std::span<std::int32_t> offsets, inputs, positions, targets, negatives;
};

// Draws every sequence once an epoch, in random order. A history of n items has n - 1 tokens to learn from;
// it is cut from its end into sequences of at most `length` tokens, so that the first of them may be short
// and nothing is lost. Negatives are uniform over the items that are not in the user's history. A user with
// fewer than two items has no sequence; one who has every item has none either, for there is no negative.
// Every number is a pure function of (seed, epoch, sequence). One thread calls.
class SequenceSampler {
 public:
  // offsets [users + 1] and items: histories, oldest item first. Throws Error(argument) naming the place
  // where they are not as described.
  SequenceSampler(std::int32_t item_count, std::vector<std::int32_t> offsets, std::vector<std::int32_t> items,
                  std::int32_t length, std::int32_t negatives, std::uint64_t seed);

  // Shuffles for this epoch and begins it after its first `start` sequences. Throws Error(argument) when
  // either is negative or start > examples().
  void start_epoch(std::int64_t epoch, std::int64_t start);
  // Sequences in an epoch.
  std::int64_t examples() const noexcept { return static_cast<std::int64_t>(sequences_.size()); }
  // Writes as many sequences as there is room for and returns how many; 0 when the epoch is over or none has
  // begun. Throws Error(argument) when the rooms do not fit each other, or overlap.
  std::int64_t next(const SequenceBatch& batch);

 private:
  // Tokens begin..end - 1 of items_, each followed by its target.
  struct Sequence {
    std::int32_t user, begin, end;
  };

  void check() const;
  void cut_into_sequences();
  void write(const Sequence& sequence, std::int64_t number, std::int64_t first, const SequenceBatch& batch);

  std::int32_t item_count_;
  std::vector<std::int32_t> offsets_, items_;
  AbsentItems absent_;  // of each user
  std::int32_t length_, negatives_;
  std::uint64_t seed_;
  std::vector<Sequence> sequences_;
  std::vector<std::int32_t> order_;   // of the epoch
  std::vector<std::int32_t> starts_;  // of the sequences of a batch: what is written is never read back
  std::int64_t epoch_ = -1;
  std::int64_t position_ = 0;  // in order_
};

}  // namespace l4r
