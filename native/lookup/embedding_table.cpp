#include "lookup/embedding_table.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/finite.h"
#include "base/overlap.h"
#include "base/status.h"
#include "base/thread_pool.h"

namespace l4r {

namespace {

// Numbers read by one task of the pool: some 50 microseconds where rows come from memory.
constexpr std::int64_t kTaskNumbers = std::int64_t{1} << 17;

std::int64_t row_count(std::size_t values, std::int64_t d) {
  require(d >= 1 && d <= std::numeric_limits<std::int32_t>::max(),
          "dimension: expected an integer of at least 1, got ", d);
  const auto count = static_cast<std::int64_t>(values);
  require(count % d == 0, "values: expected a multiple of ", d, " numbers, got ", count);
  require(count / d <= std::numeric_limits<std::int32_t>::max(), "values: expected at most ",
          std::numeric_limits<std::int32_t>::max(), " rows, got ", count / d);
  return count / d;
}

// To nearest, ties to even. A number that would round to infinity stays the largest bf16.
std::uint16_t to_bf16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t rounded = bits + 0x7FFFu + ((bits >> 16) & 1u);
  return static_cast<std::uint16_t>((rounded & 0x7F800000u) == 0x7F800000u ? bits >> 16 : rounded >> 16);
}

// body(first, last) over items whose work is `numbers`; on this thread alone when that is little.
template <typename Body>
void share_out(std::int64_t items, std::int64_t numbers, const Body& body) {
  if (items == 0) return;
  const std::int64_t tasks = std::clamp<std::int64_t>(numbers / kTaskNumbers, 1, items);
  if (tasks == 1) return body(0, items);
  ThreadPool::shared().run(
      tasks, [&](std::int64_t task) { body(items * task / tasks, items * (task + 1) / tasks); });
}

}  // namespace

EmbeddingRows::EmbeddingRows(std::span<const float> values, std::int64_t d)
    : n_(row_count(values.size(), d)), rows_{values.data(), nullptr, d}, kernels_(lookup_kernels()) {}

void EmbeddingRows::check_ids(std::span<const std::int32_t> ids) const {
  // One unsigned comparison catches negative numbers too; the loop has no exit so that it vectorises.
  const auto limit = static_cast<std::uint32_t>(n_);
  std::uint32_t bad = 0;
  for (const std::int32_t id : ids) bad |= static_cast<std::uint32_t>(id) >= limit ? 1u : 0u;
  if (bad == 0) return;
  for (std::size_t i = 0; i < ids.size(); ++i)
    require(static_cast<std::uint32_t>(ids[i]) < limit, "ids[", i, "]: expected a row in 0..", n_ - 1,
            ", got ", ids[i]);
}

void EmbeddingRows::check_out(std::span<const float> out, std::int64_t rows,
                              std::span<const std::int32_t> ids) const {
  require(static_cast<std::int64_t>(out.size()) == rows * rows_.d, "into: expected ", rows, " x ", rows_.d,
          " numbers, got ", out.size());
  const std::span values(static_cast<const float*>(rows_.values),
                         storage_ == Storage::float32 ? static_cast<std::size_t>(n_ * rows_.d) : 0);
  require(!overlap(out, ids) && !overlap(out, values), "into: expected memory apart from what is read");
}

void EmbeddingRows::check_lookup(std::span<const std::int32_t> ids, std::span<float> out) const {
  check_out(out, static_cast<std::int64_t>(ids.size()), ids);
  check_ids(ids);
}

void EmbeddingRows::lookup(std::span<const std::int32_t> ids, std::span<float> out) const {
  check_lookup(ids, out);
  const auto count = static_cast<std::int64_t>(ids.size());
  const auto gather = kernels_.gather[static_cast<int>(storage_)];
  share_out(count, count * rows_.d, [&](std::int64_t first, std::int64_t last) {
    gather(rows_, last - first, ids.data() + first, out.data() + first * rows_.d);
  });
}

void EmbeddingRows::check_bags(const Bags& bags, std::span<float> out) const {
  const auto offsets = bags.offsets;
  const auto ids = bags.ids;
  const auto weights = bags.weights;
  require(!offsets.empty() && offsets.front() == 0 &&
              offsets.back() == static_cast<std::int64_t>(ids.size()) &&
              std::is_sorted(offsets.begin(), offsets.end()),
          "offsets: expected numbers that rise from 0 to the ", ids.size(), " ids");
  require(weights.empty() || weights.size() == ids.size(), "weights: expected none or ", ids.size(),
          " numbers, got ", weights.size());
  check_out(out, std::ssize(offsets) - 1, ids);
  require(!overlap(out, offsets) && !overlap(out, weights), "into: expected memory apart from what is read");
  check_ids(ids);
}

void EmbeddingRows::bag(const Bags& bags, std::span<float> out) const {
  check_bags(bags, out);
  const auto offsets = bags.offsets;
  const auto ids = bags.ids;
  const auto weights = bags.weights;
  const bool mean = bags.mean;
  const auto count = std::ssize(offsets) - 1;
  const auto bag = kernels_.bag[static_cast<int>(storage_)];
  const float* weight = weights.empty() ? nullptr : weights.data();
  share_out(count, static_cast<std::int64_t>(ids.size()) * rows_.d,
            [&](std::int64_t first, std::int64_t last) {
              bag(rows_, {last - first, offsets.data() + first, ids.data(), weight, mean},
                  out.data() + first * rows_.d);
            });
}

EmbeddingTable::EmbeddingTable(std::span<const float> values, std::int64_t d, Storage storage,
                               const LookupKernels& kernels)
    : EmbeddingRows(storage, row_count(values.size(), d), d, kernels) {
  require(n_ > 0, "values: expected at least one row");
  check_finite(values, d, "values", "row");
  switch (storage) {
    case Storage::float32:
      floats_ = Buffer<float>(n_ * d);
      std::copy(values.begin(), values.end(), floats_.data());
      rows_.values = floats_.data();
      break;
    case Storage::bf16:
      halves_ = Buffer<std::uint16_t>(n_ * d);
      std::transform(values.begin(), values.end(), halves_.data(), to_bf16);
      rows_.values = halves_.data();
      break;
    case Storage::int8:
      codes_ = Buffer<std::int8_t>(n_ * d);
      scales_ = Buffer<float>(n_);
      for (std::int64_t i = 0; i < n_; ++i) {
        const auto row = values.subspan(static_cast<std::size_t>(i * d), static_cast<std::size_t>(d));
        float largest = 0;
        for (const float x : row) largest = std::max(largest, std::fabs(x));
        scales_[i] = largest / 127;
        if (!std::isfinite(127 * scales_[i])) scales_[i] = std::nextafter(scales_[i], 0.0f);
        const double inverse = largest > 0 ? 127 / double{largest} : 0;
        for (std::int64_t j = 0; j < d; ++j)
          codes_[i * d + j] =
              static_cast<std::int8_t>(std::lround(row[static_cast<std::size_t>(j)] * inverse));
      }
      rows_.values = codes_.data();
      rows_.scales = scales_.data();
      break;
  }
}

std::int64_t EmbeddingTable::bytes() const noexcept {
  return static_cast<std::int64_t>(sizeof(float)) * (floats_.size() + scales_.size()) +
         static_cast<std::int64_t>(sizeof(std::uint16_t)) * halves_.size() + codes_.size();
}

}  // namespace l4r
