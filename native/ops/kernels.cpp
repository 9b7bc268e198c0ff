#include "ops/kernels.h"

#include <algorithm>

#include "base/cpu.h"
#include "base/status.h"

namespace l4r {

namespace scalar {
extern const OpKernels op_kernels_table;
}
namespace avx2 {
extern const OpKernels op_kernels_table;
}
namespace avx512 {
extern const OpKernels op_kernels_table;
}
namespace neon {
extern const OpKernels op_kernels_table;
}

const OpKernels& op_kernels() {
  static const OpKernels& active = op_kernels(active_level());
  return active;
}

const OpKernels& op_kernels(Level level) {
  const auto& levels = available_levels();
  require(std::find(levels.begin(), levels.end(), level) != levels.end(), "instruction-set level ",
          level_name(level), " is not available here");
  switch (level) {
#if L4R_HAVE_AVX2
    case Level::avx2:
      return avx2::op_kernels_table;
#endif
#if L4R_HAVE_AVX512
    case Level::avx512:
      return avx512::op_kernels_table;
#endif
#if L4R_HAVE_NEON
    case Level::neon:
      return neon::op_kernels_table;
#endif
    default:
      return scalar::op_kernels_table;
  }
}

}  // namespace l4r
