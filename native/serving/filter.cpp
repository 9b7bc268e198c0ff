#include "serving/filter.h"

#include <algorithm>

#include "base/status.h"

namespace l4r {

namespace {

// Scoring one item alone costs about as much as scanning this many side by side.
constexpr std::int64_t kScanGain = 32;

void check_ids(std::span<const std::int32_t> ids, std::int64_t n, const char* name) {
  for (std::size_t i = 0; i < ids.size(); ++i)
    require(ids[i] >= 0 && ids[i] < n, name, "[", i, "]: expected an item in 0..", n - 1, ", got ", ids[i]);
}

}  // namespace

void check_filter(const TopKFilter& filter, std::int64_t batch, std::int64_t n) {
  require(filter.deny.empty() || static_cast<std::int64_t>(filter.deny.size()) == n, "denied: expected ", n,
          " bytes, one an item, got ", filter.deny.size());
  const auto& offsets = filter.exclude_offsets;
  require(!offsets.empty() || filter.exclude.empty(), "excluded.items: expected offsets beside it");
  if (!offsets.empty()) {
    require(static_cast<std::int64_t>(offsets.size()) == batch + 1, "excluded.offsets: expected ", batch + 1,
            " numbers for ", batch, " queries, got ", offsets.size());
    require(offsets.front() == 0 && std::is_sorted(offsets.begin(), offsets.end()) &&
                static_cast<std::size_t>(offsets.back()) == filter.exclude.size(),
            "excluded.offsets: expected ascending numbers from 0 to ", filter.exclude.size());
    check_ids(filter.exclude, n, "excluded.items");
  }
  if (filter.has_allow) check_ids(filter.allow, n, "allowed");
}

ItemFilter::ItemFilter(const TopKFilter& filter, std::int64_t batch, std::int64_t n)
    : blocked_(filter.deny), has_allow_(filter.has_allow) {
  check_filter(filter, batch, n);
  if (!filter.exclude_offsets.empty()) take_excluded(filter);
  if (has_allow_) take_allowed(filter, n);
}

void ItemFilter::take_excluded(const TopKFilter& filter) {
  offsets_ = filter.exclude_offsets;
  excluded_ = filter.exclude;
  for (std::size_t b = 0; b + 1 < offsets_.size(); ++b) {
    const auto begin = offsets_[b], end = offsets_[b + 1];
    if (std::is_sorted(excluded_.begin() + begin, excluded_.begin() + end)) continue;
    if (sorted_.empty()) sorted_.assign(filter.exclude.begin(), filter.exclude.end());
    std::sort(sorted_.begin() + begin, sorted_.begin() + end);
  }
  if (!sorted_.empty()) excluded_ = sorted_;
}

void ItemFilter::take_allowed(const TopKFilter& filter, std::int64_t n) {
  allowed_.assign(filter.allow.begin(), filter.allow.end());
  std::sort(allowed_.begin(), allowed_.end());
  allowed_.erase(std::unique(allowed_.begin(), allowed_.end()), allowed_.end());
  std::erase_if(allowed_, [this](std::int32_t item) { return blocked(item); });
  sparse_ = static_cast<std::int64_t>(allowed_.size()) * kScanGain <= n;
  if (sparse_) return;
  mask_.assign(static_cast<std::size_t>(n), 1);
  for (const auto item : allowed_) mask_[static_cast<std::size_t>(item)] = 0;
  blocked_ = mask_;
}

std::span<const std::int32_t> ItemFilter::seen(std::int64_t query) const noexcept {
  if (offsets_.empty()) return {};
  const auto begin = static_cast<std::size_t>(offsets_[static_cast<std::size_t>(query)]);
  const auto end = static_cast<std::size_t>(offsets_[static_cast<std::size_t>(query) + 1]);
  return excluded_.subspan(begin, end - begin);
}

bool ItemFilter::seen(std::int64_t query, std::int32_t item) const noexcept {
  const auto items = seen(query);
  return std::binary_search(items.begin(), items.end(), item);
}

}  // namespace l4r
