// What a GPU does at best, to read benchmarks against.
#pragma once

#include "cuda/device.h"

namespace l4r::bench {

// Bytes a second, read and written together, of a copy on the device that caches cannot hold.
double copy_bandwidth(cuda::Device& device);
// Multiply-adds a second, times two, of bf16 tensor cores with float32 sums, operands in registers.
double matrix_rate(cuda::Device& device);

}  // namespace l4r::bench
