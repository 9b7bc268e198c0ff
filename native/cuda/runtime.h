// The CUDA runtime, or what stands in for it where kernels run on the processor to be tested.
#pragma once

#ifdef L4R_EMULATED
#include "cuda/emulated/runtime.h"
#else
#include <cuda_runtime.h>
#endif

namespace l4r::cuda {

// The dynamic shared memory of a block.
template <typename T>
__device__ inline T* shared_memory() {
#ifdef L4R_EMULATED
  return static_cast<T*>(emulated::shared());
#else
  extern __shared__ __align__(16) unsigned char bytes[];
  return reinterpret_cast<T*>(bytes);
#endif
}

}  // namespace l4r::cuda
