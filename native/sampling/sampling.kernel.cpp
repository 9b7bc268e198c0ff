#include "sampling/sampling_kernels.h"

#include "base/simd_random.h"

namespace l4r::L4R_LEVEL {

namespace {

void philox_words(std::int64_t n, std::uint64_t seed, std::uint64_t stream, std::uint64_t counter,
                  std::uint32_t* low, std::uint32_t* high) {
  for (std::int64_t i = 0; i < n; i += F32::width) {
    U32 words[4];
    philox(seed, stream, counter + static_cast<std::uint64_t>(i), words);
    words[0].store(low + i);
    words[1].store(high + i);
  }
}

}  // namespace

extern const SamplingKernels kSamplingKernels;
constinit const SamplingKernels kSamplingKernels{philox_words};

}  // namespace l4r::L4R_LEVEL
