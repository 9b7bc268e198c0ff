// The backend's table over kernels on the processor, as a library that can be opened in the place of the real
// one.
#include "cuda/table.h"

extern "C" const l4r::cuda::Table* llama4rec_cuda_table();

namespace l4r::cuda {
// Keeps the entry, which nothing here calls.
[[gnu::used, gnu::visibility("default")]] extern const auto kKeep = &llama4rec_cuda_table;
}  // namespace l4r::cuda
