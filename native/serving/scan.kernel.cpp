// Panel scan, and the loops that measure what the machine could do at best.
#include "base/simd.h"
#include "serving/scan_kernels.h"

namespace l4r::L4R_LEVEL {

namespace {

// Two vectors of items against four queries fill the FMA pipes (8 independent sums); NEON and AVX-512 have
// twice the registers.
constexpr int kLanes = F32::width < 8 ? 16 : 2 * F32::width;
constexpr int kVectors = kLanes / F32::width;
constexpr int kMaxQueries = F32::width == 16 ? 8 : F32::width == 8 ? 6 : 4;

constexpr int kCacheLine = 16;  // floats
// Processors do not prefetch across pages by themselves, and a panel is often a page. Floats.
constexpr int kAhead = 4096;

// Appends the lanes of `upper` that reach the threshold. Rare, so kept out of the loop above it.
__attribute__((noinline)) std::int32_t append(ScanHit* hits, std::int32_t first, std::uint32_t mask,
                                              F32 score, F32 error) {
  float lower[F32::width], upper[F32::width];
  (score - error).store(lower);
  (score + error).store(upper);
  std::int32_t count = 0;
  for (; mask != 0; mask &= mask - 1) {
    const int lane = __builtin_ctz(mask);
    hits[count++] = {first + lane, lower[lane], upper[lane]};
  }
  return count;
}

// Q queries; with few of them, Phases partial sums per score keep the pipes full.
template <int Q, int Phases>
void scan_queries(const ScanTile& tile) {
  for (int q = 0; q < Q; ++q) tile.hit_counts[q] = 0;
  const std::int64_t panel_size = tile.d * kLanes;
  for (std::int64_t panel = 0; panel < tile.count; ++panel) {
    const float* x = tile.panels + panel * panel_size;
    const float* biases = tile.biases + panel * kLanes;
    const float* norms = tile.norms + panel * kLanes;
    F32 sums[Q][Phases][kVectors];
    for (int q = 0; q < Q; ++q)
      for (int phase = 0; phase < Phases; ++phase)
        for (int v = 0; v < kVectors; ++v)
          sums[q][phase][v] = phase == 0 ? F32::load(biases + v * F32::width) : zero();

    const float* query = tile.queries;
    std::int64_t j = 0;
    for (; j + Phases <= tile.d; j += Phases) {
      for (int phase = 0; phase < Phases; ++phase) {
        for (int line = 0; line < kLanes; line += kCacheLine)
          __builtin_prefetch(x + phase * kLanes + line + kAhead);
        F32 items[kVectors];
        for (int v = 0; v < kVectors; ++v) items[v] = F32::load(x + phase * kLanes + v * F32::width);
        for (int q = 0; q < Q; ++q) {
          const F32 value = F32::broadcast(query[phase * Q + q]);
          for (int v = 0; v < kVectors; ++v) sums[q][phase][v] = fma(value, items[v], sums[q][phase][v]);
        }
      }
      x += Phases * kLanes;
      query += Phases * Q;
    }
    for (; j < tile.d; ++j, x += kLanes, query += Q)
      for (int q = 0; q < Q; ++q)
        for (int v = 0; v < kVectors; ++v)
          sums[q][0][v] = fma(F32::broadcast(query[q]), F32::load(x + v * F32::width), sums[q][0][v]);

    for (int v = 0; v < kVectors; ++v) {
      const F32 norm = F32::load(norms + v * F32::width);
      const F32 bias_error = F32::broadcast(tile.bias_error) * abs(F32::load(biases + v * F32::width));
      for (int q = 0; q < Q; ++q) {
        F32 score = sums[q][0][v];
        for (int phase = 1; phase < Phases; ++phase) score = score + sums[q][phase][v];
        const F32 error =
            fma(F32::broadcast(tile.norm_error[q]), norm, bias_error + F32::broadcast(tile.slack[q]));
        const std::uint32_t mask = greater_equal(score + error, F32::broadcast(tile.thresholds[q]));
        if (mask != 0) {
          const auto first = static_cast<std::int32_t>(tile.first + panel * kLanes + v * F32::width);
          tile.hit_counts[q] +=
              append(tile.hits + q * tile.capacity + tile.hit_counts[q], first, mask, score, error);
        }
      }
    }
  }
}

template <int Q>
void scan_at_most(const ScanTile& tile, int queries) {
  constexpr int kPhases = Q == 1 ? 4 : Q == 2 ? 2 : 1;
  if (queries == Q) return scan_queries<Q, kPhases>(tile);
  if constexpr (Q > 1) scan_at_most<Q - 1>(tile, queries);
}

void scan(const ScanTile& tile, int queries) { scan_at_most<kMaxQueries>(tile, queries); }

float read(const float* data, std::int64_t count) {
  constexpr int kSums = 128 / F32::width < 8 ? 128 / F32::width : 8;
  F32 sums[kSums];
  for (int s = 0; s < kSums; ++s) sums[s] = zero();
  for (std::int64_t i = 0; i < count; i += kSums * F32::width)
    for (int s = 0; s < kSums; ++s) sums[s] = sums[s] + F32::load(data + i + s * F32::width);
  F32 total = zero();
  for (int s = 0; s < kSums; ++s) total = total + sums[s];
  return sum(total);
}

constexpr int kChains = 12;

float multiply_add(std::int64_t rounds) {
  F32 sums[kChains];
  for (int s = 0; s < kChains; ++s) sums[s] = F32::broadcast(static_cast<float>(s));
  // Bounded: x -> x / 2 + 1.
  const F32 half = F32::broadcast(0.5f), one = F32::broadcast(1.0f);
  for (std::int64_t round = 0; round < rounds; ++round)
    for (int s = 0; s < kChains; ++s) sums[s] = fma(sums[s], half, one);
  F32 total = zero();
  for (int s = 0; s < kChains; ++s) total = total + sums[s];
  return sum(total);
}

}  // namespace

extern const ScanKernels kScanKernels;
constinit const ScanKernels kScanKernels{kLanes, kMaxQueries, scan, read, multiply_add, kChains* F32::width};

}  // namespace l4r::L4R_LEVEL
