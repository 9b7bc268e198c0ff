// The inner loops of embedding lookups. Pure loops over the caller's memory: no checks, no threads, no
// allocation. One table per instruction-set level.
#pragma once

#include <cstdint>

namespace l4r {

enum class Level;

// How rows are stored: as they are, rounded to the upper half of a float32, or as bytes with a scale a row.
enum class Storage { float32, bf16, int8 };
inline constexpr int kStorages = 3;
inline constexpr int kProbeColumns = 64;

// Rows of d numbers, one after another; not owned.
struct StoredRows {
  const void* values;   // [n x d] float, std::uint16_t or std::int8_t
  const float* scales;  // [n], of int8 alone
  std::int64_t d;
};

// Row b of the result is the sum over j in offsets[b] .. offsets[b + 1] - 1 of weights[j] * row ids[j],
// divided by the number of entries with `mean`.
struct BagTask {
  std::int64_t bags;
  const std::int32_t *offsets, *ids;
  const float* weights;  // null: all 1
  bool mean;
};

struct LookupKernels {
  // out [n x d] = rows ids[i].
  void (*gather[kStorages])(const StoredRows& rows, std::int64_t n, const std::int32_t* ids, float* out);
  // out [bags x d].
  void (*bag[kStorages])(const StoredRows& rows, const BagTask& task, float* out);
  // For the probe: the least that a lookup has to do. Rows of kProbeColumns numbers copied to out, or every
  // `size` of them summed.
  void (*probe_gather)(const float* table, std::int64_t n, const std::int32_t* ids, float* out);
  void (*probe_bag)(const float* table, std::int64_t n, const std::int32_t* ids, std::int64_t size,
                    float* out);
};

// The table of the active level, or of one level; throws Error(argument) when this build or machine lacks it.
const LookupKernels& lookup_kernels();
const LookupKernels& lookup_kernels(Level level);

}  // namespace l4r
