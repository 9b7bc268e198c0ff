#include "serving/scan_kernels.h"

#include <algorithm>

#include "base/status.h"

namespace l4r {

namespace scalar {
extern const ScanKernels kScanKernels;
}
#if L4R_HAVE_AVX2
namespace avx2 {
extern const ScanKernels kScanKernels;
}
#endif
#if L4R_HAVE_AVX512
namespace avx512 {
extern const ScanKernels kScanKernels;
}
#endif
#if L4R_HAVE_NEON
namespace neon {
extern const ScanKernels kScanKernels;
}
#endif

const ScanKernels& scan_kernels() { return scan_kernels(active_level()); }

const ScanKernels& scan_kernels(Level level) {
  const auto& levels = available_levels();
  require(std::find(levels.begin(), levels.end(), level) != levels.end(), "instruction-set level ",
          level_name(level), " is not available here");
  switch (level) {
#if L4R_HAVE_AVX2
    case Level::avx2:
      return avx2::kScanKernels;
#endif
#if L4R_HAVE_AVX512
    case Level::avx512:
      return avx512::kScanKernels;
#endif
#if L4R_HAVE_NEON
    case Level::neon:
      return neon::kScanKernels;
#endif
    default:
      return scalar::kScanKernels;
  }
}

}  // namespace l4r
