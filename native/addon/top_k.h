// Filters and rows of top-k calls at the border.
#pragma once

#include <memory>
#include <vector>

#include "addon/async_call.h"
#include "addon/environment.h"
#include "serving/top_k.h"

namespace l4r::addon {

// Views of the caller's arrays; null: nothing is left out. May run JavaScript (getters): take other views
// afterwards.
TopKFilter filter_of(const Napi::Value& value);
// Arguments first, first + 1 and first + 2: ids, scores and counts, which the call fills.
TopKRows rows_of(const Napi::CallbackInfo& info, std::size_t first);

// A filter with memory of its own.
struct OwnFilter {
  explicit OwnFilter(const TopKFilter& from);
  TopKFilter view() const { return {exclude_offsets, exclude, deny, allow, has_allow}; }

  std::vector<std::int32_t> exclude_offsets, exclude;
  std::vector<std::uint8_t> deny;
  std::vector<std::int32_t> allow;
  bool has_allow;
};

// The top-k of a batch as work: what catalogue and encoder have in common.
class TopKWork : public AsyncWork {
 public:
  // Throws Error(argument) unless `rows`, which take the results at the end, and the filter fit.
  TopKWork(std::int64_t batch, std::int64_t n, std::int64_t k, const TopKFilter& filter,
           const TopKRows& rows);
  void run() final;
  // `into`: ids, scores and counts.
  void deliver(std::span<const Napi::Value> into) const final;

 protected:
  virtual void search(const TopKFilter& filter, const TopKRows& out) = 0;
  const std::int64_t batch_, n_, k_;

 private:
  OwnFilter filter_;
  TopKResult result_;
};

// Starts top-k work with the arrays at arguments first .. first + 2 for its rows and `done` behind them.
Napi::Value start_top_k(const Napi::CallbackInfo& info, std::size_t first, std::unique_ptr<TopKWork> work);

}  // namespace l4r::addon
