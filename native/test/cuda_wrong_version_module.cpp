// A backend of another version.
#include "cuda/table.h"

extern "C" __attribute__((visibility("default"))) const l4r::cuda::Table* llama4rec_cuda_table() {
  static const l4r::cuda::Table table = [] {
    l4r::cuda::Table made{};
    made.abi = l4r::cuda::kAbi + 1;
    made.size = sizeof made;
    return made;
  }();
  return &table;
}
