#include "ops/matmul/matmul.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "ops/parallel.h"

namespace l4r {

namespace {

// Blocking after Goto and van de Geijn (TOMS 2008): a packed depth x columns block of b is shared by all
// threads (L3), a block of a belongs to one (L2). Sizes depend on the level alone, never on the number of
// threads.
constexpr std::int64_t kDepth = 256;
constexpr std::int64_t kRowTiles = 16;      // tiles of a below each other in one task
constexpr std::int64_t kColumnPanels = 32;  // panels of b in one task
constexpr std::int64_t kTasksAcross = 8;    // tasks side by side in one block of b
// A product of few tasks and a long inner dimension is cut into slices of the depth, added in order.
constexpr std::int64_t kFewTasks = 4;
constexpr std::int64_t kSlices = 8;
constexpr std::int64_t kSliceWork = std::int64_t{1} << 18;  // fused multiply-adds worth handing to a thread
// Below this many tiles of rows the panels of b are read where they lie: packing would cost as much.
constexpr std::int64_t kPackingPays = 3;
// Rows of a that lie further apart, in numbers, are copied together: each would cost a page of its own. So
// are its depths where it is stored transposed: they would share few sets of the cache.
constexpr std::int64_t kNearRows = 512;
constexpr std::int64_t kNearDepths = 256;

// Working memory of this thread; grows, never shrinks.
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
float* slice_sums(std::int64_t count) {
  static thread_local Buffer<float> buffer;
  return scratch(buffer, count);
}

std::int64_t groups(std::int64_t count, std::int64_t size) { return (count + size - 1) / size; }
std::int64_t round_up(std::int64_t count, std::int64_t size) { return groups(count, size) * size; }

// A product of plain matrices: row i, depth p of a at a[i * a_row + p * a_depth], depth p, column j of b at
// b[p * b_depth + j * b_column], c contiguous.
struct Product {
  const OpKernels& kernels;
  std::int64_t m, n, k;
  const float* a;
  std::int64_t a_row, a_depth;
  const float* b;
  std::int64_t b_depth, b_column;
  float* c;
  bool accumulate;
  BlockDone done;

