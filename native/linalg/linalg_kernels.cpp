#include "linalg/linalg_kernels.h"

#include "base/levels.h"

namespace l4r {

#define DECLARE(level)                       \
  namespace level {                          \
  extern const LinalgKernels kLinalgKernels; \
  }
L4R_FOR_EACH_LEVEL(DECLARE)
#undef DECLARE

const LinalgKernels& linalg_kernels() {
  static const LinalgKernels& active = linalg_kernels(active_level());
  return active;
}

const LinalgKernels& linalg_kernels(Level level) {
#define ENTRY(level) {Level::level, &level::kLinalgKernels},
  return table_of<LinalgKernels>(level, {L4R_FOR_EACH_LEVEL(ENTRY)});
#undef ENTRY
}

}  // namespace l4r
