// Items of one query that may be among its k best, while a scan goes on.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "serving/best_k.h"
#include "serving/shadow.h"

namespace l4r {

// Items wait here with their bounds. The k-th best lower bound is a threshold: an item whose upper bound is
// below it cannot be among the best. What is left at the end, or when too many wait, is scored exactly.
class Candidates {
 public:
  // Empty, for the k best of another query.
  void reset(std::int64_t k) {
    k_ = static_cast<std::size_t>(k);
    threshold_ = -std::numeric_limits<float>::infinity();
    waiting_.clear();
    lower_.clear();
    best_.reset(k);
  }

  float threshold() const noexcept { return threshold_; }

  // k items elsewhere reach `threshold`.
  void raise(float threshold) noexcept { threshold_ = std::max(threshold_, threshold); }

  void add(std::int32_t id, float lower, float upper) {
    waiting_.push_back({id, upper});
    if (!(lower > threshold_)) return;
    lower_.push_back(lower);
    if (lower_.size() >= 2 * k_ + kSpare) tighten();
  }

  // Takes the threshold from the lower bounds so far, if enough came since the last time.
  void look() {
    if (lower_.size() >= k_ + k_ / 4 || (lower_.size() >= k_ && std::isinf(threshold_))) tighten();
  }

  bool crowded() const noexcept { return waiting_.size() >= 4 * k_ + 1024; }

  // Scores the waiting items that still can be among the best: exact_scores(ids, count, scores out).
  template <typename ExactScores>
  void settle(const ExactScores& exact_scores) {
    ids_.clear();
    for (const auto& item : waiting_)
      if (item.upper >= threshold_) ids_.push_back(item.id);
    waiting_.clear();
    scores_.resize(ids_.size());
    exact_scores(ids_.data(), static_cast<std::int64_t>(ids_.size()), scores_.data());
    for (std::size_t i = 0; i < ids_.size(); ++i) best_.offer({scores_[i], ids_[i]});
    if (best_.full() && k_ > 0) threshold_ = std::max(threshold_, round_down(best_.worst().score));
  }

  // The k best of all settled items.
  const BestK& best() const noexcept { return best_; }

 private:
  static constexpr std::size_t kSpare = 8;

  struct Waiting {
    std::int32_t id;
    float upper;
  };

  void tighten() {
    const auto last = lower_.begin() + static_cast<std::ptrdiff_t>(k_) - 1;
    std::nth_element(lower_.begin(), last, lower_.end(), std::greater<>());
    lower_.resize(k_);
    threshold_ = std::max(threshold_, lower_.back());
  }

  std::size_t k_ = 0;
  float threshold_ = -std::numeric_limits<float>::infinity();
  std::vector<Waiting> waiting_;
  std::vector<float> lower_;  // the best lower bounds, in no order
  std::vector<std::int32_t> ids_;
  std::vector<double> scores_;
  BestK best_{0};
};

}  // namespace l4r