  std::int64_t task_rows() const { return kRowTiles * kernels.gemm_rows; }
  std::int64_t task_cols() const { return kColumnPanels * kernels.gemm_cols; }
};

// Columns j0..j0 + cols - 1 and depth p0..p0 + depth - 1 of b in panels.
GemmRight pack_b(const Product& x, std::int64_t j0, std::int64_t cols, std::int64_t p0, std::int64_t depth) {
  const std::int64_t width = x.kernels.gemm_cols, step = x.task_cols();
  float* packed = packed_b(depth * round_up(cols, width));
  ThreadPool::shared().run(groups(cols, step), [&](std::int64_t task) {
    const std::int64_t j = task * step;
    x.kernels.pack_right(std::min(step, cols - j), depth, x.b + p0 * x.b_depth + (j0 + j) * x.b_column,
                         x.b_column == 1 ? x.b_depth : x.b_column, x.b_column != 1, packed + j * depth);
  });
  return {packed, depth * width, width};
}

// Rows i..i + rows - 1 and depth p0..p0 + depth - 1 of a: where they lie, or packed where that pays.
GemmLeft left_block(const Product& x, std::int64_t i, std::int64_t rows, std::int64_t p0,
                    std::int64_t depth) {
  const std::int64_t height = x.kernels.gemm_rows;
  const float* from = x.a + i * x.a_row + p0 * x.a_depth;
  const bool near = x.a_row <= kNearRows && x.a_depth <= kNearDepths;
  if (near || x.n <= x.kernels.gemm_cols) return {from, height * x.a_row, x.a_row, x.a_depth};
  if (x.a_depth != 1) {
    float* packed = packed_a(round_up(rows, height) * depth);
    x.kernels.pack_left(rows, depth, from, x.a_depth, packed);
    return {packed, height * depth, 1, height};
  }
  float* packed = packed_a(rows * depth);
  for (std::int64_t row = 0; row < rows; ++row)
    std::copy_n(from + row * x.a_row, depth, packed + row * depth);
  return {packed, height * depth, depth, 1};
}

// One block of b, in panels, times all of a.
void multiply_block(const Product& x, std::int64_t j0, std::int64_t cols, std::int64_t p0, std::int64_t depth,
                    const GemmRight& right) {
  const std::int64_t across = groups(cols, x.task_cols());
  ThreadPool::shared().run(groups(x.m, x.task_rows()) * across, [&](std::int64_t task) {
    const std::int64_t i = task / across * x.task_rows(), height = std::min(x.task_rows(), x.m - i);
    const std::int64_t j = task % across * x.task_cols(), width = std::min(x.task_cols(), cols - j);
    const GemmLeft left = left_block(x, i, height, p0, depth);
    const GemmRight panels{right.data + j / x.kernels.gemm_cols * right.panel_step, right.panel_step,
                           right.depth_step};
    x.kernels.gemm_block(height, width, depth, left, panels, x.c + i * x.n + j0 + j, x.n,
                         x.accumulate || p0 > 0);
    if (x.done.call != nullptr && p0 + depth == x.k) x.done.call(x.done.context, i, j0 + j, height, width);
  });
}

void multiply(const Product& x) {
  const std::int64_t block_cols = kTasksAcross * x.task_cols(), width = x.kernels.gemm_cols;
  // Even steps of at most kDepth; never 0, so that k = 0 ends.
  const std::int64_t depth_step =
      round_up(std::max<std::int64_t>(1, groups(x.k, std::max<std::int64_t>(1, groups(x.k, kDepth)))), 8);
  const bool in_place = x.b_column == 1 && x.m < kPackingPays * x.kernels.gemm_rows;
  for (std::int64_t j0 = 0; j0 < x.n; j0 += block_cols) {
    const std::int64_t cols = std::min(block_cols, x.n - j0);
    const std::int64_t whole = in_place ? cols / width * width : 0;  // a ragged panel is packed all the same
    for (std::int64_t p0 = 0; p0 == 0 || p0 < x.k; p0 += depth_step) {  // once for k = 0: it writes the zeros
      const std::int64_t depth = std::min(depth_step, x.k - p0);
      if (whole > 0) multiply_block(x, j0, whole, p0, depth, {x.b + p0 * x.b_depth + j0, width, x.b_depth});
      if (whole < cols)
        multiply_block(x, j0 + whole, cols - whole, p0, depth,
                       pack_b(x, j0 + whole, cols - whole, p0, depth));
    }
  }
}

// Slices of the depth; depends on the shape alone.
std::int64_t slice_count(const Product& x) {
  if (groups(x.m, x.task_rows()) * groups(x.n, x.task_cols()) > kFewTasks) return 1;
  const std::int64_t worth = x.m * x.n * x.k / kSliceWork;
  return std::max<std::int64_t>(1, std::min({kSlices, x.k / kDepth, worth}));
}

void multiply_slices(const Product& x, std::int64_t slices) {
  const std::int64_t size = x.m * x.n, step = groups(x.k, slices);
  float* sums = slice_sums(size * slices);  // [slices x m x n]
  ThreadPool::shared().run(slices, [&](std::int64_t slice) {
    Product part = x;
    part.a += slice * step * x.a_depth;
    part.b += slice * step * x.b_depth;
    part.k = std::min(step, x.k - slice * step);
    part.c = sums + slice * size;
    part.accumulate = false;
    part.done = {};
    multiply(part);
  });
  for_rows(size, slices, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t slice = 0; slice < slices; ++slice)
      x.kernels.scale_add(end - begin, 1.0f, sums + slice * size + begin, x.c + begin,
                          x.accumulate || slice > 0);
  });
  if (x.done.call != nullptr)
    for_rows(x.m, x.n, [&](std::int64_t begin, std::int64_t end) {
      x.done.call(x.done.context, begin, 0, end - begin, x.n);
    });
}

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
  if (tape.wants_gradient(ha)) {
    const auto [to, accumulate] = tape.target(ha);
    if (ta)
      gemm(kernels, tb, true, k, m, n, b, g, to, accumulate);
    else
      gemm(kernels, false, !tb, m, k, n, g, b, to, accumulate);
  }
  if (tape.wants_gradient(hb)) {
    const auto [to, accumulate] = tape.target(hb);
    if (tb)
      gemm(kernels, true, ta, n, k, m, g, a, to, accumulate);
    else
      gemm(kernels, !ta, false, k, n, m, a, g, to, accumulate);
  }
}

}  // namespace

void gemm(const OpKernels& kernels, bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n,
          std::int64_t k, const float* a, const float* b, float* c, bool accumulate, BlockDone done) {
  const Product x{kernels,
                  m,
                  n,
                  k,
                  a,
                  transpose_a ? 1 : k,
                  transpose_a ? m : 1,
                  b,
                  transpose_b ? 1 : n,
                  transpose_b ? k : 1,
                  c,
                  accumulate,
                  done};
  if (const std::int64_t slices = slice_count(x); slices > 1)
    multiply_slices(x, slices);
  else
    multiply(x);
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
  return tape.push<matmul_backward>(shape, out, MatmulInputs{a, b, transpose_a, transpose_b, left.cols},
                                    !tape.wants_gradient(a) && !tape.wants_gradient(b));
}

}  // namespace l4r
