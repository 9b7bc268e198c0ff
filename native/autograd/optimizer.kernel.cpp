#include "base/simd.h"
#include "ops/kernels.h"

namespace l4r::L4R_LEVEL {

SumSegments sum_segments;
UpdateAdamRows update_adam_rows;

namespace {

constexpr int kVectors = 4;         // vectors of a row in registers while its contributions go by
constexpr std::int64_t kAhead = 4;  // rows
constexpr std::int64_t kContributionsAhead = 12;
constexpr std::int64_t kLine = 16;  // floats in a cache line
constexpr float kLargest = 3.402823466e38f;
constexpr std::int32_t kLastStep = 2147483647;

inline void prefetch_row(const float* row, std::int64_t cols) {
  for (std::int64_t c = 0; c < cols; c += kLine) __builtin_prefetch(row + c, 1);
}

struct Block {
  F32 part[kVectors];
};

// What one segment sums: contributions [begin, end) and own times `row`. Contributions up to `last` follow.
struct Segment {
  const Contribution *begin, *end, *last;
  float own;
  const float* row;
};

// Its sum in columns c..c + kVectors * width - 1.
inline Block gradient_block(const Segment& segment, std::int64_t c) {
  Block sums = {{zero(), zero(), zero(), zero()}};
  for (const Contribution* part = segment.begin; part < segment.end; ++part) {
    if (part + kContributionsAhead < segment.last) {
      const float* next = part[kContributionsAhead].gradient + c;
      for (std::int64_t i = 0; i < kVectors * F32::width; i += kLine) __builtin_prefetch(next + i);
    }
    for (int v = 0; v < kVectors; ++v)
      sums.part[v] =
          fma(F32::broadcast(part->scale), F32::load(part->gradient + c + v * F32::width), sums.part[v]);
  }
  if (segment.own != 0)
    for (int v = 0; v < kVectors; ++v)
      sums.part[v] =
          fma(F32::broadcast(segment.own), F32::load(segment.row + c + v * F32::width), sums.part[v]);
  return sums;
}

// The same for `lanes` columns.
inline F32 gradient_lanes(const Segment& segment, std::int64_t c, int lanes) {
  F32 total = zero();
  for (const Contribution* part = segment.begin; part < segment.end; ++part)
    total = fma(F32::broadcast(part->scale), F32::load(part->gradient + c, lanes), total);
  if (segment.own != 0) total = fma(F32::broadcast(segment.own), F32::load(segment.row + c, lanes), total);
  return total;
}

inline int lanes_left(std::int64_t cols, std::int64_t c) {
  return static_cast<int>(cols - c < F32::width ? cols - c : F32::width);
}

// Squares above 1.8e19 overflow float32 but not float64.
double exact_squares(const float* gradient, std::int64_t cols) {
  double total = 0;
  for (std::int64_t c = 0; c < cols; ++c) total += static_cast<double>(gradient[c]) * gradient[c];
  return total;
}

// The gradient of a segment whose sum stands.
inline const float* gradient_of(const RowSegments& segments, std::int64_t s) {
  return segments.sums[s] != nullptr ? segments.sums[s]
                                     : segments.contributions[segments.offsets[s]].gradient;
}

// Constants of a step, and of the row at hand: the learning rate over 1 - beta1^t and 1 / sqrt(1 - beta2^t).
struct AdamVectors {
  F32 beta1, one_minus_beta1, beta2, one_minus_beta2, epsilon, coupled, keep, scale;
  F32 rate, inverse_root;
};

inline void update(const AdamVectors& k, F32 gradient, F32& w, F32& first, F32& second) {
  const F32 g = fma(k.coupled, w, k.scale * gradient);
  first = fma(k.beta1, first, k.one_minus_beta1 * g);
  second = fma(k.beta2, second, k.one_minus_beta2 * (g * g));
  w = k.keep * w - k.rate * first / fma(sqrt(second), k.inverse_root, k.epsilon);
}

inline BiasCorrection correction_at(const AdamRows& target, const AdamConstants& constants,
                                    std::int32_t step) {
  if (step < target.correction_count) return target.corrections[step];
  if (target.later_correction == nullptr) return target.corrections[target.correction_count - 1];
  return target.later_correction(constants.beta1, constants.beta2, step);
}

}  // namespace

double sum_segments(const RowSegments& segments, std::int64_t begin, std::int64_t end, std::int64_t cols,
                    const float* values) {
  double squares = 0;
  for (std::int64_t s = begin; s < end; ++s) {
    Segment segment{segments.contributions + segments.offsets[s],
                    segments.contributions + segments.offsets[s + 1],
                    segments.contributions + segments.offsets[end], 0, values + segments.rows[s] * cols};
    for (const Contribution* part = segment.begin; part < segment.end; ++part) segment.own += part->own;
    if (s + kAhead < end && segment.own != 0) prefetch_row(values + segments.rows[s + kAhead] * cols, cols);
    float* to = segments.sums[s];
    F32 total = zero();
    std::int64_t c = 0;
    for (; c + kVectors * F32::width <= cols; c += kVectors * F32::width) {
      const Block g = gradient_block(segment, c);
      if (to != nullptr)
        for (int v = 0; v < kVectors; ++v) g.part[v].store(to + c + v * F32::width);
      F32 sums[2] = {fma(g.part[1], g.part[1], g.part[0] * g.part[0]),
                     fma(g.part[3], g.part[3], g.part[2] * g.part[2])};
      total = total + (sums[0] + sums[1]);
    }
    for (; c < cols; c += F32::width) {
      const int lanes = lanes_left(cols, c);
      const F32 g = gradient_lanes(segment, c, lanes);
      if (to != nullptr) g.store(to + c, lanes);
      total = fma(g, g, total);
    }
    const float row = sum(total);
    squares += row <= kLargest ? static_cast<double>(row) : exact_squares(gradient_of(segments, s), cols);
  }
  return squares;
}

void update_adam_rows(const RowSegments& segments, std::int64_t begin, std::int64_t end, std::int64_t cols,
                      const AdamRows& target, const AdamConstants& constants) {
  AdamVectors k = {F32::broadcast(constants.beta1),
                   F32::broadcast(1.0f - constants.beta1),
                   F32::broadcast(constants.beta2),
                   F32::broadcast(1.0f - constants.beta2),
                   F32::broadcast(constants.epsilon),
                   F32::broadcast(constants.coupled_decay),
                   F32::broadcast(1.0f - constants.decoupled_decay),
                   F32::broadcast(constants.gradient_scale),
                   zero(),
                   zero()};
  for (std::int64_t s = begin; s < end; ++s) {
    if (s + kAhead < end) {
      const std::int64_t next = segments.rows[s + kAhead] * cols;
      prefetch_row(target.value + next, cols);
      prefetch_row(target.first + next, cols);
      prefetch_row(target.second + next, cols);
    }
    const float* gradient = gradient_of(segments, s);
    const std::int64_t row = segments.rows[s];
    std::int32_t& step = target.steps[row];
    if (step < kLastStep) ++step;  // never beyond, whatever another thread wrote
    const BiasCorrection correction = correction_at(target, constants, step);
    k.rate = F32::broadcast(constants.learning_rate * correction.inverse_first);
    k.inverse_root = F32::broadcast(correction.inverse_root_second);
    float* value = target.value + row * cols;
    float* first = target.first + row * cols;
    float* second = target.second + row * cols;
    std::int64_t c = 0;
    for (; c + kVectors * F32::width <= cols; c += kVectors * F32::width) {
      for (int v = 0; v < kVectors; ++v) {
        const std::int64_t at = c + v * F32::width;
        F32 w = F32::load(value + at), m = F32::load(first + at), u = F32::load(second + at);
        update(k, F32::load(gradient + at), w, m, u);
        w.store(value + at);
        m.store(first + at);
        u.store(second + at);
      }
    }
    for (; c < cols; c += F32::width) {
      const int lanes = lanes_left(cols, c);
      F32 w = F32::load(value + c, lanes), m = F32::load(first + c, lanes), u = F32::load(second + c, lanes);
      update(k, F32::load(gradient + c, lanes), w, m, u);
      w.store(value + c, lanes);
      m.store(first + c, lanes);
      u.store(second + c, lanes);
    }
  }
}

}  // namespace l4r::L4R_LEVEL
