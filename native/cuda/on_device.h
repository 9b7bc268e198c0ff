// The kernels that a caller uses by themselves, on a CUDA device: checked and answered as those of the
// processor. Numbers of devices come from device_of().
#pragma once

#include <cstdint>
#include <span>

#include "lookup/embedding_table.h"
#include "serving/top_k.h"

namespace l4r::cuda {

// As EmbeddingRows::lookup and bag. Throw what those throw, and Error(no_memory, device or internal).
void lookup_on(std::int32_t device, const EmbeddingRows& rows, std::span<const std::int32_t> ids,
               std::span<float> out);
void bag_on(std::int32_t device, const EmbeddingRows& rows, const Bags& bags, std::span<float> out);

// As brute_force_top_k, for k up to kMostOfList and rows of up to kMostDimensions. Throws what that throws,
// and Error(no_memory, device or internal).
constexpr std::int64_t kMostDimensions = 2048;
void top_k_on(std::int32_t device, std::span<const float> items, std::span<const float> biases,
              std::int64_t d, std::span<const float> queries, std::int64_t k, const TopKFilter& filter,
              const TopKRows& out);

}  // namespace l4r::cuda
