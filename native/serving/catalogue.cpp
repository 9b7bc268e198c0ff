#include "serving/catalogue.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/finite.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "serving/best_k.h"
#include "serving/catalogue_search.h"
#include "serving/filter.h"
#include "serving/result.h"

namespace l4r {

namespace {

// Bytes of the shadow in one range of items: about 100 microseconds for one query.
constexpr std::int64_t kRangeBytes = std::int64_t{1} << 22;
// Allowed items in one task that scores these alone.
constexpr std::int64_t kGatherFloats = std::int64_t{1} << 15;
// Multiply-adds that one thread does in about 50 microseconds. Waking others for less does not pay.
constexpr std::int64_t kSharedWork = std::int64_t{1} << 21;

// Of everything in a file, so that a map has it too.
constexpr std::int64_t kAlignment = 64;

CatalogueSizes sizes_of(std::int64_t n, std::int64_t d, bool biased, std::int64_t many_bytes) {
  const CatalogueSizes sizes{n, d, biased, false};
  const bool coarse = CatalogueLayout(sizes).shadow.codes.bytes() >= many_bytes;
  return {n, d, biased, coarse};
}

}  // namespace

Catalogue::Catalogue(std::span<const float> items, std::span<const float> biases, std::int64_t n,
                     std::int64_t d)
    : Catalogue(items, biases, n, d, scan_kernels()) {}

Catalogue::Catalogue(std::span<const float> items, std::span<const float> biases, std::int64_t n,
                     std::int64_t d, const ScanKernels& kernels, std::int64_t many_bytes)
    : kernels_(kernels), layout_(sizes_of(n, d, !biases.empty(), many_bytes)), n_(n), d_(d) {
  require(static_cast<std::int64_t>(items.size()) == n * d, "items: expected ", n, " x ", d, " numbers, got ",
          items.size());
  require(biases.empty() || static_cast<std::int64_t>(biases.size()) == n, "biases: expected ", n,
          " numbers, got ", biases.size());
  check_finite(items, d, "items", "item");
  for (std::size_t i = 0; i < biases.size(); ++i)
    require(std::isfinite(biases[i]), "biases: item ", i, " is not finite");

  own_ = Buffer<std::uint8_t>(layout_.bytes);
  std::uint8_t* const memory = own_.data();
  std::copy(items.begin(), items.end(), layout_.rows.in(memory).begin());
  std::copy(biases.begin(), biases.end(), layout_.biases.in(memory).begin());
  const NormOrder order = order_by_norm(items, n, d);
  Shadow::write(layout_.shadow, memory, items, biases, order, d, 8);
  if (layout_.sizes.coarse) Shadow::write(layout_.coarse, memory, items, biases, order, d, 4);
  memory_ = memory;
  look();
}

Catalogue::Catalogue(const CatalogueSizes& sizes, int file, std::int64_t begin, bool map,
                     const ScanKernels& kernels)
    : kernels_(kernels), layout_(sizes), n_(sizes.n), d_(sizes.d) {
  const std::int64_t end = begin + layout_.bytes, found = file_size(file);
  require(begin % kAlignment == 0, "its data begin at byte ", begin, ", no multiple of ", kAlignment);
  require(found == end, "it has ", found, " bytes instead of ", end);
  if (map) {
    try {
      mapped_ = MappedFile(file, end);
      memory_ = mapped_.data() + begin;
    } catch (const Error&) {  // not every file system can
    }
  }
  if (memory_ == nullptr) {
    own_ = Buffer<std::uint8_t>(layout_.bytes);
    read_file(file, begin, own_.span());
    memory_ = own_.data();
  }
  // What the checks and one query read whole: what stands before the rows, and scales and codes. Of the rows
  // a query reads few.
  const ShadowSlices& scanned = sizes.coarse ? layout_.coarse : layout_.shadow;
  const std::int64_t after_rows = layout_.rows.offset + layout_.rows.bytes();
  mapped_.populate(begin, layout_.rows.offset);
  mapped_.populate(begin + after_rows, scanned.codes.offset + scanned.codes.bytes() - after_rows);
  look();
  shadow_.check_order();
  shadow_.check_bounds();
  coarse_.check_bounds();
}

void Catalogue::look() {
  rows_ = layout_.rows.in(memory_);
  biases_ = layout_.biases.in(memory_);
  shadow_ = Shadow(layout_.shadow, memory_, n_, d_, 8);
  if (layout_.sizes.coarse) coarse_ = Shadow(layout_.coarse, memory_, n_, d_, 4);
}

void Catalogue::prefetch(std::int32_t id) const noexcept {
  constexpr std::int64_t kLine = 16, kMost = 8 * kLine;  // floats
  const float* row = rows_.data() + id * d_;
  for (std::int64_t j = 0; j < std::min(d_, kMost); j += kLine) __builtin_prefetch(row + j);
}

void Catalogue::check(std::span<const float> queries, std::int64_t batch) const {
  require(static_cast<std::int64_t>(queries.size()) == batch * d_, "queries: expected ", batch, " x ", d_,
          " numbers, got ", queries.size());
  check_finite(queries, d_, "queries", "query");
}

void Catalogue::top_k(std::span<const float> queries, std::int64_t batch, std::int64_t k,
                      const TopKFilter& filter, const TopKRows& out) const {
  check_rows(out, batch, n_, k);
  check(queries, batch);
  check_apart(out, filter, queries);
  const ItemFilter items(filter, batch, n_);
  clear_rows(out);
  Search search(*this, queries, batch, std::min(k, n_), items);
  const bool sparse = items.sparse();
  if (!sparse) search.prepare();

  // Cuts depend on sizes alone. A catalogue that fits the caches is cheap to read again for every few
  // queries.
  // Allowed items, or panels.
  const std::int64_t units =
      sparse ? static_cast<std::int64_t>(items.allowed().size()) : search.shadow.panels();
  const std::int64_t range =
      std::max<std::int64_t>(1, sparse ? kGatherFloats / d_ : kRangeBytes / search.shadow.panel_bytes());
  const std::int64_t ranges = std::max<std::int64_t>(1, (units + range - 1) / range);
  const std::int64_t block = sparse ? 1 : kernels_.max_queries * (ranges > 8 ? 12 : 4);
  const std::int64_t blocks = (batch + block - 1) / block;

  std::vector<BestK> lists(static_cast<std::size_t>(batch * ranges), BestK(search.k));
  const auto run_task = [&](std::int64_t task) {
    const std::int64_t first = task / ranges * block, part = task % ranges;
    const std::int64_t begin = part * range, end = std::min(begin + range, units);
    if (sparse)
      return search.gather(first, begin, end, lists[static_cast<std::size_t>(first * ranges + part)]);
    const std::int64_t count = std::min(block, batch - first);
    std::vector<BestK*> own;
    for (std::int64_t q = 0; q < count; ++q)
      own.push_back(&lists[static_cast<std::size_t>((first + q) * ranges + part)]);
    search.scan(first, count, begin, end, own.data());
  };
  if (units * (sparse ? d_ : search.shadow.panel_bytes()) * batch <= kSharedWork)
    for (std::int64_t task = 0; task < blocks * ranges; ++task) run_task(task);
  else
    ThreadPool::shared().run(blocks * ranges, run_task);

  write_lists(lists, ranges, k, out);
}

}  // namespace l4r
