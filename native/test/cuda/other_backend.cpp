// Libraries that look like the backend and are none: of another version, without a table, without an entry.
#include "cuda/backend.h"

#ifdef OTHER_NAME
extern "C" const l4r::cuda::Backend* somebody_else() { return nullptr; }
#else
extern "C" const l4r::cuda::Backend* llama4rec_cuda() {
#ifdef NO_TABLE
  return nullptr;
#else
  static const l4r::cuda::Backend table = [] {
    l4r::cuda::Backend other{};
    other.abi = l4r::cuda::kAbi + 1;
    other.size = 8;
    return other;
  }();
  return &table;
#endif
}
#endif
