// An answer of the CUDA runtime as an error: see runtime.h for which.
#pragma once

#include <driver_types.h>

#include <string>

namespace l4r::cuda {

// Throws unless `status` is success; `what` was being done.
void check(cudaError_t status, const std::string& what);

}  // namespace l4r::cuda
