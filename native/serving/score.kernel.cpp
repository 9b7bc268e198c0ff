#include "base/simd64.h"
#include "base/simd_transpose.h"
#include "serving/score_kernels.h"

namespace l4r::L4R_LEVEL {

namespace {

constexpr int kWidth = F32::width;
constexpr int kHalves = F32::width / F64::width;
constexpr std::int64_t kLine = 16, kFetched = 8 * kLine;  // floats of a row that are asked for early

// Rows side by side, a lane each, since each is one chain of dependent sums; and kChains such blocks at once,
// for the same reason.
constexpr int kChains = 2;

template <int C>
void score_rows(const float* query, std::int64_t d, const float* const (&rows)[C * kWidth], double* scores) {
  F64 sums[C][kHalves];
  for (int chain = 0; chain < C; ++chain)
    for (int h = 0; h < kHalves; ++h) sums[chain][h] = F64::broadcast(0);
  for (std::int64_t c = 0; c < d; c += kWidth) {
    const int columns = d - c < kWidth ? static_cast<int>(d - c) : kWidth;
    for (int chain = 0; chain < C; ++chain) {
      F32 square[kWidth];
      for (int i = 0; i < kWidth; ++i) {
        const float* const row = rows[chain * kWidth + i] + c;
        square[i] = columns == kWidth ? F32::load(row) : F32::load(row, columns);
      }
      transpose(square);
      for (int j = 0; j < columns; ++j) {
        const F64 q = F64::broadcast(double{query[c + j]});
        sums[chain][0] = fma(q, widen<0>(square[j]), sums[chain][0]);
        if constexpr (kHalves == 2) sums[chain][1] = fma(q, widen<1>(square[j]), sums[chain][1]);
      }
    }
  }
  for (int chain = 0; chain < C; ++chain)
    for (int h = 0; h < kHalves; ++h) sums[chain][h].store(scores + chain * kWidth + h * F64::width);
}

void exact_scores(const float* query, std::int64_t d, const float* rows, const float* biases,
                  const std::int32_t* ids, std::int64_t count, double* scores) {
  constexpr int kMost = kChains * kWidth;
  for (std::int64_t first = 0; first < count; first += kMost) {
    const int items = count - first < kMost ? static_cast<int>(count - first) : kMost;
    const float* side[kMost];
    for (int i = 0; i < kMost; ++i) side[i] = rows + ids[first + (i < items ? i : 0)] * d;
    for (std::int64_t next = first + kMost; next < first + 2 * kMost && next < count; ++next)
      for (std::int64_t c = 0; c < (d < kFetched ? d : kFetched); c += kLine)
        __builtin_prefetch(rows + ids[next] * d + c);
    double found[kMost];
    if (items > kWidth) {
      score_rows<kChains>(query, d, side, found);
    } else {
      const float* few[kWidth];
      for (int i = 0; i < kWidth; ++i) few[i] = side[i];
      score_rows<1>(query, d, few, found);
    }
    for (int i = 0; i < items; ++i)
      scores[first + i] = found[i] + (biases == nullptr ? 0.0 : double{biases[ids[first + i]]});
  }
}

std::int64_t count_reaching(const float* values, std::int64_t count, F32 threshold) {
  std::int64_t reaching = 0, i = 0;
  for (; i + kWidth <= count; i += kWidth)
    reaching += __builtin_popcount(greater_equal(F32::load(values + i), threshold));
  for (; i < count; ++i)
    reaching += __builtin_popcount(greater_equal(F32::broadcast(values[i]), threshold) & 1);
  return reaching;
}

// Halves the interval that holds the k-th largest: what is left of it after so many steps is 2^-14 of the
// range.
constexpr int kSteps = 14;

float floor_of_kth(const float* values, std::int64_t count, std::int64_t k) {
  F32 lowest = F32::broadcast(values[0]), highest = lowest;
  std::int64_t i = 0;
  for (; i + kWidth <= count; i += kWidth) {
    lowest = min(lowest, F32::load(values + i));
    highest = max(highest, F32::load(values + i));
  }
  for (; i < count; ++i) {
    lowest = min(lowest, F32::broadcast(values[i]));
    highest = max(highest, F32::broadcast(values[i]));
  }
  float lows[kWidth], highs[kWidth];
  lowest.store(lows);
  highest.store(highs);
  float low = lows[0], high = highs[0];
  for (int lane = 1; lane < kWidth; ++lane) {
    low = lows[lane] < low ? lows[lane] : low;
    high = highs[lane] > high ? highs[lane] : high;
  }
  for (int step = 0; step < kSteps; ++step) {
    const float middle = low + 0.5f * (high - low);
    if (!(middle > low && middle < high)) break;  // neighbours, or an infinite range
    const std::int64_t reaching = count_reaching(values, count, F32::broadcast(middle));
    if (reaching == k) return middle;
    const bool enough = reaching > k;
    low = enough ? middle : low;
    high = enough ? high : middle;
  }
  return low;
}

// Numbers that the lists to sort have at most, with room for whole vectors of nothing.
constexpr std::int64_t kRoom = (kMostPlaced + kWidth - 1) / kWidth * kWidth;

// All pairs, without a branch: how often a comparison goes which way is what makes sorting short lists slow.
// Rounding to float32 keeps the order; where it makes two scores equal, or they are, the places do not add up
// to those of a list.
void places(const double* scores, const std::int32_t* ids, std::int64_t count, std::int32_t* out) {
  float rounded[kRoom];
  for (std::int64_t i = 0; i < count; ++i) rounded[i] = static_cast<float>(scores[i]);
  const std::int64_t padded = (count + kWidth - 1) / kWidth * kWidth;
  for (std::int64_t i = count; i < padded; ++i) rounded[i] = -__builtin_inff();
  std::int64_t total = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const F32 own = F32::broadcast(rounded[i]);
    std::int32_t above = -1;  // itself
    for (std::int64_t j = 0; j < padded; j += kWidth)
      above += __builtin_popcount(greater_equal(F32::load(rounded + j), own));
    out[i] = above;
    total += above;
  }
  if (total == count * (count - 1) / 2) return;
  for (std::int64_t i = 0; i < count; ++i) {
    out[i] = 0;
    for (std::int64_t j = 0; j < count; ++j)
      out[i] += scores[j] > scores[i] || (scores[j] == scores[i] && ids[j] < ids[i]) ? 1 : 0;
  }
}

}  // namespace

extern const ScoreKernels kScoreKernels;
constinit const ScoreKernels kScoreKernels{exact_scores, floor_of_kth, places};

}  // namespace l4r::L4R_LEVEL
