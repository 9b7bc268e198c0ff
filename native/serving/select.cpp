#include "serving/select.h"

#include <algorithm>

#include "base/status.h"
#include "base/thread_pool.h"
#include "serving/best_k.h"
#include "serving/filter.h"
#include "serving/result.h"

namespace l4r {

void select_top_k(std::span<const double> scores, std::int64_t batch, std::int64_t n, std::int64_t k,
                  const TopKFilter& filter, const TopKRows& out) {
  check_rows(out, batch, n, k);
  check_apart(out, filter, scores);
  require(static_cast<std::int64_t>(scores.size()) == batch * n, "scores: expected ", batch, " x ", n,
          " numbers, got ", scores.size());
  const ItemFilter items(filter, batch, n);
  clear_rows(out);

  const auto select_row = [&](std::int64_t b) {
    const double* row = scores.data() + b * n;
    const double* nan = std::find_if(row, row + n, [](double score) { return score != score; });
    require(nan == row + n, "scores: row ", b, ", item ", nan - row, " is not a number");
    BestK best(std::min(k, n));
    const auto offer = [&](std::int32_t item) {
      if (best.bounded() && !(row[item] > best.bound().score))
        return;  // ids ascend: an equal score comes later
      if (!items.seen(b, item)) best.offer({row[item], item});
    };
    if (items.has_allow()) {
      for (const auto item : items.allowed()) offer(item);
    } else {
      for (std::int32_t item = 0; item < n; ++item)
        if (!items.blocked(item)) offer(item);
    }
    out.counts[static_cast<std::size_t>(b)] =
        best.write(out.ids.data() + b * k, out.scores.data() + b * k, score_kernels());
  };

  constexpr std::int64_t kGrain = 1 << 15;  // scores a chunk, about 30 microseconds
  const std::int64_t rows = std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, n));
  ThreadPool::shared().for_ranges(batch, rows, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) select_row(b);
  });
}

}  // namespace l4r
