#include "base/simd_loop.h"
#include "base/simd_random.h"
#include "ops/kernels.h"
#include "ops/matmul/tile.h"

namespace l4r::L4R_LEVEL {

PackRight pack_right;
GemmBlock gemm_block;
KeepBits keep_bits;
SegmentAttentionForward segment_attention_forward;
SegmentAttentionBackward segment_attention_backward;

namespace {

constexpr float kLowest = -3.4028235e38f;

// Tokens begin..end - 1 of the sequence, all of the prefix or all of tails.
struct Block {
  std::int64_t begin, end;
  std::int64_t shared;   // keys of the prefix that all of them see: none where they are the prefix
  std::int64_t segment;  // of the first token
};

// The part of a block that is in one segment.
struct Piece {
  std::int64_t row, rows;  // in the block
  std::int64_t token;      // of the first row
  std::int64_t key;        // the first of its segment
  std::int64_t seen;       // keys of its segment that its last token sees
  std::int64_t column;     // of its segment's keys, as scratch has them
};

// The work of one group and its memory.
struct Work {
  const SegmentGroup& group;
  const SegmentScratch& scratch;

  std::int64_t begin(std::int64_t segment) const { return group.bounds[segment] - group.bounds[0]; }
  std::int64_t keys() const { return begin(group.segments); }
  // At least as far from that of the next segment as its keys, rounded up to panels: one panel more for every
  // segment before it, or for every key where there are fewer, as with many empty segments.
  std::int64_t column(std::int64_t segment) const {
    const std::int64_t from = begin(segment), more = segment < from ? segment : from;
    return ((from + kTileCols - 1) / kTileCols + more) * kTileCols;
  }
};

template <typename Body>
inline void for_blocks(const Work& work, const Body& body) {
  const std::int64_t prefix = work.begin(1), step = work.scratch.tokens;
  const auto end = [&](std::int64_t i, std::int64_t limit) { return i + step < limit ? i + step : limit; };
  for (std::int64_t i = 0; i < prefix; i += step) body(Block{i, end(i, prefix), 0, 0});
  for (std::int64_t i = prefix, segment = 1; i < work.keys(); i += step) {
    while (work.begin(segment + 1) <= i) ++segment;
    body(Block{i, end(i, work.keys()), prefix, segment});
  }
}

template <typename Body>
inline void for_pieces(const Work& work, const Block& block, const Body& body) {
  const std::int64_t heads = work.group.heads;
  for (std::int64_t s = block.segment; s < work.group.segments && work.begin(s) < block.end; ++s) {
    const std::int64_t key = work.begin(s), next = work.begin(s + 1);
    const std::int64_t from = key > block.begin ? key : block.begin, to = next < block.end ? next : block.end;
    if (from < to)
      body(Piece{(from - block.begin) * heads, (to - from) * heads, from, key, to - key, work.column(s)});
  }
}

// body(row, token, head, n, line) for every row of a piece: it sees n of the `line` numbers that are there.
template <typename Body>
inline void for_each_row(const Work& work, const Block& block, const Piece& piece, const Body& body) {
  const std::int64_t heads = work.group.heads, line = block.shared + piece.seen;
  for (std::int64_t r = 0; r < piece.rows; ++r) {
    const std::int64_t token = piece.token + r / heads;
    body(piece.row + r, token, r % heads, block.shared + token - piece.key + 1, line);
  }
}

// ---- products: `line` numbers from row to row of what belongs to keys, first those of the prefix ----

// out [rows x line] = left [rows x w] * columns, the keys or values of all that the rows see.
inline void scores(const Work& work, const Block& block, const float* left, const float* columns,
                   float* out) {
  const std::int64_t w = work.group.width, line = work.scratch.line;
  const std::int64_t rows = (block.end - block.begin) * work.group.heads;
  gemm_block(rows, block.shared, w, {left, kTileRows * w, w, 1}, {columns, w * kTileCols, kTileCols}, out,
             line, false);
  for_pieces(work, block, [&](const Piece& piece) {
    gemm_block(piece.rows, piece.seen, w, {left + piece.row * w, kTileRows * w, w, 1},
               {columns + piece.column * w, w * kTileCols, kTileCols}, out + piece.row * line + block.shared,
               line, false);
  });
}

// out [rows x w] = weights [rows x line] * panels, rows of keys or values.
inline void mix(const Work& work, const Block& block, const float* weights, const float* panels, float* out) {
  const std::int64_t w = work.group.width, line = work.scratch.line;
  const std::int64_t rows = (block.end - block.begin) * work.group.heads, step = work.keys() * kTileCols;
  gemm_block(rows, w, block.shared, {weights, kTileRows * line, line, 1}, {panels, step, kTileCols}, out, w,
             false);
  for_pieces(work, block, [&](const Piece& piece) {
    gemm_block(piece.rows, w, piece.seen,
               {weights + piece.row * line + block.shared, kTileRows * line, line, 1},
               {panels + piece.key * kTileCols, step, kTileCols}, out + piece.row * w, w, true);
  });
}

// sums [keys x w] += weights^T [line x rows] * panels, those of the block's rows.
inline void collect(const Work& work, const Block& block, const float* weights, const float* panels,
                    float* sums) {
  const std::int64_t w = work.group.width, line = work.scratch.line;
  const std::int64_t rows = (block.end - block.begin) * work.group.heads, step = rows * kTileCols;
  gemm_block(block.shared, w, rows, {weights, kTileRows, 1, line}, {panels, step, kTileCols}, sums, w, true);
  for_pieces(work, block, [&](const Piece& piece) {
    gemm_block(piece.seen, w, piece.rows, {weights + piece.row * line + block.shared, kTileRows, 1, line},
               {panels + piece.row * kTileCols, step, kTileCols}, sums + piece.key * w, w, true);
  });
}

// ---- rows in and out ----

// to [rows x cols] = factor * from, whose rows lie `stride` apart.
inline void gather(std::int64_t rows, std::int64_t cols, const float* from, std::int64_t stride, float factor,
                   float* to) {
  const F32 scale = F32::broadcast(factor);
  for (std::int64_t i = 0; i < rows; ++i, from += stride, to += cols)
    for_vectors(cols,
                [&](std::int64_t c, auto lanes) { store(scale * load(from + c, lanes), to + c, lanes); });
}

// to, whose rows lie `stride` apart, = (or +=) factor * from [rows x cols].
inline void scatter(std::int64_t rows, std::int64_t cols, const float* from, float factor, float* to,
                    std::int64_t stride, bool accumulate) {
  const F32 scale = F32::broadcast(factor);
  for (std::int64_t i = 0; i < rows; ++i, from += cols, to += stride)
    for_vectors(cols, [&](std::int64_t c, auto lanes) {
      const F32 x = scale * load(from + c, lanes);
      store(accumulate ? x + load(to + c, lanes) : x, to + c, lanes);
    });
}

inline void clear(std::int64_t n, float* out) {
  for_vectors(n, [&](std::int64_t i, auto lanes) { store(zero(), out + i, lanes); });
}

inline float dot(std::int64_t n, const float* a, const float* b) {
  F32 total = zero();
  for_vectors(
      n, [&](std::int64_t c, auto lanes) { total = fma(load(a + c, lanes), load(b + c, lanes), total); });
  return sum(total);
}

// Each segment's keys or values in column panels.
inline void pack_columns(const Work& work, const float* source, float* out) {
  const std::int64_t w = work.group.width;
  for (std::int64_t s = 0; s < work.group.segments; ++s)
    pack_right(work.begin(s + 1) - work.begin(s), w, source + work.begin(s) * work.group.stride,
               work.group.stride, true, out + work.column(s) * w);
}

// ---- weights ----

// Which of the n weights of a row stay.
inline void draw(const SegmentGroup& group, std::int64_t token, std::int64_t head, std::int64_t n,
                 std::uint8_t* bits) {
  keep_bits((n + 7) / 8, group.seed, group.stream,
            group.counter + static_cast<std::uint64_t>(token) * group.token_step +
                static_cast<std::uint64_t>(head) * group.head_step,
            group.keep - 1, bits);
}

inline F32 unless_beyond(F32 x, Whole) { return x; }
inline F32 unless_beyond(F32 x, int lanes) {
  return x + keep(~((1u << lanes) - 1u), F32::broadcast(kLowest));
}

inline float largest(std::int64_t n, const float* x) {
  F32 top = F32::broadcast(kLowest);
  for_vectors(n,
              [&](std::int64_t i, auto lanes) { top = max(unless_beyond(load(x + i, lanes), lanes), top); });
  float all[F32::width];
  top.store(all);
  for (int half = F32::width / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) all[i] = all[i] > all[i + half] ? all[i] : all[i + half];
  return all[0];
}

// Replaces n scores by e^(score - largest), 0 where dropped. Returns the sum before dropout.
template <bool kDropout>
inline float exponentials(std::int64_t n, float top, const std::uint8_t* bits, float* scores) {
  const F32 shift = F32::broadcast(top);
  F32 total = zero();
  for_vectors(n, [&](std::int64_t j, auto lanes) {
    F32 e = inside(exp(load(scores + j, lanes) - shift), lanes);
    total = total + e;
    if constexpr (kDropout) e = keep(bits_at(bits, j), e);
    store(e, scores + j, lanes);
  });
  return sum(total);
}

// From n scores and d loss / d weight to weights after dropout (in place) and d loss / d score (in place of
// the latter).
template <bool kDropout>
inline void slopes(std::int64_t n, const float* statistics, float delta, float inverse_keep,
                   const std::uint8_t* bits, float* weights, float* gradients) {
  const F32 shift = F32::broadcast(statistics[0]), inverse = F32::broadcast(statistics[1]);
  const F32 mean = F32::broadcast(delta), factor = F32::broadcast(inverse_keep);
  for_vectors(n, [&](std::int64_t j, auto lanes) {
    const F32 p = exp(load(weights + j, lanes) - shift) * inverse;
    F32 g = load(gradients + j, lanes);
    if constexpr (kDropout) {
      const F32 kept = keep(bits_at(bits, j), factor);
      store(p * kept, weights + j, lanes);
      g = g * kept;
    } else {
      store(p, weights + j, lanes);
    }
    store(p * (g - mean), gradients + j, lanes);
  });
}

template <bool kDropout>
void forward(const Work& work, float* out, float* statistics) {
  const auto& [group, scratch] = work;
  const std::int64_t heads = group.heads, w = group.width;
  pack_columns(work, group.keys, scratch.key_columns);
  pack_right(w, work.keys(), group.values, group.stride, false, scratch.value_rows);
  for_blocks(work, [&](const Block& block) {
    const std::int64_t tokens = block.end - block.begin;
    gather(tokens, heads * w, group.queries + block.begin * group.stride, group.stride, group.scale,
           scratch.queries);
    scores(work, block, scratch.queries, scratch.key_columns, scratch.weights);
    for_pieces(work, block, [&](const Piece& piece) {
      for_each_row(
          work, block, piece,
          [&](std::int64_t row, std::int64_t token, std::int64_t head, std::int64_t n, std::int64_t all) {
            float *weights = scratch.weights + row * scratch.line,
                  *kept = statistics + (token * heads + head) * 2;
            if (kDropout) draw(group, token, head, n, scratch.bits);
            kept[0] = largest(n, weights);
            kept[1] = 1.0f / exponentials<kDropout>(n, kept[0], scratch.bits, weights);
            clear(all - n, weights + n);
          });
    });
    mix(work, block, scratch.weights, scratch.value_rows, scratch.results);
    for (std::int64_t row = 0; row < tokens * heads; ++row) {
      const std::int64_t token = block.begin + row / heads, head = row % heads;
      scatter(1, w, scratch.results + row * w,
              statistics[(token * heads + head) * 2 + 1] * group.inverse_keep,
              out + token * group.out_stride + head * w, w, false);
    }
  });
}

template <bool kDropout>
void backward(const Work& work, const float* out, const float* gradient, const float* statistics,
              const AttentionGradients& to) {
  const auto& [group, scratch] = work;
  const std::int64_t heads = group.heads, w = group.width, keys = work.keys();
  pack_columns(work, group.keys, scratch.key_columns);
  pack_columns(work, group.values, scratch.value_columns);
  pack_right(w, keys, group.keys, group.stride, false, scratch.key_rows);
  clear(keys * w, scratch.key_sums);
  clear(keys * w, scratch.value_sums);
  for_blocks(work, [&](const Block& block) {
    const std::int64_t tokens = block.end - block.begin, rows = tokens * heads;
    gather(tokens, heads * w, group.queries + block.begin * group.stride, group.stride, group.scale,
           scratch.queries);
    gather(tokens, heads * w, gradient + block.begin * group.out_stride, group.out_stride, 1.0f,
           scratch.results);
    pack_right(w, rows, scratch.queries, w, false, scratch.query_panels);
    pack_right(w, rows, scratch.results, w, false, scratch.result_panels);
    scores(work, block, scratch.queries, scratch.key_columns, scratch.weights);
    scores(work, block, scratch.results, scratch.value_columns, scratch.slopes);
    for_pieces(work, block, [&](const Piece& piece) {
      for_each_row(
          work, block, piece,
          [&](std::int64_t row, std::int64_t token, std::int64_t head, std::int64_t n, std::int64_t all) {
            float *weights = scratch.weights + row * scratch.line,
                  *errors = scratch.slopes + row * scratch.line;
            if (kDropout) draw(group, token, head, n, scratch.bits);
            const float delta = dot(w, out + token * group.out_stride + head * w, scratch.results + row * w);
            slopes<kDropout>(n, statistics + (token * heads + head) * 2, delta, group.inverse_keep,
                             scratch.bits, weights, errors);
            clear(all - n, weights + n);
            clear(all - n, errors + n);
          });
    });
    collect(work, block, scratch.weights, scratch.result_panels, scratch.value_sums);
    collect(work, block, scratch.slopes, scratch.query_panels, scratch.key_sums);
    mix(work, block, scratch.slopes, scratch.key_rows, scratch.queries);
    scatter(tokens, heads * w, scratch.queries, group.scale, to.queries + block.begin * to.stride, to.stride,
            to.accumulate);
  });
  scatter(keys, w, scratch.key_sums, 1.0f, to.keys, to.stride, to.accumulate);
  scatter(keys, w, scratch.value_sums, 1.0f, to.values, to.stride, to.accumulate);
}

}  // namespace

void segment_attention_forward(const SegmentGroup& group, const SegmentScratch& scratch, float* out,
                               float* statistics) {
  if (group.keep < kKeepAll)
    forward<true>({group, scratch}, out, statistics);
  else
    forward<false>({group, scratch}, out, statistics);
}

void segment_attention_backward(const SegmentGroup& group, const SegmentScratch& scratch, const float* out,
                                const float* gradient, const float* statistics,
                                const AttentionGradients& to) {
  if (group.keep < kKeepAll)
    backward<true>({group, scratch}, out, gradient, statistics, to);
  else
    backward<false>({group, scratch}, out, gradient, statistics, to);
}

}  // namespace l4r::L4R_LEVEL
