// Embedding rows that stay on a device.
#pragma once

#include "cuda/device.h"

namespace l4r::cuda {

class DeviceRows {
 public:
  DeviceRows(Device& device, const RowsView& rows);

  Device& device() const noexcept { return device_; }
  // out [count x d], on the host.
  void lookup(const std::int32_t* ids, std::int64_t count, float* out);
  void bag(const BagCall& call);

 private:
  Device& device_;
  std::int64_t d_;
  int storage_;
  Array<unsigned char> values_;
  Array<float> scales_;
};

}  // namespace l4r::cuda
