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

// Q queries against P panels at once: enough independent sums to keep the multipliers busy. Loops over
// registers are unrolled by order, else the compiler keeps the sums in memory.
template <typename Block, int Q, int P>
inline __attribute__((always_inline)) void sum_panels(const ScanTile& tile, std::int64_t panel,
                                                      CodeSums (&out)[Q][P]) {
  const std::int64_t panel_bytes = tile.blocks * kBlockBytes;
  const std::uint8_t* codes = tile.codes + panel * panel_bytes;
  CodeSums sums[Q][P];
#pragma GCC unroll 16
  for (int q = 0; q < Q; ++q)
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) sums[q][p] = CodeSums::start<Block>(tile.terms[q].offset);
  const std::int32_t* query = tile.queries;
  for (std::int64_t block = 0; block < tile.blocks; ++block, query += Block::kWords * Q) {
    Block items[P];
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
      const std::uint8_t* at = codes + p * panel_bytes + block * kBlockBytes;
      __builtin_prefetch(at + kAhead);
      items[p] = Block::load(at);
    }
#pragma GCC unroll 16
    for (int q = 0; q < Q; ++q)
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) sums[q][p].add(items[p], query + q, Q);
  }
#pragma GCC unroll 16
  for (int q = 0; q < Q; ++q)
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) out[q][p] = sums[q][p];
}

F32 score_of(const ScanTile& tile, const QueryTerms& terms, std::int64_t lane, F32 sums) {
  const F32 bias = tile.biases == nullptr ? zero() : F32::load(tile.biases + lane);
  return fma(sums, F32::load(tile.scales + lane) * F32::broadcast(terms.scale), bias);
}

F32 error_of(const QueryTerms& terms, const PanelBounds& bounds) {
  return F32::broadcast(terms.residual * bounds.residual + terms.length * bounds.length +
                        terms.bias * bounds.bias + terms.slack);
}

// Panels whose scores wait together to be sorted out: they stay in the first-level cache. Which items reach
// what they need is written down rather than branched upon: it is anybody's guess.
constexpr int kStrip = 16;
template <int Q>
struct Strip {
  alignas(64) float scores[Q][kStrip * kPanelItems];  // over the query's scale
  alignas(64) std::uint16_t reaching[Q][kStrip];      // a bit a lane
  // A panel's bound on the error of each query's scores, and what these must reach, over the query's scale.
  static constexpr int kPadded = (Q + F32::width - 1) / F32::width * F32::width;
  alignas(64) float errors[kStrip][kPadded], needs[kStrip][kPadded];
};

// What the scores of each query, divided by the query's scale, must reach in a panel to be worth a closer
// look. Some eight roundings of 2^-24 lie between this test and the true inequality; the bound leaves room
// for sixteen (shadow.cpp).
template <int Q>
struct Needs {
  static constexpr int kPadded = Strip<Q>::kPadded;
  float residual[kPadded] = {}, length[kPadded] = {}, bias[kPadded] = {}, slack[kPadded] = {},
        threshold[kPadded] = {}, inverse[kPadded] = {};

  explicit Needs(const ScanTile& tile) {
    for (int q = 0; q < Q; ++q) {
      const QueryTerms& terms = tile.terms[q];
      residual[q] = terms.residual;
      length[q] = terms.length;
      bias[q] = terms.bias;
      slack[q] = terms.slack;
      threshold[q] = tile.thresholds[q];
      inverse[q] = terms.inverse;
    }
  }

  void of(const PanelBounds& bounds, float* errors, float* needs) const {
    for (int q = 0; q < kPadded; q += F32::width) {
      F32 error = fma(F32::load(residual + q), F32::broadcast(bounds.residual), F32::load(slack + q));
      error = fma(F32::load(length + q), F32::broadcast(bounds.length), error);
      error = fma(F32::load(bias + q), F32::broadcast(bounds.bias), error);
      error.store(errors + q);
      ((F32::load(threshold + q) - error) * F32::load(inverse + q)).store(needs + q);
    }
  }
};

template <typename Block, int Q, int P>
inline void score_panels(const ScanTile& tile, std::int64_t first, int at, Strip<Q>& strip) {
  CodeSums sums[Q][P];
  sum_panels<Block, Q, P>(tile, first + at, sums);
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) {
    const std::int64_t panel = first + at + p;
    std::uint32_t reaching[Q] = {};
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) {
      const std::int64_t lane = panel * kPanelItems + v * F32::width;
      const F32 scale = F32::load(tile.scales + lane);
#pragma GCC unroll 16
      for (int q = 0; q < Q; ++q) {
        F32 score = sums[q][p].lanes(v) * scale;
        if (tile.biases != nullptr)
          score = fma(F32::load(tile.biases + lane), F32::broadcast(tile.terms[q].inverse), score);
        const std::uint32_t reached = greater_equal(score, F32::broadcast(strip.needs[at + p][q]));
        // One query reads as fast as it can, and few of its items reach what they need.
        if (Q > 1 || __builtin_expect(reached != 0, 0))
          score.store(strip.scores[q] + (at + p) * kPanelItems + v * F32::width);
        reaching[q] |= reached << (v * F32::width);
      }
    }
#pragma GCC unroll 16
    for (int q = 0; q < Q; ++q) strip.reaching[q][at + p] = static_cast<std::uint16_t>(reaching[q]);
  }
}

