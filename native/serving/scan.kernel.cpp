// Panel scan, and the loops that measure what the machine could do at best.
#include "base/simd.h"
#include "serving/code_sums.h"
#include "serving/scan_kernels.h"

namespace l4r::L4R_LEVEL {

namespace {

constexpr int kVectors = kPanelItems / F32::width;
constexpr int kMaxQueries = F32::width == 16 ? 12 : 4;

// Processors do not prefetch across pages by themselves.
constexpr std::int64_t kAhead = 4096;

// Appends the lanes that reach the threshold. Rare, so kept out of the loop above it.
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

// Q queries against P panels at once: enough independent sums to keep the multipliers busy. Each vector of
// scores goes to take(query, first lane of the tile, score, error).
template <typename Block, int Q, int P, typename Take>
inline void scan_panels(const ScanTile& tile, std::int64_t panel, const Take& take) {
  const std::int64_t panel_bytes = tile.blocks * kBlockBytes;
  const std::uint8_t* codes = tile.codes + panel * panel_bytes;
  CodeSums sums[Q][P];
  for (int q = 0; q < Q; ++q)
    for (int p = 0; p < P; ++p) sums[q][p] = CodeSums::start<Block>(tile.terms[q].offset);
  for (std::int64_t block = 0; block < tile.blocks; ++block) {
    Block items[P];
    for (int p = 0; p < P; ++p) {
      const std::uint8_t* at = codes + p * panel_bytes + block * kBlockBytes;
      __builtin_prefetch(at + kAhead);
      items[p] = Block::load(at);
    }
    const std::int32_t* query = tile.queries + block * Block::kWords * Q;
    for (int q = 0; q < Q; ++q)
      for (int p = 0; p < P; ++p) sums[q][p].add(items[p], query + q, Q);
  }
  for (int p = 0; p < P; ++p) {
    const std::int64_t at = panel + p;
    const PanelBounds& bounds = tile.bounds[at];
    for (int q = 0; q < Q; ++q) {
      const QueryTerms& terms = tile.terms[q];
      const F32 error = F32::broadcast(terms.residual * bounds.residual + terms.length * bounds.length +
                                       terms.bias * bounds.bias + terms.slack);
      for (int v = 0; v < kVectors; ++v) {
        const std::int64_t lane = at * kPanelItems + v * F32::width;
        const F32 scale = F32::load(tile.scales + lane) * F32::broadcast(terms.scale);
        const F32 bias = tile.biases == nullptr ? zero() : F32::load(tile.biases + lane);
        take(q, lane, fma(sums[q][p].lanes(v), scale, bias), error);
      }
    }
  }
}

template <typename Block, int Q, typename Take>
void scan_queries(const ScanTile& tile, const Take& take) {
  constexpr int kPanels = F32::width < 16 ? 1 : Q == 1 ? 8 : Q <= 4 ? 4 : 2;
  std::int64_t panel = 0;
  for (; panel + kPanels <= tile.count; panel += kPanels) scan_panels<Block, Q, kPanels>(tile, panel, take);
  for (; panel < tile.count; ++panel) scan_panels<Block, Q, 1>(tile, panel, take);
}

template <int Q, typename Take>
void scan_at_most(const ScanTile& tile, int queries, const Take& take) {
  if (queries == Q)
    return tile.bits == 8 ? scan_queries<Codes, Q>(tile, take) : scan_queries<Nibbles, Q>(tile, take);
  if constexpr (Q > 1) scan_at_most<Q - 1>(tile, queries, take);
}

void scan(const ScanTile& tile, int queries) {
  for (int q = 0; q < queries; ++q) tile.hit_counts[q] = 0;
  scan_at_most<kMaxQueries>(tile, queries, [&tile](int q, std::int64_t lane, F32 score, F32 error) {
    const std::uint32_t mask = greater_equal(score + error, F32::broadcast(tile.thresholds[q]));
    if (mask != 0)
      tile.hit_counts[q] += append(tile.hits + q * tile.capacity + tile.hit_counts[q],
                                   static_cast<std::int32_t>(tile.first + lane), mask, score, error);
  });
}

void maxima(const ScanTile& tile, int queries, float* maxima) {
  const std::int64_t row = tile.count / kGroupPanels * kPanelItems;
  for (std::int64_t i = 0; i < queries * row; ++i) maxima[i] = -__builtin_inff();
  scan_at_most<kMaxQueries>(tile, queries, [=](int q, std::int64_t lane, F32 score, F32 error) {
    constexpr std::int64_t kGroupItems = std::int64_t{kGroupPanels} * kPanelItems;
    float* at = maxima + q * row + lane / kGroupItems * kPanelItems + lane % kPanelItems;
    max(F32::load(at), score - error).store(at);
  });
}

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
constinit const ScanKernels kScanKernels{kMaxQueries, scan, maxima, read, multiply_add, kChains* F32::width};

}  // namespace l4r::L4R_LEVEL
