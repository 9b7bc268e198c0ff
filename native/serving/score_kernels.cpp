#include "serving/score_kernels.h"

#include "base/levels.h"

namespace l4r {

#define DECLARE(level)                     \
  namespace level {                        \
  extern const ScoreKernels kScoreKernels; \
  }
L4R_FOR_EACH_LEVEL(DECLARE)
#undef DECLARE

const ScoreKernels& score_kernels() {
  static const ScoreKernels& active = score_kernels(active_level());
  return active;
}

const ScoreKernels& score_kernels(Level level) {
#define ENTRY(level) {Level::level, &level::kScoreKernels},
  return table_of<ScoreKernels>(level, {L4R_FOR_EACH_LEVEL(ENTRY)});
#undef ENTRY
}

}  // namespace l4r
