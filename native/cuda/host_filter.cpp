#include "cuda/host_filter.h"

namespace l4r::cuda {

HostFilter host_filter(const ItemFilter& filter, std::int64_t n, std::int64_t batch) {
  HostFilter out;
  if (filter.open() && !filter.has_allow()) return out;
  if (filter.has_allow()) {
    out.blocked.assign(static_cast<std::size_t>(n), 1);
    for (const auto item : filter.allowed()) out.blocked[static_cast<std::size_t>(item)] = 0;
  } else {
    out.blocked.resize(static_cast<std::size_t>(n));
    for (std::int32_t item = 0; item < n; ++item)
      out.blocked[static_cast<std::size_t>(item)] = filter.blocked(item) ? 1 : 0;
  }
  out.offsets.push_back(0);
  for (std::int64_t b = 0; b < batch; ++b) {
    const auto seen = filter.seen(b);
    out.excluded.insert(out.excluded.end(), seen.begin(), seen.end());
    out.offsets.push_back(static_cast<std::int32_t>(out.excluded.size()));
  }
  return out;
}

}  // namespace l4r::cuda
