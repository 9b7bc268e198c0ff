// The k best of what is offered: higher score first, equal scores by lower id.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "serving/score_kernels.h"
#include "serving/top_k.h"

namespace l4r {

struct Scored {
  double score;
  std::int32_t id;
};

// A type, so that sorting takes it in line.
struct Better {
  bool operator()(const Scored& a, const Scored& b) const noexcept {
    return a.score > b.score || (a.score == b.score && a.id < b.id);
  }
};

class BestK {
 public:
  explicit BestK(std::int64_t k = 0) { reset(k); }

  // Empty, for k.
  void reset(std::int64_t k) {
    k_ = static_cast<std::size_t>(k);
    held_.clear();
    bounded_ = false;
  }

  // An item that is no better than an earlier bound is dropped; the others are sorted out now and then.
  void offer(const Scored& item) {
    if (bounded_ && !Better()(item, bound_)) return;
    held_.push_back(item);
    if (held_.size() >= 2 * k_ + kSpare) prune();
  }

  // Whether k items are known, and the worst of the k best at some time: nothing below it will be in the
  // list.
  bool bounded() const noexcept { return bounded_; }
  const Scored& bound() const noexcept { return bound_; }

  // Takes over what another one for as many holds, if this one is empty; else is offered it.
  void merge(BestK& other) {
    if (held_.empty()) return std::swap(*this, other);
    for (const Scored& item : other.held_) offer(item);
  }

  // Drops all but the k best, in no particular order, and brings the bound up to date.
  void prune() {
    if (k_ == 0) held_.clear();
    if (held_.size() < k_ || k_ == 0) return;
    if (held_.size() > k_) {
      const auto last = held_.begin() + static_cast<std::ptrdiff_t>(k_) - 1;
      std::nth_element(held_.begin(), last, held_.end(), Better());
      held_.resize(k_);
    }
    bound_ = *std::max_element(held_.begin(), held_.end(), Better());
    bounded_ = true;
  }

  // Writes the list, best first, and returns its length.
  std::int32_t write(std::int32_t* ids, double* scores, const ScoreKernels& kernels) {
    if (std::ssize(held_) > kMostPlaced) {
      prune();
      std::sort(held_.begin(), held_.end(), Better());
      for (std::size_t i = 0; i < held_.size(); ++i) {
        ids[i] = held_[i].id;
        scores[i] = held_[i].score;
      }
      return static_cast<std::int32_t>(held_.size());
    }
    double own[kMostPlaced];
    std::int32_t own_ids[kMostPlaced], places[kMostPlaced];
    for (std::size_t i = 0; i < held_.size(); ++i) {
      own[i] = held_[i].score;
      own_ids[i] = held_[i].id;
    }
    kernels.places(own, own_ids, static_cast<std::int64_t>(held_.size()), places);
    const auto listed = static_cast<std::int32_t>(std::min(held_.size(), k_));
    for (std::size_t i = 0; i < held_.size(); ++i) {
      if (places[i] >= listed) continue;
      ids[places[i]] = own_ids[i];
      scores[places[i]] = own[i];
    }
    return listed;
  }

 private:
  static constexpr std::size_t kSpare = 32;

  std::size_t k_;
  std::vector<Scored> held_;
  bool bounded_;
  Scored bound_{};
};

// The lists of each query's ranges [batch x ranges], merged and written to `rows` of k places.
inline void write_lists(std::span<BestK> lists, std::int64_t ranges, std::int64_t k, const TopKRows& rows) {
  const std::int64_t batch = std::ssize(rows.counts);
  for (std::int64_t b = 0; b < batch; ++b) {
    BestK& best = lists[static_cast<std::size_t>(b * ranges)];
    for (std::int64_t part = 1; part < ranges; ++part)
      best.merge(lists[static_cast<std::size_t>(b * ranges + part)]);
    rows.counts[static_cast<std::size_t>(b)] =
        best.write(rows.ids.data() + b * k, rows.scores.data() + b * k, score_kernels());
  }
}

}  // namespace l4r
