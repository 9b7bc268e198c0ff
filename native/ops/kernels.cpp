#include "ops/kernels.h"

#include "base/levels.h"

namespace l4r {

#define DECLARE(level)                     \
  namespace level {                        \
  extern const OpKernels op_kernels_table; \
  }
L4R_FOR_EACH_LEVEL(DECLARE)
#undef DECLARE

const OpKernels& op_kernels() {
  static const OpKernels& active = op_kernels(active_level());
  return active;
}

const OpKernels& op_kernels(Level level) {
#define ENTRY(level) {Level::level, &level::op_kernels_table},
  return table_of<OpKernels>(level, {L4R_FOR_EACH_LEVEL(ENTRY)});
#undef ENTRY
}

}  // namespace l4r