// Appends the items of a strip that reach what they need.
template <int Q>
void collect(const ScanTile& tile, std::int64_t first, const Strip<Q>& strip) {
  for (int q = 0; q < Q; ++q) {
    const std::uint16_t* const reaching = strip.reaching[q];
    std::uint64_t any = 0;
    for (int panel = 0; panel < kStrip; panel += 4) {
      std::uint64_t four;
      __builtin_memcpy(&four, reaching + panel, sizeof(four));
      any |= four;
    }
    if (any == 0) continue;
    int panels[kStrip], found = 0;
    for (int panel = 0; panel < kStrip; ++panel) {
      panels[found] = panel;
      found += reaching[panel] != 0 ? 1 : 0;
    }
    const ScanHits& hits = tile.hits[q];
    const float scale = tile.terms[q].scale;
    std::int64_t count = hits.count;
    for (int i = 0; i < found; ++i) {
      const int panel = panels[i];
      const float error = strip.errors[panel][q];
      const auto place = tile.first + static_cast<std::int32_t>((first + panel) * kPanelItems);
      std::uint32_t lanes = reaching[panel];
      do {
        const int lane = __builtin_ctz(lanes);
        const float score = strip.scores[q][panel * kPanelItems + lane] * scale;
        hits.places[count] = place + lane;
        hits.lowers[count] = score - error;
        hits.uppers[count] = score + error;
        ++count;
        lanes &= lanes - 1;
      } while (lanes != 0);
    }
    tile.hits[q].count = count;
  }
}

template <int Q>
constexpr int kPanelsAtOnce = F32::width < 16 ? 1
                              : Q == 1        ? 8
                              : Q <= 4        ? 4
                                              : 2;

template <typename Block, int Q>
void scan_queries(const ScanTile& tile) {
  const Needs<Q> needs(tile);
  constexpr int kPanels = kPanelsAtOnce<Q>;
  Strip<Q> strip;
  for (std::int64_t first = 0; first < tile.count; first += kStrip) {
    const int panels = tile.count - first < kStrip ? static_cast<int>(tile.count - first) : kStrip;
    for (int p = 0; p < panels; ++p) needs.of(tile.bounds[first + p], strip.errors[p], strip.needs[p]);
    int at = 0;
    for (; at + kPanels <= panels; at += kPanels) score_panels<Block, Q, kPanels>(tile, first, at, strip);
    for (; at < panels; ++at) score_panels<Block, Q, 1>(tile, first, at, strip);
    for (; at < kStrip; ++at)
      for (int q = 0; q < Q; ++q) strip.reaching[q][at] = 0;
    collect(tile, first, strip);
  }
}

// The tile is whole groups of panels.
template <typename Block, int Q>
void raise_maxima(const ScanTile& tile, int group, float* maxima) {
  constexpr int kPanels = kPanelsAtOnce<Q> < kLeastGroup ? kPanelsAtOnce<Q> : kLeastGroup;
  const std::int64_t row = tile.count / group * kPanelItems;
  for (std::int64_t panel = 0; panel < tile.count; panel += kPanels) {
    CodeSums sums[Q][kPanels];
    sum_panels<Block, Q, kPanels>(tile, panel, sums);
    for (int q = 0; q < Q; ++q)
      for (int v = 0; v < kVectors; ++v) {
        float* const at = maxima + q * row + panel / group * kPanelItems + v * F32::width;
        F32 highest = panel % group == 0 ? F32::broadcast(-__builtin_inff()) : F32::load(at);
        for (int p = 0; p < kPanels; ++p) {
          const std::int64_t lane = (panel + p) * kPanelItems + v * F32::width;
          highest = max(highest, score_of(tile, tile.terms[q], lane, sums[q][p].lanes(v)) -
                                     error_of(tile.terms[q], tile.bounds[panel + p]));
        }
        highest.store(at);
      }
  }
}

// body.template run<Block, Q>() for the number of queries at hand.
template <int Q, typename Body>
void with_queries(const ScanTile& tile, int queries, const Body& body) {
  if (queries == Q) return tile.bits == 8 ? body.template run<Codes, Q>() : body.template run<Nibbles, Q>();
  if constexpr (Q > 1) with_queries<Q - 1>(tile, queries, body);
}

struct Scan {
  const ScanTile& tile;
  template <typename Block, int Q>
  void run() const {
    scan_queries<Block, Q>(tile);
  }
};

struct Maxima {
  const ScanTile& tile;
  int group;
  float* maxima;
  template <typename Block, int Q>
  void run() const {
    raise_maxima<Block, Q>(tile, group, maxima);
  }
};

void scan(const ScanTile& tile, int queries) {
  for (int q = 0; q < queries; ++q) tile.hits[q].count = 0;
  with_queries<kMaxQueries>(tile, queries, Scan{tile});
}

void maxima(const ScanTile& tile, int queries, int group, float* maxima) {
  with_queries<kMaxQueries>(tile, queries, Maxima{tile, group, maxima});
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

float multiply_add_bytes(std::int64_t rounds) {
  std::uint8_t bytes[kBlockBytes];
  for (int i = 0; i < kBlockBytes; ++i) bytes[i] = static_cast<std::uint8_t>(128 + i % 3 - 1);
  const Codes items = Codes::load(bytes);
  const std::int32_t word = 0x01FF01FF;
  CodeSums sums[kChains];
#pragma GCC unroll 16
  for (int s = 0; s < kChains; ++s) sums[s] = CodeSums::start<Codes>(s);
  for (std::int64_t round = 0; round < rounds; ++round)
#pragma GCC unroll 16
    for (int s = 0; s < kChains; ++s) sums[s].add(items, &word, 1);
  F32 total = zero();
#pragma GCC unroll 16
  for (int s = 0; s < kChains; ++s) total = total + sums[s].lanes(0);
  return sum(total);
}

}  // namespace

extern const ScanKernels kScanKernels;
constinit const ScanKernels kScanKernels{
    kMaxQueries,         scan, maxima, read, multiply_add, kChains* F32::width, multiply_add_bytes,
    kChains* kBlockBytes};

}  // namespace l4r::L4R_LEVEL
