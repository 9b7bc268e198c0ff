// Items of one query that may be among its k best, while a scan goes on.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

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
    lower_count_ = 0;
    best_.reset(k);
  }

  float threshold() const noexcept { return threshold_; }

  // k items elsewhere reach `threshold`.
  void raise(float threshold) noexcept { threshold_ = std::max(threshold_, threshold); }

  // Items of a scan that the query may have: places, and scores over the query's scale. Without a branch:
  // whether an item stays is anybody's guess.
  void take(const std::int32_t* places, const float* scores, std::int64_t count, const QueryTerms& terms,
            const PanelBounds* bounds) {
    reserve(count);
    std::int32_t* const waiting = places_.data();
    float *const uppers = uppers_.data(), *const lowers = lowers_.data();
    std::int64_t waits = waits_, lower_count = lower_count_;
    const float threshold = threshold_;
    for (std::int64_t i = 0; i < count; ++i) {
      const PanelBounds& panel = bounds[places[i] / kPanelItems];
      const float score = scores[i] * terms.scale, error = terms.residual * panel.residual +
                                                           terms.length * panel.length +
                                                           terms.bias * panel.bias + terms.slack;
      waiting[waits] = places[i];
      uppers[waits] = score + error;
      lowers[lower_count] = score - error;
      waits += score + error >= threshold ? 1 : 0;
      lower_count += score - error > threshold ? 1 : 0;
    }
    waits_ = waits;
    lower_count_ = lower_count;
    if (lower_count_ >= k_ + std::max(k_ / 2, kSpare) || (lower_count_ >= k_ && std::isinf(threshold_)))
      tighten();
  }

  bool crowded() const noexcept { return waits_ >= 4 * k_ + 1024; }

  // Scores the waiting items that still can be among the best: exact_scores(places, count, ids out, scores
  // out).
  template <typename ExactScores>
  void settle(const ExactScores& exact_scores) {
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < waits_; ++i) {
      const float upper = uppers_[i];
      places_[count] = places_[i];
      count += upper >= threshold_ ? 1 : 0;
    }
    waits_ = 0;
    std::int32_t* const ids = grown(ids_, count);
    double* const scores = grown(scores_, count);
    exact_scores(places_.data(), count, ids, scores);
    offer_best(count);
    best_.prune();
    if (best_.bounded()) threshold_ = std::max(threshold_, round_down(best_.bound().score));
  }

  // Of all settled items.
  BestK& best() noexcept { return best_; }

 private:
  static constexpr std::int64_t kSpare = 8;

  // Room for so many more.
  void reserve(std::int64_t count) {
    extend(places_, waits_, count);
    extend(uppers_, waits_, count);
    extend(lowers_, lower_count_, count);
  }

  // Rounding to float32 keeps the order, so counting there leaves little more than the k best. A score that
  // is no number, of a damaged file, is left out.
  void offer_best(std::int64_t count) {
    float least = -std::numeric_limits<float>::infinity();
    if (count > k_) {
      float* const rounded = grown(rounded_, count);
      for (std::int64_t i = 0; i < count; ++i) rounded[i] = static_cast<float>(scores_[i]);
      least = kernels_->floor_of_kth(rounded, count, k_);
    }
    for (std::int64_t i = 0; i < count; ++i)
      if (static_cast<float>(scores_[i]) >= least) best_.offer({scores_[i], ids_[i]});
  }

  // Fewer lower bounds than there are give a threshold too: those beyond k are let go.
  void tighten() {
    const float found = kernels_->floor_of_kth(lowers_.data(), lower_count_, k_);
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < lower_count_; ++i) {
      const float bound = lowers_[i];
      lowers_[count] = bound;
      count += bound >= found ? 1 : 0;
    }
    lower_count_ = std::min(count, k_);
    threshold_ = std::max(threshold_, found);
  }

  std::int64_t k_ = 0;
  const ScoreKernels* kernels_ = nullptr;
  float threshold_ = -std::numeric_limits<float>::infinity();
  // Waiting items, [waits_].
  std::int64_t waits_ = 0;
  Buffer<std::int32_t> places_;
  Buffer<float> uppers_;
  // The best lower bounds, in no order: [lower_count_].
  std::int64_t lower_count_ = 0;
  Buffer<float> lowers_;
  Buffer<std::int32_t> ids_;
  Buffer<double> scores_;
  Buffer<float> rounded_;
  BestK best_;
};

}  // namespace l4r
