// Items of one query that may be among its k best, while a scan goes on.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "serving/best_k.h"
#include "serving/scan_kernels.h"
#include "serving/score_kernels.h"
#include "serving/shadow.h"

namespace l4r {

// Items wait here with their bounds. A number that k lower bounds reach is a threshold: an item whose upper
// bound is below it cannot be among the best. What is left at the end, or when too many wait, is scored
// exactly.
class Candidates {
 public:
  // Empty, for the k best of another query.
  void reset(std::int64_t k, const ScoreKernels& kernels) {
    k_ = static_cast<std::size_t>(k);
    kernels_ = &kernels;
    threshold_ = -std::numeric_limits<float>::infinity();
    waiting_.clear();
    lower_.clear();
    best_.reset(k);
  }

  float threshold() const noexcept { return threshold_; }

  // k items elsewhere reach `threshold`.
  void raise(float threshold) noexcept { threshold_ = std::max(threshold_, threshold); }

  // Items of a scan, `count` hits. item(place) is an id, or negative for a place that is empty or that the
  // query may not have. Without a branch: whether an item stays is anybody's guess.
  template <typename Item>
  void take(const ScanHit* hits, std::int64_t count, const Item& item) {
    std::size_t waiting = waiting_.size(), lower = lower_.size();
    waiting_.resize(waiting + static_cast<std::size_t>(count));
    lower_.resize(lower + static_cast<std::size_t>(count));
    for (const ScanHit* hit = hits; hit != hits + count; ++hit) {
      const std::int32_t id = item(hit->place);
      waiting_[waiting] = {id, hit->upper};
      lower_[lower] = hit->lower;
      waiting += (id >= 0) & (hit->upper >= threshold_) ? 1 : 0;
      lower += (id >= 0) & (hit->lower > threshold_) ? 1 : 0;
    }
    waiting_.resize(waiting);
    lower_.resize(lower);
    if (lower >= k_ + std::max(k_ / 2, kSpare) || (lower >= k_ && std::isinf(threshold_))) tighten();
  }

  bool crowded() const noexcept { return waiting_.size() >= 4 * k_ + 1024; }

  // Scores the waiting items that still can be among the best: exact_scores(ids, count, scores out).
  template <typename ExactScores>
  void settle(const ExactScores& exact_scores) {
    ids_.resize(waiting_.size());
    std::size_t count = 0;
    for (const auto& item : waiting_) {  // without a branch: whether one stays is anybody's guess
      ids_[count] = item.id;
      count += item.upper >= threshold_ ? 1 : 0;
    }
    waiting_.clear();
    scores_.resize(count);
    exact_scores(ids_.data(), static_cast<std::int64_t>(count), scores_.data());
    offer_best(count);
    best_.prune();
    if (best_.bounded()) threshold_ = std::max(threshold_, round_down(best_.bound().score));
  }

  // Of all settled items.
  BestK& best() noexcept { return best_; }

 private:
  static constexpr std::size_t kSpare = 8;

  struct Waiting {
    std::int32_t id;
    float upper;
  };

  // Rounding to float32 keeps the order, so counting there leaves little more than the k best. A score that
  // is no number, of a damaged file, is left out.
  void offer_best(std::size_t count) {
    float least = -std::numeric_limits<float>::infinity();
    if (count > k_) {
      rounded_.resize(count);
      for (std::size_t i = 0; i < count; ++i) rounded_[i] = static_cast<float>(scores_[i]);
      least = kernels_->floor_of_kth(rounded_.data(), static_cast<std::int64_t>(count),
                                     static_cast<std::int64_t>(k_));
    }
    for (std::size_t i = 0; i < count; ++i)
      if (static_cast<float>(scores_[i]) >= least) best_.offer({scores_[i], ids_[i]});
  }

  // Fewer lower bounds than there are give a threshold too: those beyond k are let go.
  void tighten() {
    const float found = kernels_->floor_of_kth(lower_.data(), static_cast<std::int64_t>(lower_.size()),
                                               static_cast<std::int64_t>(k_));
    std::size_t count = 0;
    for (const float bound : lower_) {
      lower_[count] = bound;
      count += bound >= found ? 1 : 0;
    }
    lower_.resize(std::min(count, k_));
    threshold_ = std::max(threshold_, found);
  }

  std::size_t k_ = 0;
  const ScoreKernels* kernels_ = nullptr;
  float threshold_ = -std::numeric_limits<float>::infinity();
  std::vector<Waiting> waiting_;
  std::vector<float> lower_;  // the best lower bounds, in no order
  std::vector<std::int32_t> ids_;
  std::vector<double> scores_;
  std::vector<float> rounded_;
  BestK best_;
};

}  // namespace l4r
