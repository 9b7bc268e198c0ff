#include "linalg/linalg_kernels.h"

#include <algorithm>

#include "base/status.h"

namespace l4r {

namespace scalar {
extern const LinalgKernels kLinalgKernels;
}
#if L4R_HAVE_AVX2
namespace avx2 {
extern const LinalgKernels kLinalgKernels;
}
#endif
#if L4R_HAVE_AVX512
namespace avx512 {
extern const LinalgKernels kLinalgKernels;
}
#endif
#if L4R_HAVE_NEON
namespace neon {
extern const LinalgKernels kLinalgKernels;
}
#endif

const LinalgKernels& linalg_kernels() { return linalg_kernels(active_level()); }

const LinalgKernels& linalg_kernels(Level level) {
  const auto& levels = available_levels();
  require(std::find(levels.begin(), levels.end(), level) != levels.end(), "instruction-set level ",
          level_name(level), " is not available here");
  switch (level) {
#if L4R_HAVE_AVX2
    case Level::avx2:
      return avx2::kLinalgKernels;
#endif
#if L4R_HAVE_AVX512
    case Level::avx512:
      return avx512::kLinalgKernels;
#endif
#if L4R_HAVE_NEON
    case Level::neon:
      return neon::kLinalgKernels;
#endif
    default:
      return scalar::kLinalgKernels;
  }
}

}  // namespace l4r
