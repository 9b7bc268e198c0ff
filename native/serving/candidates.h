// Items of one query that may be among its k best, while a scan goes on.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "serving/best_k.h"
#include "serving/scan_kernels.h"

namespace l4r {

// Smallest float >= x and largest float <= x, for finite x.
inline float round_up(double x) {
  if (x > std::numeric_limits<float>::max()) return std::numeric_limits<float>::infinity();
  if (x < -std::numeric_limits<float>::max()) return -std::numeric_limits<float>::max();
  const float nearest = static_cast<float>(x);
  return nearest < x ? std::nextafter(nearest, std::numeric_limits<float>::infinity()) : nearest;
}
inline float round_down(double x) { return -round_up(-x); }

// Items wait here with their bounds. The k-th best lower bound is a threshold: an item whose upper bound is
// below it cannot be among the best. What is left at the end, or when too many wait, is scored exactly.
class Candidates {
 public:
  explicit Candidates(std::int64_t k) : k_(static_cast<std::size_t>(k)), limit_(4 * k_ + 1024), best_(k) {}

  float threshold() const noexcept { return threshold_; }

  void add(const ScanHit& hit) {
    waiting_.push_back({hit.item, hit.upper});
    if (lower_.size() < k_) {
      lower_.push_back(hit.lower);
      std::push_heap(lower_.begin(), lower_.end(), std::greater<>());
    } else if (hit.lower > lower_.front()) {
      std::pop_heap(lower_.begin(), lower_.end(), std::greater<>());
      lower_.back() = hit.lower;
      std::push_heap(lower_.begin(), lower_.end(), std::greater<>());
    }
    if (lower_.size() == k_) threshold_ = std::max(threshold_, lower_.front());
  }

  bool crowded() const noexcept { return waiting_.size() >= limit_; }

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
  struct Waiting {
    std::int32_t id;
    float upper;
  };

  std::size_t k_, limit_;
  float threshold_ = -std::numeric_limits<float>::infinity();
  std::vector<Waiting> waiting_;
  std::vector<float> lower_;  // heap of the k best lower bounds, the least in front
  std::vector<std::int32_t> ids_;
  std::vector<double> scores_;
  BestK best_;
};

}  // namespace l4r
