#include "ops/matmul/matmul.h"

#include <utility>

#include "base/status.h"
#include "ops/parallel.h"

namespace l4r {

namespace {

// Blocking after Goto and van de Geijn (TOMS 2008): a packed depth x columns block of b is shared by all
// threads (L3), a packed block of a belongs to one (L2). Sizes depend on the level alone, never on the number
// of threads.
constexpr std::int64_t kDepth = 256;
constexpr std::int64_t kRowPanels = 16;     // panels of a in one task
constexpr std::int64_t kColumnPanels = 32;  // panels of b in one task
constexpr std::int64_t kTasksAcross = 8;    // tasks side by side in one block of b

// Packing memory of this thread; grows, never shrinks.
float* scratch(Buffer<float>& buffer, std::int64_t count) {
  if (buffer.size() < count) buffer = Buffer<float>(count);
  return buffer.data();
}
float* packed_a(std::int64_t count) {
  static thread_local Buffer<float> buffer;
  return scratch(buffer, count);
}
float* packed_b(std::int64_t count) {
  static thread_local Buffer<float> buffer;
  return scratch(buffer, count);
}

std::int64_t groups(std::int64_t count, std::int64_t size) { return (count + size - 1) / size; }

struct MatmulInputs {
  Handle a, b;
  bool transpose_a, transpose_b;
  std::int64_t k;
};

void matmul_backward(Tape& tape, const Tape::Node& node, const MatmulInputs& inputs) {
  const auto [m, n] = node.shape;
  const auto [ha, hb, ta, tb, k] = inputs;
  const float *a = tape.node(ha).value, *b = tape.node(hb).value, *g = node.gradient;
  const OpKernels& kernels = tape.kernels();
  // d op(a) = g op(b)^T and d op(b) = op(a)^T g; where an input is stored transposed, so is its gradient.
  if (const auto [to, accumulate] = tape.target(ha); ta)
    gemm(kernels, tb, true, k, m, n, b, g, to, accumulate);
  else
    gemm(kernels, false, !tb, m, k, n, g, b, to, accumulate);
  if (const auto [to, accumulate] = tape.target(hb); tb)
    gemm(kernels, true, ta, n, k, m, g, a, to, accumulate);
  else
    gemm(kernels, !ta, false, k, n, m, a, g, to, accumulate);
}

}  // namespace

void gemm(const OpKernels& kernels, bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n,
          std::int64_t k, const float* a, const float* b, float* c, bool accumulate) {
  const std::int64_t task_rows = kRowPanels * kernels.gemm_rows;
  const std::int64_t task_cols = kColumnPanels * kernels.gemm_cols;
  const std::int64_t block_cols = kTasksAcross * task_cols;
  ThreadPool& pool = ThreadPool::shared();

  for (std::int64_t j0 = 0; j0 < n; j0 += block_cols) {
    const std::int64_t cols = std::min(block_cols, n - j0);
    const std::int64_t across = groups(cols, task_cols);
    for (std::int64_t p0 = 0; p0 == 0 || p0 < k; p0 += kDepth) {  // once for k = 0: it writes the zeros
      const std::int64_t depth = std::min(kDepth, k - p0);
      const bool add = accumulate || p0 > 0;
      float* right = packed_b(depth * groups(cols, kernels.gemm_cols) * kernels.gemm_cols);
      pool.run(across, [&](std::int64_t task) {
        const std::int64_t j = task * task_cols, width = std::min(task_cols, cols - j);
        const float* from = transpose_b ? b + (j0 + j) * k + p0 : b + p0 * n + j0 + j;
        kernels.pack(width, depth, kernels.gemm_cols, from, transpose_b ? k : n, transpose_b,
                     right + j * depth);
      });
      pool.run(groups(m, task_rows) * across, [&](std::int64_t task) {
        const std::int64_t i = task / across * task_rows, height = std::min(task_rows, m - i);
        const std::int64_t j = task % across * task_cols, width = std::min(task_cols, cols - j);
        float* left = packed_a(task_rows * kDepth);
        const float* from = transpose_a ? a + p0 * m + i : a + i * k + p0;
        kernels.pack(height, depth, kernels.gemm_rows, from, transpose_a ? m : k, !transpose_a, left);
        kernels.gemm_block(height, width, depth, left, right + j * depth, c + i * n + j0 + j, n, add);
      });
    }
  }
}

Handle matmul(Tape& tape, Handle a, Handle b, bool transpose_a, bool transpose_b) {
  Shape left = tape.shape(a), right = tape.shape(b);
  if (transpose_a) std::swap(left.rows, left.cols);
  if (transpose_b) std::swap(right.rows, right.cols);
  require(left.cols == right.rows, "matmul: expected equal inner sizes, got ", left.rows, " x ", left.cols,
          " times ", right.rows, " x ", right.cols);
  const Shape shape{left.rows, right.cols};
  const float *from_a = tape.node(a).value, *from_b = tape.node(b).value;
  float* out = tape.allocate<float>(shape.size());
  gemm(tape.kernels(), transpose_a, transpose_b, shape.rows, shape.cols, left.cols, from_a, from_b, out,
       false);
  return tape.push<matmul_backward>(shape, out, MatmulInputs{a, b, transpose_a, transpose_b, left.cols});
}

}  // namespace l4r
