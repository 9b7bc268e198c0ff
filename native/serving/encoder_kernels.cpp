#include "serving/encoder_kernels.h"

#include "base/levels.h"

namespace l4r {

#define DECLARE(level)                         \
  namespace level {                            \
  extern const EncoderKernels kEncoderKernels; \
  }
L4R_FOR_EACH_LEVEL(DECLARE)
#undef DECLARE

const EncoderKernels& encoder_kernels() {
  static const EncoderKernels& active = encoder_kernels(active_level());
  return active;
}

const EncoderKernels& encoder_kernels(Level level) {
#define ENTRY(level) {Level::level, &level::kEncoderKernels},
  return table_of<EncoderKernels>(level, {L4R_FOR_EACH_LEVEL(ENTRY)});
#undef ENTRY
}

}  // namespace l4r
