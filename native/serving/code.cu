// Items and queries as codes of 8 bits with what these leave: the same quantities as in shadow.cpp, with its
// constants. Norms are sums in float64 in an order of their own, which the room for rounding covers.
#include "cuda/launch.h"
#include "serving/device_catalogue.cuh"
#include "serving/score_bound.h"

namespace l4r::cuda {

namespace {

constexpr int kThreads = 256, kWarps = kThreads / kWarp;
constexpr float kMostCode = 127.0f;

struct Coded {
  float scale;
  double norm, residual;  // of the vector; of what its codes leave
};

// One warp codes x [d]: write(j, code), j ascending within a lane.
template <typename Write>
__device__ Coded code_vector(const float* x, std::int64_t d, const Write& write) {
  float largest = 0.0f;
  double squares = 0.0;
  for (std::int64_t j = lane(); j < d; j += kWarp) {
    const float size = fabsf(x[j]);
    largest = size > largest ? size : largest;
    squares += double{x[j]} * double{x[j]};
  }
  largest = warp_max(largest);
  squares = warp_sum(squares);
  const float scale = largest / kMostCode;
  const double inverse = scale > 0.0f ? 1.0 / double{scale} : 0.0;
  double rest = 0.0;
  for (std::int64_t j = lane(); j < d; j += kWarp) {
    double wanted = rint(double{x[j]} * inverse);
    wanted = wanted > double{kMostCode}    ? double{kMostCode}
             : wanted < -double{kMostCode} ? -double{kMostCode}
                                           : wanted;
    const double left = double{x[j]} - double{scale} * wanted;
    rest += left * left;
    write(j, static_cast<std::int8_t>(static_cast<int>(wanted)));
  }
  return {scale, sqrt(squares) * (1.0 + kNormRounding), sqrt(warp_sum(rest)) * (1.0 + kNormRounding)};
}

// A block codes one panel. codes and scales of items beyond n stay as they are.
__global__ void __launch_bounds__(kThreads)
    code_panel(const float* items, const float* biases, std::int64_t n, std::int64_t d, int chunks,
               std::int8_t* codes, float* scales, PanelBound* bounds) {
  struct Shared {
    float residual[kPanel], length[kPanel], bias[kPanel];
  };
  auto& shared = shared_memory<Shared>();
  const std::int64_t panel = blockIdx.x;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  for (int place = warp; place < kPanel; place += kWarps) {
    const std::int64_t item = panel * kPanel + place;
    Coded coded{0.0f, 0.0, 0.0};
    if (item < n)
      coded = code_vector(items + item * d, d, [=](std::int64_t j, std::int8_t code) {
        codes[((panel * chunks + j / kChunk) * kPanel + place) * kChunk + j % kChunk] = code;
      });
    if (lane() != 0) continue;
    shared.residual[place] = __double2float_ru(coded.residual);
    shared.length[place] = __double2float_ru(coded.norm + coded.residual);
    shared.bias[place] = item < n && biases != nullptr ? fabsf(biases[item]) : 0.0f;
    if (item < n) scales[item] = coded.scale;
  }
  __syncthreads();
  if (warp != 0) return;
  const float residual = warp_max(shared.residual[lane()]), length = warp_max(shared.length[lane()]),
              bias = warp_max(shared.bias[lane()]);
  if (lane() == 0) bounds[panel] = {residual, length, bias};
}

// A warp codes one query.
__global__ void __launch_bounds__(kThreads)
    code_query(const float* queries, std::int64_t batch, std::int64_t d, int chunks, double largest_length,
               double largest_bias, std::int8_t* codes, QueryTerm* terms) {
  constexpr float kLeast = 0x1p-126f;  // the smallest normal number
  constexpr double kLimit = 0x1p126, kUp = 1.0 + kRounding;
  const std::int64_t b = std::int64_t{blockIdx.x} * kWarps + static_cast<int>(threadIdx.x) / kWarp;
  if (b >= batch) return;
  std::int8_t* const own = codes + b * chunks * kChunk;
  const Coded coded =
      code_vector(queries + b * d, d, [=](std::int64_t j, std::int8_t code) { own[j] = code; });
  const float scale = coded.scale;
  // A score that might leave float32 has no bound. Such a query is coded as 0 with an infinite error: every
  // item is scored exactly.
  const double largest = 2.0 * coded.norm * largest_length + largest_bias;
  const bool fits = coded.norm < kLimit && largest < kLimit &&
                    (scale == 0.0f || (scale >= kLeast && largest < kLimit * double{scale}));
  if (!fits) {
    for (std::int64_t j = lane(); j < d; j += kWarp) own[j] = 0;
    if (lane() == 0) terms[b] = {1.0f, kLeast, kLeast, kLeast, __uint_as_float(0x7F800000u)};
    return;
  }
  if (lane() != 0) return;
  const float factor = scale == 0.0f ? 1.0f : scale;
  terms[b] = {factor, __double2float_ru(coded.norm * kUp),
              __double2float_ru((coded.residual + kRounding * (coded.norm + coded.residual)) * kUp),
              __double2float_ru(kRounding * kUp),
              __double2float_ru((kUnderflow + kLastPlace * double{factor}) * kUp)};
}

}  // namespace

void code_items(Stream stream, const float* items, const float* biases, std::int64_t n, std::int64_t d,
                int chunks, std::int8_t* codes, float* scales, PanelBound* bounds) {
  const std::int64_t panels = (n + kPanel - 1) / kPanel;
  if (panels == 0) return;
  launch("code_panel", stream,
         {.blocks = dim3(static_cast<unsigned>(panels)),
          .threads = dim3(kThreads),
          .shared = 3 * kPanel * sizeof(float)},
         code_panel, items, biases, n, d, chunks, codes, scales, bounds);
}

void code_queries(Stream stream, const float* queries, std::int64_t batch, std::int64_t d, int chunks,
                  double largest_length, double largest_bias, std::int8_t* codes, QueryTerm* terms) {
  launch("code_query", stream, {.blocks = blocks_for(batch, kWarps, 1 << 30), .threads = dim3(kThreads)},
         code_query, queries, batch, d, chunks, largest_length, largest_bias, codes, terms);
}

}  // namespace l4r::cuda
