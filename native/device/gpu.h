// GPUs as the engine uses them: arguments are checked as on the CPU, refusals of the backend are errors with
// the codes of the engine.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "cuda/backend.h"
#include "lookup/embedding_table.h"
#include "serving/filter.h"
#include "serving/top_k.h"

namespace l4r {

// What there is, and why not more.
struct GpuReport {
  bool available;      // a device can be opened
  std::string reason;  // why none can; empty where one can
  std::vector<cuda::DeviceFacts> devices;
};
// Never throws for what is missing.
GpuReport gpu_report();

// Device `index`, opened at first use and shared by the process. Throws Error(device) with the reason.
cuda::Device* gpu(int index);

// Rows in the memory of a device.
class GpuRows {
 public:
  // Throws Error(device) or Error(no_memory).
  GpuRows(int device, const EmbeddingRows& rows);

  // As the same of EmbeddingRows, which `rows` are; the bits of its vector levels.
  void lookup(const EmbeddingRows& rows, std::span<const std::int32_t> ids, std::span<float> out) const;
  void bag(const EmbeddingRows& rows, const Bags& bags, std::span<float> out) const;

 private:
  struct Destroy {
    void operator()(cuda::DeviceRows* rows) const noexcept;
  };
  std::unique_ptr<cuda::DeviceRows, Destroy> rows_;
};

// A table on the CPU, with a copy on each device that was asked for.
class SharedTable : public EmbeddingTable {
 public:
  using EmbeddingTable::EmbeddingTable;
  // Copied at first use. Any thread.
  const GpuRows& on(int device) const;

 private:
  mutable std::mutex mutex_;
  mutable std::map<int, GpuRows> copies_;
};

// Items in the memory of a device.
class GpuCatalogue {
 public:
  // Throws as Catalogue, and Error(device) or Error(no_memory).
  GpuCatalogue(int device, std::span<const float> items, std::span<const float> biases, std::int64_t d);

  std::int64_t size() const noexcept { return n_; }
  // As Catalogue::top_k: the same ids, scores and order.
  void top_k(std::span<const float> queries, std::int64_t k, const TopKFilter& filter,
             const TopKRows& out) const;

 private:
  struct Destroy {
    void operator()(cuda::DeviceCatalogue* catalogue) const noexcept;
  };
  std::int64_t n_, d_;
  std::unique_ptr<cuda::DeviceCatalogue, Destroy> catalogue_;
};

// The call as the backend takes it; the spans of all three stay borrowed.
cuda::TopKCall top_k_call(std::span<const float> queries, std::int64_t k, const ItemFilter& filter,
                          const TopKRows& out);

}  // namespace l4r
