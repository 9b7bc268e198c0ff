// The inner loops of samplers, one table per instruction-set level.
#pragma once

#include <cstdint>

namespace l4r {

enum class Level;

struct SamplingKernels {
  // low[i], high[i] = the first two words of Philox(seed, stream).block(counter + i), i below n, a multiple
  // of
  // 16. The counters must not cross a multiple of 2^32.
  void (*philox_words)(std::int64_t n, std::uint64_t seed, std::uint64_t stream, std::uint64_t counter,
                       std::uint32_t* low, std::uint32_t* high);
};

// The table of the active level, or of one level; throws Error(argument) when this build or machine lacks it.
const SamplingKernels& sampling_kernels();
const SamplingKernels& sampling_kernels(Level level);

}  // namespace l4r
