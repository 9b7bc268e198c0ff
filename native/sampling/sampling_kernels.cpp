#include "sampling/sampling_kernels.h"

#include "base/levels.h"

namespace l4r {

#define DECLARE(level)                           \
  namespace level {                              \
  extern const SamplingKernels kSamplingKernels; \
  }
L4R_FOR_EACH_LEVEL(DECLARE)
#undef DECLARE

const SamplingKernels& sampling_kernels() {
  static const SamplingKernels& active = sampling_kernels(active_level());
  return active;
}

const SamplingKernels& sampling_kernels(Level level) {
#define ENTRY(level) {Level::level, &level::kSamplingKernels},
  return table_of<SamplingKernels>(level, {L4R_FOR_EACH_LEVEL(ENTRY)});
#undef ENTRY
}

}  // namespace l4r
