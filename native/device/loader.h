// Finds the CUDA backend: a library of its own, opened only where a driver answers, never closed again.
#pragma once

#include <string>

#include "cuda/backend.h"

namespace l4r {

// A table, or why there is none.
struct LoadedBackend {
  const cuda::Backend* table;
  std::string reason;
};

// Opens the driver `driver` and then the backend `library`, with everything checked that can be without a
// device. Both stay open.
LoadedBackend load_backend(const char* driver, const std::string& library);

// The backend beside the library or program that this code is part of, or that which LLAMA4REC_CUDA_BACKEND
// names. Looked for once in a process.
const LoadedBackend& loaded_backend();

}  // namespace l4r
