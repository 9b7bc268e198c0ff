#pragma once

#include "autograd/tape.h"
#include "ops/kernels.h"

namespace l4r {

// Matrix product [m x k] [k x n] = [m x n]; transpose_a says that a is stored [k x m], transpose_b that b is
// [n x k]. Throws Error(argument) when the inner sizes differ.
Handle matmul(Tape& tape, Handle a, Handle b, bool transpose_a, bool transpose_b);

// Called once for each block of a product when its numbers are complete and still in the cache of the calling
// thread: c[row..row + rows - 1][column..column + cols - 1]. Blocks do not overlap and cover c.
struct BlockDone {
  void (*call)(const void* context, std::int64_t row, std::int64_t column, std::int64_t rows,
               std::int64_t cols) = nullptr;
  const void* context = nullptr;
};

// The product itself, for plain memory: c [m x n] = (or +=) op(a) op(b). c must not overlap a or b.
void gemm(const OpKernels& kernels, bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n,
          std::int64_t k, const float* a, const float* b, float* c, bool accumulate, BlockDone done = {});

}  // namespace l4r
