// The border between the engine and its CUDA backend: a table of functions over plain structures, versioned,
// so that either side can be built alone. Bump kAbi with every change of what stands here.
#pragma once

#include <cstdint>

namespace l4r::cuda {

inline constexpr std::uint32_t kAbi = 1;
// The one exported symbol of the backend, of type Entry.
inline constexpr const char* kEntry = "llama4rec_cuda";

enum class Outcome : std::int32_t {
  ok,
  argument,   // refused; nothing was done
  no_memory,  // of the device or within its budget; everything stays usable
  device,     // no such device, or it is lost: every later call answers the same
  internal,
};

// Why a call did not succeed: a text that ends with 0.
struct Report {
  char text[512];
};

struct DeviceFacts {
  char name[128];
  std::int32_t major, minor, processors;
  std::int32_t driver, runtime;  // versions as CUDA counts them: 13000 is 13.0
  std::int64_t memory, free;     // bytes
};

// Bytes of one device that the backend holds.
struct MemoryFacts {
  std::int64_t in_use, kept, budget;  // handed out; waiting to be handed out again; most of both
};

// Rows [n x d] in the caller's memory; storage and scales as StoredRows of lookup_kernels.h.
struct RowsView {
  const void* values;
  const float* scales;
  std::int64_t n, d;
  std::int32_t storage;
};

// Ids and offsets are checked by the caller.
struct BagCall {
  const std::int32_t *offsets, *ids;
  const float* weights;  // null: all 1
  std::int64_t bags, id_count;
  std::int32_t mean;
  float* out;  // [bags x d]
};

// Items [n x d] in the caller's memory, finite.
struct ItemsView {
  const float *items, *biases;  // [n x d]; [n] or null
  std::int64_t n, d;
};

// A filter in the form of ItemFilter, checked.
struct TopKCall {
  const float* queries;  // [batch x d], finite
  std::int64_t batch, k;
  const std::uint8_t* blocked;              // [n], not 0: for no query; null: none
  const std::int32_t *seen_offsets, *seen;  // [batch + 1] and ids ascending within a query, or null
  const std::int32_t* allowed;              // ascending, distinct; with few_allowed only these are looked at
  std::int64_t allowed_count;
  std::int32_t few_allowed;
  std::int32_t* ids;     // [batch x k], -1 where there is none
  double* scores;        // [batch x k], 0 there
  std::int32_t* counts;  // [batch]
};

class Device;
class DeviceRows;
class DeviceCatalogue;

// Every call may come from any thread; those of one device take turns.
struct Backend {
  std::uint32_t abi, size;  // kAbi and sizeof(Backend) of the build
  Outcome (*device_count)(std::int32_t* count, Report*);
  Outcome (*facts)(std::int32_t index, DeviceFacts* out, Report*);
  // budget: bytes at most, 0 for what is free. A device is opened once and never closed.
  Outcome (*open)(std::int32_t index, std::int64_t budget, Device** out, Report*);
  void (*memory)(Device* device, MemoryFacts* out);
  // Gives what is kept but not in use back to the system.
  void (*trim)(Device* device);

  Outcome (*rows_create)(Device* device, const RowsView* rows, DeviceRows** out, Report*);
  void (*rows_destroy)(DeviceRows* rows);
  Outcome (*lookup)(DeviceRows* rows, const std::int32_t* ids, std::int64_t count, float* out, Report*);
  Outcome (*bag)(DeviceRows* rows, const BagCall* call, Report*);

  Outcome (*catalogue_create)(Device* device, const ItemsView* items, DeviceCatalogue** out, Report*);
  void (*catalogue_destroy)(DeviceCatalogue* catalogue);
  Outcome (*catalogue_top_k)(DeviceCatalogue* catalogue, const TopKCall* call, Report*);
};

using Entry = const Backend* (*)();

}  // namespace l4r::cuda
