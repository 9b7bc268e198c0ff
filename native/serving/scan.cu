// The scan: a lane takes an item of a panel against a few queries, whose codes lie in shared memory.
#include "cuda/launch.h"
#include "serving/allowed.cuh"

namespace l4r::cuda {

namespace {

constexpr int kThreads = 256, kWarps = kThreads / kWarp;

// Shared memory: the codes of Q queries [Q x chunks], then their terms and thresholds.
struct alignas(16) Place {
  QueryTerm term;
  float threshold;
};

template <int Q>
constexpr std::size_t shared_for(int chunks) {
  return Q * (static_cast<std::size_t>(chunks) * sizeof(int4) + sizeof(Place));
}

// Queries first .. first + Q of the block, those beyond the batch as its last one.
template <int Q>
__device__ void load_queries(const CodedView& queries, const float* thresholds, int chunks,
                             std::int64_t first, int4*& codes, Place*& places) {
  codes = reinterpret_cast<int4*>(shared_bytes());
  places = reinterpret_cast<Place*>(codes + Q * chunks);
  const auto query = [&](int q) { return first + q < queries.batch ? first + q : queries.batch - 1; };
  const int4* const from = reinterpret_cast<const int4*>(queries.codes);
  for (int i = static_cast<int>(threadIdx.x); i < Q * chunks; i += kThreads)
    codes[i] = from[query(i / chunks) * chunks + i % chunks];
  if (threadIdx.x < Q) {
    const std::int64_t b = query(static_cast<int>(threadIdx.x));
    places[threadIdx.x] = {queries.terms[b], thresholds == nullptr ? 0.0f : thresholds[b]};
  }
  __syncthreads();
}

struct Bounds {
  float lower, upper;
};

// body(q, bounds of the true score) for the lane's item of a panel.
template <int Q, typename Body>
__device__ void score_item(const ShadowView& shadow, std::int64_t panel, const int4* codes,
                           const Place* places, const Body& body) {
  int sums[Q];
#pragma unroll
  for (int q = 0; q < Q; ++q) sums[q] = 0;
  const int4* at = reinterpret_cast<const int4*>(shadow.codes) + panel * shadow.chunks * kPanel + lane();
  for (int c = 0; c < shadow.chunks; ++c, at += kPanel) {
    const int4 item = *at;
#pragma unroll
    for (int q = 0; q < Q; ++q) {
      const int4 query = codes[q * shadow.chunks + c];
      sums[q] = __dp4a(item.x, query.x, sums[q]);
      sums[q] = __dp4a(item.y, query.y, sums[q]);
      sums[q] = __dp4a(item.z, query.z, sums[q]);
      sums[q] = __dp4a(item.w, query.w, sums[q]);
    }
  }
  const std::int64_t item = panel * kPanel + lane();
  const float scale = shadow.scales[item];
  const float bias = shadow.biases == nullptr ? 0.0f : shadow.biases[item];
  const PanelBound bound = shadow.bounds[panel];
#pragma unroll
  for (int q = 0; q < Q; ++q) {
    const QueryTerm& term = places[q].term;
    const float score = fmaf(static_cast<float>(sums[q]), scale * term.scale, bias);
    float error = fmaf(term.residual, bound.residual, term.slack);
    error = fmaf(term.length, bound.length, error);
    error = fmaf(term.bias, bound.bias, error);
    body(q, Bounds{score - error, score + error});
  }
}

// Grid: x over groups of panels, a warp each; y over groups of Q queries.
template <int Q>
__global__ void __launch_bounds__(kThreads)
    scan_maxima(ShadowView shadow, CodedView queries, FilterView filter, Sample sample, float* maxima) {
  int4* codes;
  Place* places;
  const std::int64_t first = std::int64_t{blockIdx.y} * Q;
  load_queries<Q>(queries, nullptr, shadow.chunks, first, codes, places);
  const std::int64_t group = std::int64_t{blockIdx.x} * kWarps + static_cast<int>(threadIdx.x) / kWarp;
  if (group >= sample.groups) return;
  float highest[Q];
#pragma unroll
  for (int q = 0; q < Q; ++q) highest[q] = -__uint_as_float(0x7F800000u);
  for (std::int64_t i = 0; i < sample.depth; ++i) {
    const std::int64_t panel = (group * sample.depth + i) * sample.spacing;
    const std::int64_t item = panel * kPanel + lane();
    score_item<Q>(shadow, panel, codes, places, [&](int q, const Bounds& bounds) {
      if (item >= shadow.n || first + q >= queries.batch || !(bounds.lower > highest[q])) return;
      if (allowed(filter, first + q, static_cast<std::int32_t>(item))) highest[q] = bounds.lower;
    });
  }
#pragma unroll
  for (int q = 0; q < Q; ++q)
    if (first + q < queries.batch)
      maxima[((first + q) * sample.groups + group) * kPanel + lane()] = highest[q];
}

// The same grid; each warp takes every so many panels.
template <int Q>
__global__ void __launch_bounds__(kThreads)
    scan_reaching(ShadowView shadow, CodedView queries, FilterView filter, const float* thresholds,
                  HitsView hits) {
  int4* codes;
  Place* places;
  const std::int64_t first = std::int64_t{blockIdx.y} * Q;
  load_queries<Q>(queries, thresholds, shadow.chunks, first, codes, places);
  const std::int64_t step = std::int64_t{gridDim.x} * kWarps;
  for (std::int64_t panel = std::int64_t{blockIdx.x} * kWarps + static_cast<int>(threadIdx.x) / kWarp;
       panel < shadow.panels; panel += step) {
    const std::int64_t item = panel * kPanel + lane();
    score_item<Q>(shadow, panel, codes, places, [&](int q, const Bounds& bounds) {
      // A bound that is no number keeps the item.
      if (bounds.upper < places[q].threshold || item >= shadow.n || first + q >= queries.batch) return;
      offer(filter, hits, first + q, item, bounds.lower, bounds.upper);
    });
  }
}

// body.template run<Q>() with as many queries a block as there are.
template <typename Body>
void with_queries(std::int64_t batch, const Body& body) {
  if (batch >= 8) return body.template run<8>();
  if (batch >= 4) return body.template run<4>();
  if (batch >= 2) return body.template run<2>();
  body.template run<1>();
}

constexpr std::int64_t kMostBlocks = 4096;  // some waves of blocks on the largest GPUs

struct Maxima {
  Stream stream;
  const ShadowView& shadow;
  const CodedView& queries;
  const FilterView& filter;
  const Sample& sample;
  float* maxima;
  template <int Q>
  void run() const {
    const dim3 blocks(blocks_for(sample.groups, kWarps, 1 << 30), blocks_for(queries.batch, Q));
    launch("scan_maxima", stream,
           {.blocks = blocks, .threads = dim3(kThreads), .shared = shared_for<Q>(shadow.chunks)},
           scan_maxima<Q>, shadow, queries, filter, sample, maxima);
  }
};

struct Reaching {
  Stream stream;
  const ShadowView& shadow;
  const CodedView& queries;
  const FilterView& filter;
  const float* thresholds;
  const HitsView& hits;
  template <int Q>
  void run() const {
    const dim3 blocks(blocks_for(shadow.panels, kWarps, kMostBlocks), blocks_for(queries.batch, Q));
    launch("scan_reaching", stream,
           {.blocks = blocks, .threads = dim3(kThreads), .shared = shared_for<Q>(shadow.chunks)},
           scan_reaching<Q>, shadow, queries, filter, thresholds, hits);
  }
};

}  // namespace

void sample_maxima(Stream stream, const ShadowView& shadow, const CodedView& queries,
                   const FilterView& filter, const Sample& sample, float* maxima) {
  with_queries(queries.batch, Maxima{stream, shadow, queries, filter, sample, maxima});
}

void scan_panels(Stream stream, const ShadowView& shadow, const CodedView& queries, const FilterView& filter,
                 const float* thresholds, const HitsView& hits) {
  if (queries.batch >= kTiledFrom) return scan_tiles(stream, shadow, queries, filter, thresholds, hits);
  with_queries(queries.batch, Reaching{stream, shadow, queries, filter, thresholds, hits});
}

}  // namespace l4r::cuda
