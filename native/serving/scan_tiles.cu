// The scan for many queries: a warp multiplies the 32 items of a panel with the 64 queries of its block on
// the tensor cores. Integers are exact, so it finds what scan.cu finds.
#include "cuda/launch.h"
#include "cuda/tile.h"
#include "serving/allowed.cuh"

namespace l4r::cuda {

namespace {

constexpr int kThreads = 256, kWarps = kThreads / kWarp;
constexpr int kRows = 16, kColumns = 8, kBytes = 32;  // of a tile: items, queries, dimensions
constexpr int kRowTiles = kPanel / kRows, kColumnTiles = 8, kQueries = kColumns * kColumnTiles;

// Rows of queries in shared memory lie 16 bytes further apart than they are long: no two lanes of a load meet
// in a bank.
__device__ inline int words_of(int chunks) { return chunks * 4 + 4; }

struct alignas(16) Place {
  QueryTerm term;
  float threshold;
};

std::size_t shared_for(int chunks) {
  return kQueries * (sizeof(Place) + (static_cast<std::size_t>(chunks) * 4 + 4) * sizeof(unsigned));
}

// Grid: x over panels, a warp each in turn; y over groups of queries.
__global__ void __launch_bounds__(kThreads) scan_tile(ShadowView shadow, CodedView queries, FilterView filter,
                                                      const float* thresholds, HitsView hits) {
  Place* const places = reinterpret_cast<Place*>(shared_bytes());
  unsigned* const codes = reinterpret_cast<unsigned*>(places + kQueries);
  const std::int64_t first = std::int64_t{blockIdx.y} * kQueries;
  const int own = shadow.chunks * 4, stride = words_of(shadow.chunks);
  const unsigned* const from = reinterpret_cast<const unsigned*>(queries.codes);
  for (int i = static_cast<int>(threadIdx.x); i < kQueries * own; i += kThreads) {
    const std::int64_t b = first + i / own;
    codes[i / own * stride + i % own] = b < queries.batch ? from[b * own + i % own] : 0u;
  }
  if (threadIdx.x < kQueries) {
    const std::int64_t b = first + threadIdx.x < queries.batch ? first + threadIdx.x : queries.batch - 1;
    places[threadIdx.x] = {queries.terms[b], thresholds[b]};
  }
  __syncthreads();

  const int g = lane() / 4, t = lane() % 4;
  const std::int64_t step = std::int64_t{gridDim.x} * kWarps;
  for (std::int64_t panel = std::int64_t{blockIdx.x} * kWarps + static_cast<int>(threadIdx.x) / kWarp;
       panel < shadow.panels; panel += step) {
    int sums[kRowTiles][kColumnTiles][4];
#pragma unroll
    for (int r = 0; r < kRowTiles; ++r)
#pragma unroll
      for (int c = 0; c < kColumnTiles; ++c)
#pragma unroll
        for (int i = 0; i < 4; ++i) sums[r][c][i] = 0;
    const unsigned* const items =
        reinterpret_cast<const unsigned*>(shadow.codes) + panel * shadow.chunks * kPanel * 4;
    for (int chunk = 0; chunk < shadow.chunks; chunk += kBytes / kChunk) {
      unsigned a[kRowTiles][4];
#pragma unroll
      for (int r = 0; r < kRowTiles; ++r)
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int item = r * kRows + g + i % 2 * 8;
          a[r][i] = items[((chunk + i / 2) * kPanel + item) * 4 + t];
        }
#pragma unroll
      for (int c = 0; c < kColumnTiles; ++c) {
        const unsigned* const query = codes + (c * kColumns + g) * stride + chunk * 4 + t;
        const unsigned b[2] = {query[0], query[4]};
#pragma unroll
        for (int r = 0; r < kRowTiles; ++r) multiply_tile(sums[r][c], a[r], b);
      }
    }

    const PanelBound bound = shadow.bounds[panel];
#pragma unroll
    for (int c = 0; c < kColumnTiles; ++c)
#pragma unroll
      for (int column = 0; column < 2; ++column) {
        const int q = c * kColumns + 2 * t + column;
        const QueryTerm term = places[q].term;
        const float threshold = places[q].threshold;
        float error = fmaf(term.residual, bound.residual, term.slack);
        error = fmaf(term.length, bound.length, error);
        error = fmaf(term.bias, bound.bias, error);
#pragma unroll
        for (int r = 0; r < kRowTiles; ++r)
#pragma unroll
          for (int row = 0; row < 2; ++row) {
            const std::int64_t item = panel * kPanel + r * kRows + g + row * 8;
            const float scale = shadow.scales[item];
            const float bias = shadow.biases == nullptr ? 0.0f : shadow.biases[item];
            const float score =
                fmaf(static_cast<float>(sums[r][c][2 * row + column]), scale * term.scale, bias);
            // A bound that is no number keeps the item.
            if (score + error < threshold || item >= shadow.n || first + q >= queries.batch) continue;
            offer(filter, hits, first + q, item, score - error, score + error);
          }
      }
  }
}

constexpr std::int64_t kMostBlocks = 4096;

}  // namespace

void scan_tiles(Stream stream, const ShadowView& shadow, const CodedView& queries, const FilterView& filter,
                const float* thresholds, const HitsView& hits) {
  const dim3 blocks(blocks_for(shadow.panels, kWarps, kMostBlocks), blocks_for(queries.batch, kQueries));
  launch("scan_tile", stream,
         {.blocks = blocks, .threads = dim3(kThreads), .shared = shared_for(shadow.chunks)}, scan_tile,
         shadow, queries, filter, thresholds, hits);
}

}  // namespace l4r::cuda
