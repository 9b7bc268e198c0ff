#pragma once

#include "autograd/tape.h"
#include "ops/kernels.h"

namespace l4r {

// Matrix product [m x k] [k x n] = [m x n]; transpose_a says that a is stored [k x m], transpose_b that b is
// [n x k]. Throws Error(argument) when the inner sizes differ.
Handle matmul(Tape& tape, Handle a, Handle b, bool transpose_a, bool transpose_b);

// The product itself, for plain memory: c [m x n] = (or +=) op(a) op(b). c must not overlap a or b.
void gemm(const OpKernels& kernels, bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n,
          std::int64_t k, const float* a, const float* b, float* c, bool accumulate);

}  // namespace l4r
