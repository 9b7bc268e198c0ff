#include "lookup/probe.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "base/buffer.h"
#include "base/status.h"
#include "lookup/lookup_kernels.h"

namespace l4r {

double lookup_seconds(std::int64_t rows, std::span<const std::int32_t> ids, std::int64_t count,
                      std::int64_t bag) {
  constexpr int kPasses = 5;
  using Clock = std::chrono::steady_clock;
  const auto pieces = count < 1 ? 0 : std::ssize(ids) / count;
  require(rows >= 1 && bag >= 0 && pieces >= 1, "lookup: expected rows, a count and as many ids");
  for (const auto id : ids)
    require(id >= 0 && id < rows, "ids: expected rows in 0..", rows - 1, ", got ", id);
  Buffer<float> table(rows * kProbeColumns), out(count * kProbeColumns);
  std::fill_n(table.data(), table.size(), 1.0f);  // every page is there
  const auto& kernels = lookup_kernels();
  std::vector<double> seconds;
  for (int pass = 0; pass < kPasses; ++pass)
    for (std::int64_t piece = 0; piece < pieces; ++piece) {
      const std::int32_t* wanted = ids.data() + piece * count;
      const auto start = Clock::now();
      if (bag == 0)
        kernels.probe_gather(table.data(), count, wanted, out.data());
      else
        kernels.probe_bag(table.data(), count, wanted, bag, out.data());
      seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    }
  const auto middle = seconds.begin() + std::ssize(seconds) / 2;
  std::nth_element(seconds.begin(), middle, seconds.end());
  return *middle;
}

}  // namespace l4r
