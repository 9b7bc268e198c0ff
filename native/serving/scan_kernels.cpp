#include "serving/scan_kernels.h"

#include "base/levels.h"

namespace l4r {

#define DECLARE(level)                   \
  namespace level {                      \
  extern const ScanKernels kScanKernels; \
  }
L4R_FOR_EACH_LEVEL(DECLARE)
#undef DECLARE

const ScanKernels& scan_kernels() {
  static const ScanKernels& active = scan_kernels(active_level());
  return active;
}

const ScanKernels& scan_kernels(Level level) {
#define ENTRY(level) {Level::level, &level::kScanKernels},
  return table_of<ScanKernels>(level, {L4R_FOR_EACH_LEVEL(ENTRY)});
#undef ENTRY
}

}  // namespace l4r
