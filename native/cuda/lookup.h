// Rows of an embedding table, and pooled bags of them, on a device.
#pragma once

#include <cstdint>

#include "cuda/device.h"
#include "cuda/table.h"

namespace l4r::cuda {

// into [count x d], in host memory as all that is given. Throws Failure.
void lookup(Device& device, const Rows& rows, const std::int32_t* ids, std::int64_t count, float* into);
// into [bags x d]: the bits of the CPU's sums, for they are added in the same order by the same operations.
void bag(Device& device, const Rows& rows, const BagList& bags, float* into);

}  // namespace l4r::cuda
