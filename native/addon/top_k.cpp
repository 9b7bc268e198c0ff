#include "addon/top_k.h"

#include <algorithm>
#include <utility>

#include "serving/filter.h"
#include "serving/result.h"

namespace l4r::addon {

TopKFilter filter_of(const Napi::Value& value) {
  if (value.IsNull()) return {};
  require(value.IsObject(), "filter: expected an object or null");
  const auto object = value.As<Napi::Object>();
  // Getters may run JavaScript that detaches a buffer: all are read before the first view is taken.
  const Napi::Value offsets = object.Get("excludedOffsets"), excluded = object.Get("excluded"),
                    denied = object.Get("denied"), allowed = object.Get("allowed");
  TopKFilter filter;
  filter.exclude_offsets = optional_array<std::int32_t>(offsets, "excludedOffsets");
  filter.exclude = optional_array<std::int32_t>(excluded, "excluded");
  filter.deny = optional_array<std::uint8_t>(denied, "denied");
  filter.has_allow = !allowed.IsNull() && !allowed.IsUndefined();
  filter.allow = optional_array<std::int32_t>(allowed, "allowed");
  return filter;
}

TopKRows rows_of(const Napi::CallbackInfo& info, std::size_t first) {
  return {array<std::int32_t>(info, first, "ids"), array<double>(info, first + 1, "scores"),
          array<std::int32_t>(info, first + 2, "counts")};
}

OwnFilter::OwnFilter(const TopKFilter& from)
    : exclude_offsets(from.exclude_offsets.begin(), from.exclude_offsets.end()),
      exclude(from.exclude.begin(), from.exclude.end()),
      deny(from.deny.begin(), from.deny.end()),
      allow(from.allow.begin(), from.allow.end()),
      has_allow(from.has_allow) {}

namespace {

// The filter that came; throws Error(argument) unless it and the rows fit.
const TopKFilter& fitting(std::int64_t batch, std::int64_t n, std::int64_t k, const TopKFilter& filter,
                          const TopKRows& rows) {
  check_rows(rows, batch, n, k);
  check_filter(filter, batch, n);
  return filter;
}

// The typed array is the caller's and may have changed since the call was made.
template <typename T>
std::span<T> place_for(const std::vector<T>& values, const Napi::Value& into, const char* name) {
  const std::span<T> to = array<T>(into, name);
  require(to.size() == values.size(), name, ": expected the ", values.size(),
          " places that it had when the call was made, got ", to.size());
  return to;
}

}  // namespace

TopKWork::TopKWork(std::int64_t batch, std::int64_t n, std::int64_t k, const TopKFilter& filter,
                   const TopKRows& rows)
    : batch_(batch), n_(n), k_(k), filter_(fitting(batch, n, k, filter, rows)) {}

void TopKWork::run() {
  result_ = new_rows(batch_, n_, k_);
  search(filter_.view(), result_.rows());
}

void TopKWork::deliver(std::span<const Napi::Value> into) const {
  // All three before the first is written: an error leaves them as they were.
  const TopKRows to{place_for(result_.ids, into[0], "into.ids"),
                    place_for(result_.scores, into[1], "into.scores"),
                    place_for(result_.counts, into[2], "into.counts")};
  std::copy(result_.ids.begin(), result_.ids.end(), to.ids.begin());
  std::copy(result_.scores.begin(), result_.scores.end(), to.scores.begin());
  std::copy(result_.counts.begin(), result_.counts.end(), to.counts.begin());
}

Napi::Value start_top_k(const Napi::CallbackInfo& info, std::size_t first, std::unique_ptr<TopKWork> work) {
  return handle(info, Environment::of(info).async_calls.start(info.Env(), std::move(work),
                                                              {info[first], info[first + 1], info[first + 2]},
                                                              function(info, first + 3, "done")));
}

}  // namespace l4r::addon
