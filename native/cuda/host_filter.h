// The filter of a top-k as the backend takes it.
#pragma once

#include <cstdint>
#include <vector>

#include "cuda/table.h"
#include "serving/filter.h"

namespace l4r::cuda {

struct HostFilter {
  std::vector<std::uint8_t> blocked;            // [items], or empty
  std::vector<std::int32_t> offsets, excluded;  // offsets [batch + 1], or empty

  Filter view() const {
    return {blocked.empty() ? nullptr : blocked.data(), offsets.empty() ? nullptr : offsets.data(),
            excluded.data()};
  }
};

HostFilter host_filter(const ItemFilter& filter, std::int64_t n, std::int64_t batch);

}  // namespace l4r::cuda
