#include "base/simd.h"
#include "base/simd_random.h"
#include "base/simd_transpose.h"
#include "ops/attention/product.h"
#include "ops/kernels.h"

namespace l4r::L4R_LEVEL {

AttentionForward attention_forward;
AttentionBackward attention_backward;

namespace {

constexpr float kLowest = -3.4028235e38f;
constexpr float kOnes[kProductRows] = {1, 1, 1, 1};
constexpr int kDrawRows = 8;  // rows whose weights of one key share a block of random bits
static_assert(kDrawRows % kProductRows == 0);

inline int at_most(std::int64_t left, int limit) { return left < limit ? static_cast<int>(left) : limit; }
inline std::int64_t vectors(std::int64_t count) { return (count + F32::width - 1) / F32::width; }

// Lines line..line + F32::width - 1 of what pack_lines() packs; kWhole: all of them exist.
template <bool kWhole>
inline void pack_panel(int lines, std::int64_t depth, const float* from, std::int64_t stride, float* out) {
  constexpr int kWidth = F32::width;
  F32 square[kWidth];
  std::int64_t p = 0;
  for (; p + kWidth <= depth; p += kWidth) {
#pragma GCC unroll 16
    for (int l = 0; l < kWidth; ++l)
      square[l] = kWhole || l < lines ? F32::load(from + l * stride + p) : zero();
    transpose(square);
#pragma GCC unroll 16
    for (int l = 0; l < kWidth; ++l) square[l].store(out + (p + l) * kWidth);
  }
  if (p == depth) return;
  const int filled = static_cast<int>(depth - p);
  for (int l = 0; l < kWidth; ++l) square[l] = l < lines ? F32::load(from + l * stride + p, filled) : zero();
  transpose(square);
  for (int l = 0; l < filled; ++l) square[l].store(out + (p + l) * kWidth);
}

// Packs `count` lines of `depth` numbers, `stride` apart, into panels of F32::width lines, zero-padded:
// out[panel][p][line].
void pack_lines(std::int64_t count, std::int64_t depth, const float* source, std::int64_t stride,
                float* out) {
  constexpr int kWidth = F32::width;
  for (std::int64_t line = 0; line < count;
       line += kWidth, source += kWidth * stride, out += kWidth * depth) {
    const int lines = at_most(count - line, kWidth);
    if (lines == kWidth)
      pack_panel<true>(lines, depth, source, stride, out);
    else
      pack_panel<false>(lines, depth, source, stride, out);
  }
}

// The first n lanes of a, the rest of b; n may be beyond the vector.
inline F32 first(std::int64_t n, F32 a, F32 b) {
  return select_less(U32::lanes(), U32::broadcast(static_cast<std::uint32_t>(at_most(n, F32::width))), a, b);
}

inline float largest(F32 a) {
  float lanes[F32::width];
  a.store(lanes);
  for (int half = F32::width / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) lanes[i] = lanes[i] > lanes[i + half] ? lanes[i] : lanes[i + half];
  return lanes[0];
}

inline float dot(std::int64_t n, const float* a, const float* b) {
  F32 total = zero();
  std::int64_t c = 0;
  for (; c + F32::width <= n; c += F32::width) total = fma(F32::load(a + c), F32::load(b + c), total);
  if (c < n) {
    const int lanes = static_cast<int>(n - c);
    total = fma(F32::load(a + c, lanes), F32::load(b + c, lanes), total);
  }
  return sum(total);
}

// Random bits of rows first..first + kDrawRows - 1: words[vector][4][lanes]. Half r of the block of a key
// belongs to row first + r.
void draw(const AttentionHead& head, std::int64_t first, std::int64_t keys, std::uint32_t* words) {
  const std::uint64_t counter = head.counter + static_cast<std::uint64_t>(first) * head.counter_step;
  for (std::int64_t j = 0; j < keys; j += F32::width) {
    U32 blocks[4];
    philox(head.seed, head.stream, counter + static_cast<std::uint64_t>(j), blocks);
    for (int w = 0; w < 4; ++w, words += F32::width) blocks[w].store(words);
  }
}

// x where the weight of row `row` and the lane's key is kept, else 0; `words` as draw() left them for the
// vector.
inline F32 kept(const AttentionHead& head, const std::uint32_t* words, int row, F32 x) {
  const int half = row % kDrawRows;
  const U32 bits = U32::load(words + half / 2 * F32::width) >> (half % 2 * 16);
  return select_less(bits & U32::broadcast(0xFFFFu), U32::broadcast(head.keep), x, zero());
}

// Asks for the rows of the next sequence that stand where rows i.. of this one do: lines of a head are too
// short for the processor to foresee them.
inline void fetch(const AttentionHead& head, std::int64_t i, const float* rows, std::int64_t stride) {
  constexpr int kLine = 16;  // numbers in a cache line
  const std::int64_t last = i + kProductRows < head.following ? i + kProductRows : head.following;
  for (; i < last; ++i)
    for (std::int64_t c = 0; c < head.width; c += kLine)
      __builtin_prefetch(rows + (head.length + i) * stride + c, 0, 2);
}

// Scaled products of rows i..i + rows - 1 of `left` with the first `seen` lines packed in `right`.
inline void scores(const AttentionHead& head, const float* left, std::int64_t left_row, const float* right,
                   float factor, int rows, std::int64_t seen, float* out, std::int64_t out_row) {
  const float factors[kProductRows] = {factor, factor, factor, factor};
  const std::int64_t all = vectors(seen) * F32::width;
  multiply({head.width, left, left_row, 1, right, head.width * F32::width, F32::width, out, out_row, rows,
            factors, false},
           all);
}

// Replaces the scores of a row, of which `n` count, by e^(score - largest), with zeros up to `seen`, the
// dropped ones among them. Returns the sum before dropout.
template <bool kDropout>
float exponentials(const AttentionHead& head, std::int64_t row, std::int64_t n, std::int64_t seen,
                   float* line, const std::uint32_t* words, float& maximum) {
  F32 top = F32::broadcast(kLowest);
  std::int64_t j = 0;
  for (; j + F32::width <= n; j += F32::width) top = max(F32::load(line + j), top);
  if (j < n) top = max(first(n - j, F32::load(line + j), top), top);
  maximum = largest(top);

  const F32 shift = F32::broadcast(maximum);
  F32 total = zero();
  for (j = 0; j < n; j += F32::width) {
    F32 e = exp(F32::load(line + j) - shift);
    if (n - j < F32::width) e = first(n - j, e, zero());
    total = total + e;
    if constexpr (kDropout) e = kept(head, words + j * 4, static_cast<int>(row % kDrawRows), e);
    e.store(line + j);
  }
  for (; j < seen; j += F32::width) zero().store(line + j);
  return sum(total);
}

// From scores and d loss / d weight of a row to its weights after dropout (in place) and d loss / d score
// (in place of the latter), zeros beyond `n` up to `seen`.
template <bool kDropout>
void slopes(const AttentionHead& head, std::int64_t row, std::int64_t n, std::int64_t seen,
            const float* statistics, float delta, float* weights, float* gradients,
            const std::uint32_t* words) {
  const F32 shift = F32::broadcast(statistics[0]), inverse = F32::broadcast(statistics[1]);
  const F32 mean = F32::broadcast(delta), inverse_keep = F32::broadcast(head.inverse_keep);
  std::int64_t j = 0;
  for (; j < n; j += F32::width) {
    F32 p = exp(F32::load(weights + j) - shift) * inverse;
    if (n - j < F32::width) p = first(n - j, p, zero());
    F32 g = F32::load(gradients + j);
    if constexpr (kDropout) {
      const F32 factor = kept(head, words + j * 4, static_cast<int>(row % kDrawRows), inverse_keep);
      (p * factor).store(weights + j);
      g = g * factor;
    } else {
      p.store(weights + j);
    }
    (p * (g - mean)).store(gradients + j);
  }
  for (; j < seen; j += F32::width) {
    zero().store(weights + j);
    zero().store(gradients + j);
  }
}

template <bool kDropout>
void forward(const AttentionHead& head, const AttentionScratch& scratch, float* out, float* statistics) {
  const std::int64_t length = head.length, line = vectors(length) * F32::width;
  pack_lines(length, head.width, head.keys, head.stride, scratch.keys);
  for (std::int64_t i = 0; i < length; i += kProductRows) {
    const int rows = at_most(length - i, kProductRows);
    const std::int64_t seen = head.causal ? i + rows : length;
    if (kDropout && i % kDrawRows == 0)
      draw(head, i, head.causal ? i + at_most(length - i, kDrawRows) : length, scratch.words);
    scores(head, head.queries + i * head.stride, head.stride, scratch.keys, head.scale, rows, seen,
           scratch.weights, line);
    fetch(head, i, head.queries, head.stride);
    fetch(head, i, head.keys, head.stride);
    fetch(head, i, head.values, head.stride);
    float factors[kProductRows] = {};
    for (int r = 0; r < rows; ++r, statistics += 2) {
      const std::int64_t n = head.causal ? i + r + 1 : length;
      statistics[1] = 1.0f / exponentials<kDropout>(head, i + r, n, seen, scratch.weights + r * line,
                                                    scratch.words, statistics[0]);
      factors[r] = statistics[1] * head.inverse_keep;
    }
    multiply({seen, scratch.weights, line, 1, head.values, F32::width, head.stride, out + i * head.out_stride,
              head.out_stride, rows, factors, false},
             head.width);
  }
}

template <bool kDropout>
void backward(const AttentionHead& head, const AttentionScratch& scratch, const float* out,
              const float* gradient, const float* statistics, const AttentionGradients& to) {
  const std::int64_t length = head.length, line = vectors(length) * F32::width;
  const float scales[kProductRows] = {head.scale, head.scale, head.scale, head.scale};
  pack_lines(length, head.width, head.keys, head.stride, scratch.keys);
  pack_lines(length, head.width, head.values, head.stride, scratch.values);
  for (std::int64_t begin = 0; begin < length; begin += scratch.rows) {
    const std::int64_t end = begin + scratch.rows < length ? begin + scratch.rows : length;
    for (std::int64_t i = begin; i < end; i += kProductRows) {
      const int rows = at_most(end - i, kProductRows);
      const std::int64_t seen = head.causal ? i + rows : length;
      float *weights = scratch.weights + (i - begin) * line, *errors = scratch.slopes + (i - begin) * line;
      if (kDropout && i % kDrawRows == 0)
        draw(head, i, head.causal ? i + at_most(length - i, kDrawRows) : length, scratch.words);
      scores(head, head.queries + i * head.stride, head.stride, scratch.keys, head.scale, rows, seen, weights,
             line);
      scores(head, gradient + i * head.out_stride, head.out_stride, scratch.values, 1.0f, rows, seen, errors,
             line);
      fetch(head, i, head.queries, head.stride);
      fetch(head, i, head.keys, head.stride);
      fetch(head, i, head.values, head.stride);
      fetch(head, i, out, head.out_stride);
      fetch(head, i, gradient, head.out_stride);
      fetch(head, i, to.queries, to.stride);
      fetch(head, i, to.keys, to.stride);
      fetch(head, i, to.values, to.stride);
      for (int r = 0; r < rows; ++r) {
        const std::int64_t at = (i + r) * head.out_stride;
        slopes<kDropout>(head, i + r, head.causal ? i + r + 1 : length, seen, statistics + (i + r) * 2,
                         dot(head.width, out + at, gradient + at), weights + r * line, errors + r * line,
                         scratch.words);
      }
      multiply({seen, errors, line, 1, head.keys, F32::width, head.stride, to.queries + i * to.stride,
                to.stride, rows, scales, to.accumulate},
               head.width);
    }
    // Keys and values gather from all rows that see them: here from those of this block.
    const auto gather = [&](const float* weights, const float* rows_of, std::int64_t stride, float* into,
                            const float* factors) {
      for (std::int64_t j = 0; j < (head.causal ? end : length); j += kProductRows) {
        const std::int64_t from = head.causal && j > begin ? j : begin;
        const bool add = to.accumulate || (head.causal ? j < begin : begin > 0);
        multiply(
            {end - from, weights + (from - begin) * line + j, 1, line, rows_of + from * stride, F32::width,
             stride, into + j * to.stride, to.stride, at_most(length - j, kProductRows), factors, add},
            head.width);
      }
    };
    gather(scratch.slopes, head.queries, head.stride, to.keys, scales);
    gather(scratch.weights, gradient, head.out_stride, to.values, kOnes);
  }
}

}  // namespace

void attention_forward(const AttentionHead& head, const AttentionScratch& scratch, float* out,
                       float* statistics) {
  if (head.keep < kKeepAll)
    forward<true>(head, scratch, out, statistics);
  else
    forward<false>(head, scratch, out, statistics);
}

void attention_backward(const AttentionHead& head, const AttentionScratch& scratch, const float* out,
                        const float* gradient, const float* statistics, const AttentionGradients& to) {
  if (head.keep < kKeepAll)
    backward<true>(head, scratch, out, gradient, statistics, to);
  else
    backward<false>(head, scratch, out, gradient, statistics, to);
}

}  // namespace l4r::L4R_LEVEL
