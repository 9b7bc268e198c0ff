// Items of one query that may be among its k best, while a scan goes on.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include "base/scratch.h"
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
    k_ = k;
    kernels_ = &kernels;
    threshold_ = -std::numeric_limits<float>::infinity();
    waits_ = 0;
    known_ = 0;
    best_.reset(k);
  }

  float threshold() const noexcept { return threshold_; }

  // k items elsewhere reach `threshold`.
  void raise(float threshold) noexcept { threshold_ = std::max(threshold_, threshold); }

  // Where a scan of at most `count` items may write its hits.
  ScanHits room(std::int64_t count) {
    extend(places_, waits_, count);
    extend(uppers_, waits_, count);
    extend(lowers_, known_, count);
    return {places_.data() + waits_, lowers_.data() + known_, uppers_.data() + waits_, 0};
  }

  // The hits that stand in that room now.
  void take(std::int64_t count) {
    waits_ += count;
    std::int64_t known = known_;
    for (std::int64_t i = known_; i < known_ + count; ++i) {
      const float lower = lowers_[i];
      lowers_[known] = lower;
      known += lower > threshold_ ? 1 : 0;
    }
    known_ = known;
    if (known_ >= k_ + std::max(k_ / 2, kSpare) || (known_ >= k_ && std::isinf(threshold_))) tighten();
  }

  bool crowded() const noexcept { return waits_ >= 4 * k_ + 1024; }

  // The places of the most promising of the waiting items, which settle() scores first: what they reach
  // leaves few of the others.
  std::span<const std::int32_t> choose() {
    sift();
    std::int32_t* const chosen = grown(chosen_, waits_);
    if (waits_ > k_) {
      chosen_count_ = part(kernels_->floor_of_kth(uppers_.data(), waits_, k_), chosen);
    } else {
      std::copy_n(places_.data(), waits_, chosen);
      chosen_count_ = std::exchange(waits_, 0);
    }
    return {chosen, static_cast<std::size_t>(chosen_count_)};
  }

  // Scores the items that still can be among the best, after choose(): exact_scores(places, count, ids out,
  // scores out).
  template <typename ExactScores>
  void settle(const ExactScores& exact_scores) {
    std::int64_t count = chosen_count_;
    std::int32_t* const ids = grown(ids_, count + waits_);
    double* const scores = grown(scores_, count + waits_);
    float* const rounded = grown(rounded_, count + waits_);
    const auto score = [&](std::int64_t first) {
      exact_scores(chosen_.data() + first, count - first, ids + first, scores + first);
      for (std::int64_t i = first; i < count; ++i) rounded[i] = static_cast<float>(scores[i]);
    };
    score(0);
    float least = -std::numeric_limits<float>::infinity();
    if (waits_ > 0) {
      // Rounding to float32 keeps the order, but it may round up.
      least = kernels_->floor_of_kth(rounded, count, k_);
      raise(std::nextafter(least, -std::numeric_limits<float>::infinity()));
      sift();
      std::copy_n(places_.data(), waits_, chosen_.data() + count);
      count += std::exchange(waits_, 0);
      score(chosen_count_);
    }
    // A score that is no number, of a damaged file, is left out.
    for (std::int64_t i = 0; i < count; ++i)
      if (rounded[i] >= least) best_.offer({scores[i], ids[i]});
  }

  // Of all settled items.
  BestK& best() noexcept { return best_; }

 private:
  static constexpr std::int64_t kSpare = 8;

  // Leaves those that reach the threshold, and returns how many. Here and below without a branch: whether an
  // item stays is anybody's guess.
  std::int64_t sift() {
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < waits_; ++i) {
      const float upper = uppers_[i];
      places_[count] = places_[i];
      uppers_[count] = upper;
      count += upper >= threshold_ ? 1 : 0;
    }
    return waits_ = count;
  }

  // Moves those whose upper bound is at least `least` to `chosen`, and returns how many.
  std::int64_t part(float least, std::int32_t* chosen) {
    std::int64_t count = 0, left = 0;
    for (std::int64_t i = 0; i < waits_; ++i) {
      const std::int32_t place = places_[i];
      const float upper = uppers_[i];
      const bool high = upper >= least;
      chosen[count] = place;
      places_[left] = place;
      uppers_[left] = upper;
      count += high ? 1 : 0;
      left += high ? 0 : 1;
    }
    waits_ = left;
    return count;
  }

  // Fewer lower bounds than there are give a threshold too: those beyond k are let go.
  void tighten() {
    const float found = kernels_->floor_of_kth(lowers_.data(), known_, k_);
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < known_; ++i) {
      const float bound = lowers_[i];
      lowers_[count] = bound;
      count += bound >= found ? 1 : 0;
    }
    known_ = std::min(count, k_);
    threshold_ = std::max(threshold_, found);
  }

  std::int64_t k_ = 0;
  const ScoreKernels* kernels_ = nullptr;
  float threshold_ = -std::numeric_limits<float>::infinity();
  // Waiting items, [waits_].
  std::int64_t waits_ = 0;
  Buffer<std::int32_t> places_;
  Buffer<float> uppers_;
  // The best lower bounds, in no order: [known_].
  std::int64_t known_ = 0;
  Buffer<float> lowers_;
  // Of those that are scored, the chosen ones first.
  std::int64_t chosen_count_ = 0;
  Buffer<std::int32_t> chosen_, ids_;
  Buffer<double> scores_;
  Buffer<float> rounded_;
  BestK best_;
};

}  // namespace l4r
