#include "base/simd.h"
#include "serving/encoder_kernels.h"

namespace l4r::L4R_LEVEL {

namespace {

// A register tile is kRows x kVectors sums: 6 x 2 fill the 16 registers of AVX2, AVX-512 and NEON have 32.
constexpr int kRows = F32::width == 16 || F32::width == 4 ? 12 : F32::width == 8 ? 6 : 4;
constexpr int kVectors = 2;
constexpr int kLanes = kVectors * F32::width;
// Up to so many queries take a dot product with each key: bringing the keys into panels costs more.
constexpr int kFewQueries = 4;

std::int64_t whole_panels(std::int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

int at_most(std::int64_t left, int limit) { return left < limit ? static_cast<int>(left) : limit; }

// ---- products ----

// R rows by P panels. Every number is one chain of multiply-adds in ascending depth, so its bits do not
// depend on the tile it is in.
template <int R, int P>
inline void tile(const Product& t, std::int64_t row, std::int64_t column) {
  const float* a = t.a + row * t.a_row;
  const float* b = t.b + column / kLanes * t.b_panel;
  F32 sums[R][P * kVectors];
#pragma GCC unroll 16
  for (int v = 0; v < P * kVectors; ++v) {
    const F32 start = t.bias == nullptr ? zero() : F32::load(t.bias + column + v * F32::width);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) sums[r][v] = start;
  }
  const std::int64_t depth = t.depth, a_row = t.a_row, b_row = t.b_row, b_panel = t.b_panel;
  for (std::int64_t p = 0; p < depth; ++p) {
    F32 right[P * kVectors];
#pragma GCC unroll 16
    for (int v = 0; v < P * kVectors; ++v)
      right[v] = F32::load(b + v / kVectors * b_panel + v % kVectors * F32::width);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const F32 left = F32::broadcast(a[r * a_row + p]);
#pragma GCC unroll 16
      for (int v = 0; v < P * kVectors; ++v) sums[r][v] = fma(left, right[v], sums[r][v]);
    }
    b += b_row;
  }
  float* c = t.c + row * t.c_row + column;
  if (column + P * kLanes <= t.n) {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
      for (int v = 0; v < P * kVectors; ++v) {
        float* to = c + r * t.c_row + v * F32::width;
        (t.accumulate ? F32::load(to) + sums[r][v] : sums[r][v]).store(to);
      }
    return;
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
    for (int v = 0; v < P * kVectors; ++v) {
      const std::int64_t left = t.n - column - v * F32::width;
      if (left <= 0) break;
      float* to = c + r * t.c_row + v * F32::width;
      const int count = at_most(left, F32::width);
      (t.accumulate ? F32::load(to, count) + sums[r][v] : sums[r][v]).store(to, count);
    }
}

// `strips` strips of R rows. One or two rows alone take several panels at once, which keeps the pipes full.
template <int R>
void run_strips(const Product& t, std::int64_t row, std::int64_t strips) {
  constexpr int kPanels = R == 1 ? 4 : R == 2 ? 2 : 1;
  std::int64_t column = 0;
  for (; column + kPanels * kLanes <= t.n; column += kPanels * kLanes)
    for (std::int64_t s = 0; s < strips; ++s) tile<R, kPanels>(t, row + s * R, column);
  for (; column < t.n; column += kLanes)
    for (std::int64_t s = 0; s < strips; ++s) tile<R, 1>(t, row + s * R, column);
}

template <int R>
void run_strips_of(std::int64_t rows, const Product& t, std::int64_t row, std::int64_t strips) {
  if (rows == R) return run_strips<R>(t, row, strips);
  if constexpr (R > 1) run_strips_of<R - 1>(rows, t, row, strips);
}

// Rows are spread evenly: 7 of them are 4 + 3, since a strip of 1 would take as long as one of 4.
void product(const Product& t) {
  if (t.m == 0) return;
  const std::int64_t strips = (t.m + kRows - 1) / kRows, rows = t.m / strips, taller = t.m % strips;
  if (taller != 0) run_strips_of<kRows>(rows + 1, t, 0, taller);
  run_strips_of<kRows>(rows, t, taller * (rows + 1), strips - taller);
}

// ---- attention ----

float largest(F32 a) {
  float lanes[F32::width];
  a.store(lanes);
  for (int half = F32::width / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) lanes[i] = lanes[i] < lanes[i + half] ? lanes[i + half] : lanes[i];
  return lanes[0];
}

// Scores [count] become probabilities, and zeros follow up to `end`. The row has room for one vector more
// than `end`.
void softmax(float* row, std::int64_t count, std::int64_t end, float scale) {
  F32::broadcast(row[0]).store(row + count);  // whole vectors from here on
  F32 top = F32::load(row);
  for (std::int64_t j = F32::width; j < count; j += F32::width) top = max(top, F32::load(row + j));
  const F32 highest = F32::broadcast(largest(top)), factor = F32::broadcast(scale);
  F32 total = zero();
  for (std::int64_t j = 0; j < count; j += F32::width) {
    F32 power = exp((F32::load(row + j) - highest) * factor);
    power.store(row + j);
    if (count - j < F32::width) power = F32::load(row + j, static_cast<int>(count - j));
    total = total + power;
  }
  const F32 inverse = F32::broadcast(1.0f / sum(total));
  for (std::int64_t j = 0; j < count; j += F32::width) (F32::load(row + j) * inverse).store(row + j);
  for (std::int64_t j = count; j < end; j += F32::width) zero().store(row + j);
}

// Rows of k as panels: out[panel][c][lane]. Lanes after the last row are left as they are: their scores are
// not looked at.
void transpose(const Attention& t, float* out) {
  for (std::int64_t first = 0; first < t.keys; first += kLanes, out += t.width * kLanes) {
    const int lanes = at_most(t.keys - first, kLanes);
    for (int lane = 0; lane < lanes; ++lane) {
      const float* from = t.k + (first + lane) * t.k_row;
      for (std::int64_t c = 0; c < t.width; ++c) out[c * kLanes + lane] = from[c];
    }
  }
}

float dot(std::int64_t n, const float* a, const float* b) {
  F32 even = zero(), odd = zero();
  std::int64_t i = 0;
  for (; i + 2 * F32::width <= n; i += 2 * F32::width) {
    even = fma(F32::load(a + i), F32::load(b + i), even);
    odd = fma(F32::load(a + i + F32::width), F32::load(b + i + F32::width), odd);
  }
  for (; i < n; i += F32::width) {
    const int count = at_most(n - i, F32::width);
    even = fma(F32::load(a + i, count), F32::load(b + i, count), even);
  }
  return sum(even + odd);
}

std::int64_t scores_row(std::int64_t keys) { return whole_panels(keys) + kLanes; }

std::int64_t attention_scratch(std::int64_t keys, std::int64_t width) {
  return whole_panels(keys) * width + kRows * scores_row(keys);
}

void attention(const Attention& t) {
  const bool few = t.queries <= kFewQueries;
  float* const scores = t.scratch + whole_panels(t.keys) * t.width;
  const std::int64_t stride = scores_row(t.keys);
  if (!few) transpose(t, t.scratch);

  // Strips as in product(): a strip of queries goes through scores, softmax and values at once.
  const std::int64_t strips = (t.queries + kRows - 1) / kRows;
  for (std::int64_t strip = strips, i = 0; strip > 0; --strip) {
    const std::int64_t rows = (t.queries - i + strip - 1) / strip;
    const std::int64_t seen = t.causal ? i + rows : t.keys;
    if (few)
      for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t j = 0; j < seen; ++j)
          scores[r * stride + j] = dot(t.width, t.q + (i + r) * t.q_row, t.k + j * t.k_row);
    else
      product({.m = rows,
               .n = whole_panels(seen),
               .depth = t.width,
               .a = t.q + i * t.q_row,
               .a_row = t.q_row,
               .b = t.scratch,
               .b_row = kLanes,
               .b_panel = t.width * kLanes,
               .bias = nullptr,
               .c = scores,
               .c_row = stride,
               .accumulate = false});
    for (std::int64_t r = 0; r < rows; ++r)
      softmax(scores + r * stride, t.causal ? i + r + 1 : t.keys, seen, t.scale);
    product({.m = rows,
             .n = t.width,
             .depth = seen,
             .a = scores,
             .a_row = stride,
             .b = t.v,
             .b_row = t.v_row,
             .b_panel = kLanes,
             .bias = nullptr,
             .c = t.out + i * t.out_row,
             .c_row = t.out_row,
             .accumulate = false});
    i += rows;
  }
}

// ---- rows and elements ----

constexpr int kCacheLine = 16;  // floats
constexpr int kAhead = 6;       // rows of a table are anywhere in memory: asked for so many rows early

void embed(std::int64_t n, std::int64_t d, const float* table, const std::int32_t* ids, float scale,
           const float* positions, float* out) {
  const F32 factor = F32::broadcast(scale);
  for (std::int64_t i = 0; i < n; ++i, positions += d, out += d) {
    const float* row = table + ids[i] * d;
    if (i + kAhead < n)
      for (std::int64_t j = 0; j < d; j += kCacheLine) __builtin_prefetch(table + ids[i + kAhead] * d + j);
    std::int64_t j = 0;
    for (; j + F32::width <= d; j += F32::width)
      fma(factor, F32::load(row + j), F32::load(positions + j)).store(out + j);
    const int rest = static_cast<int>(d - j);
    if (rest > 0) fma(factor, F32::load(row + j, rest), F32::load(positions + j, rest)).store(out + j, rest);
  }
}

// R rows side by side: each is a chain of dependent steps.
template <int R>
void norm_rows(std::int64_t d, const float* x, const float* gain, const float* bias, float epsilon,
               float* out) {
  const F32 share = F32::broadcast(1.0f / static_cast<float>(d));
  const std::int64_t whole = d - d % F32::width;
  const int rest = static_cast<int>(d - whole);
  F32 mean[R], scale[R];
  for (int r = 0; r < R; ++r) mean[r] = rest > 0 ? F32::load(x + r * d + whole, rest) : zero();
  for (std::int64_t j = 0; j < whole; j += F32::width)
    for (int r = 0; r < R; ++r) mean[r] = mean[r] + F32::load(x + r * d + j);
  for (int r = 0; r < R; ++r) mean[r] = F32::broadcast(sum(mean[r])) * share;

  for (int r = 0; r < R; ++r) {
    scale[r] = zero();
    if (rest > 0) {
      (F32::load(x + r * d + whole, rest) - mean[r]).store(out + r * d + whole, rest);
      const F32 centred = F32::load(out + r * d + whole, rest);
      scale[r] = centred * centred;
    }
  }
  for (std::int64_t j = 0; j < whole; j += F32::width)
    for (int r = 0; r < R; ++r) {
      const F32 centred = F32::load(x + r * d + j) - mean[r];
      scale[r] = fma(centred, centred, scale[r]);
    }
  for (int r = 0; r < R; ++r) {
    const F32 variance = F32::broadcast(sum(scale[r])) * share;
    scale[r] = F32::broadcast(1.0f) / sqrt(variance + F32::broadcast(epsilon));
  }

  for (std::int64_t j = 0; j < whole; j += F32::width) {
    const F32 g = F32::load(gain + j), b = F32::load(bias + j);
    for (int r = 0; r < R; ++r)
      fma((F32::load(x + r * d + j) - mean[r]) * scale[r], g, b).store(out + r * d + j);
  }
  if (rest > 0)
    for (int r = 0; r < R; ++r)
      fma((F32::load(x + r * d + whole, rest) - mean[r]) * scale[r], F32::load(gain + whole, rest),
          F32::load(bias + whole, rest))
          .store(out + r * d + whole, rest);
}

void layer_norm(std::int64_t n, std::int64_t d, const float* x, const float* gain, const float* bias,
                float epsilon, float* out) {
  constexpr int kSide = 4;
  std::int64_t i = 0;
  for (; i + kSide <= n; i += kSide) norm_rows<kSide>(d, x + i * d, gain, bias, epsilon, out + i * d);
  for (; i < n; ++i) norm_rows<1>(d, x + i * d, gain, bias, epsilon, out + i * d);
}

F32 relu_of(F32 x) { return max(zero(), x); }

// 0.5 x (1 + tanh(u)) = x / (1 + e^(-2u)).
F32 gelu_of(F32 x) {
  const F32 twice = F32::broadcast(2 * 0.797884561f);  // 2 sqrt(2 / pi)
  const F32 u2 = twice * fma(F32::broadcast(0.044715f) * x * x, x, x);
  return x / (F32::broadcast(1.0f) + exp(zero() - u2));
}

template <F32 (*Of)(F32)>
void map(std::int64_t n, float* x) {
  std::int64_t i = 0;
  for (; i + F32::width <= n; i += F32::width) Of(F32::load(x + i)).store(x + i);
  if (i < n) Of(F32::load(x + i, static_cast<int>(n - i))).store(x + i, static_cast<int>(n - i));
}

}  // namespace

extern const EncoderKernels kEncoderKernels;
constinit const EncoderKernels kEncoderKernels{kLanes, product,    attention,    attention_scratch,
                                               embed,  layer_norm, map<relu_of>, map<gelu_of>};

}  // namespace l4r::L4R_LEVEL
