// Exact top-k over item vectors that stay on a device.
#pragma once

#include <cstdint>

#include "cuda/device.h"
#include "cuda/table.h"

namespace l4r::cuda {

// Scores are the CPU's bit for bit: float64, fused multiply-adds along the dimensions in order, then the
// bias. So ids and ties (by lower id) are those of the float64 brute force. No matrix of scores is written:
// of each tile of items only the best k leave the multiprocessor.
class Catalogue {
 public:
  // Copies items [n x d] and biases [n] or null. Throws Failure.
  Catalogue(Device& device, const float* items, const float* biases, std::int64_t n, std::int64_t d);

  // queries [batch x d], k in 1..kMostOfList. The caller holds the device. Throws Failure.
  void top_k(const float* queries, std::int64_t batch, std::int64_t k, const Filter& filter,
             const Lists& out) const;

  Device& device() const noexcept { return *device_; }

 private:
  Device* device_;
  std::int64_t n_, d_;
  DeviceArray<float> items_;  // in groups of 32 rows: [groups][d][32], the last one filled up with zeros
  DeviceArray<float> biases_;
};

}  // namespace l4r::cuda
