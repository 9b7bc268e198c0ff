#include "lookup/lookup_kernels.h"

#include "base/levels.h"

namespace l4r {

#define DECLARE(level)                       \
  namespace level {                          \
  extern const LookupKernels kLookupKernels; \
  }
L4R_FOR_EACH_LEVEL(DECLARE)
#undef DECLARE

const LookupKernels& lookup_kernels() {
  static const LookupKernels& active = lookup_kernels(active_level());
  return active;
}

const LookupKernels& lookup_kernels(Level level) {
#define ENTRY(level) {Level::level, &level::kLookupKernels},
  return table_of<LookupKernels>(level, {L4R_FOR_EACH_LEVEL(ENTRY)});
#undef ENTRY
}

}  // namespace l4r
