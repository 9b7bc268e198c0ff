// What the CUDA backend, a library of its own, gives to who opens it. Plain C types alone: both sides may be
// built by different compilers.
#pragma once

#include <cstddef>
#include <cstdint>

namespace l4r::cuda {

// Grows with every change of what follows; a library of another number is refused.
constexpr std::uint32_t kAbi = 1;

enum Status : std::int32_t {
  kOk = 0,
  kNoMemory = 1,  // the engine goes on; so does the device
  kLost = 2,      // a fault of the device that sticks: nothing works on it any more
  kFault = 3,     // anything else
  kNoDevice = 4,
};

// Why something failed, for a person.
struct Reason {
  char text[512];
};

struct DeviceFacts {
  char name[256];
  std::uint64_t memory;  // bytes
  std::int32_t major, minor;
};

enum Storage : std::int32_t { kFloat32 = 0, kBf16 = 1, kInt8 = 2 };

// Rows of an embedding table in host memory: values [n x d] of the storage; scales [n] of int8 rows.
struct Rows {
  const void* values;
  const float* scales;
  std::int64_t n, d;
  Storage storage;
};

// Bag b holds ids[offsets[b]] .. ids[offsets[b + 1] - 1]; weights: one an id, or null.
struct BagList {
  const std::int32_t* offsets;  // [bags + 1]
  const std::int32_t* ids;
  const float* weights;
  std::int64_t bags;
  bool mean;
};

// Which items a top-k may give, checked by the caller.
struct Filter {
  const std::uint8_t* blocked;           // [items], not 0: for no query; or null
  const std::int32_t* excluded_offsets;  // [batch + 1], or null
  const std::int32_t* excluded;          // ascending within a query
};

// Best first, equal scores by lower id; the rest of a row is id -1 and score 0.
struct Lists {
  std::int32_t* ids;     // [batch x k]
  double* scores;        // [batch x k]
  std::int32_t* counts;  // [batch]
};

// All pointers are to host memory of the caller. Calls may come from any thread; those of one device wait for
// each other.
struct Table {
  std::uint32_t abi;   // kAbi
  std::uint32_t size;  // of this struct
  // Never fails: no devices is a reason.
  std::int32_t (*device_count)(Reason* reason);
  Status (*describe)(std::int32_t device, DeviceFacts* facts, Reason* reason);
  // Most bytes that this library takes on a device, 0: no limit.
  void (*set_budget)(std::int32_t device, std::uint64_t bytes);
  // into [count x d]
  Status (*lookup)(std::int32_t device, const Rows* rows, const std::int32_t* ids, std::int64_t count,
                   float* into, Reason* reason);
  // into [bags x d]
  Status (*bag)(std::int32_t device, const Rows* rows, const BagList* bags, float* into, Reason* reason);
  // Items [n x d] with biases [n] or null, copied to the device once; given back by release.
  Status (*catalogue_create)(std::int32_t device, const float* items, const float* biases, std::int64_t n,
                             std::int64_t d, void** made, Reason* reason);
  void (*catalogue_release)(void* catalogue);
  // k in 1..1,024
  Status (*catalogue_top_k)(void* catalogue, const float* queries, std::int64_t batch, std::int64_t k,
                            const Filter* filter, const Lists* out, Reason* reason);
};

// Name of the one function that the library shows: `const Table* llama4rec_cuda_table(void)`.
constexpr char kEntry[] = "llama4rec_cuda_table";
constexpr std::int64_t kMostOfList = 1024;

}  // namespace l4r::cuda
