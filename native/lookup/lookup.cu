// Gathered and pooled embedding rows. A row is read by neighbouring threads, four numbers each where its
// length allows. Bags are summed in float32 in the order of their ids, with the roundings of the CPU's vector
// levels: the same bits.
#include "cuda/launch.h"
#include "lookup/lookup.cuh"

namespace l4r::cuda {

namespace {

constexpr int kThreads = 256;

struct FloatRow {
  using Number = float;
  static constexpr bool kScaled = false;
  __device__ static float one(const float* p) { return *p; }
  __device__ static float4 four(const float* p) { return *reinterpret_cast<const float4*>(p); }
};

__device__ inline float from_bf16(unsigned half) { return __uint_as_float(half << 16); }

struct Bf16Row {
  using Number = std::uint16_t;
  static constexpr bool kScaled = false;
  __device__ static float one(const std::uint16_t* p) { return from_bf16(*p); }
  __device__ static float4 four(const std::uint16_t* p) {
    const auto bits = *reinterpret_cast<const unsigned long long*>(p);
    const auto low = static_cast<unsigned>(bits), high = static_cast<unsigned>(bits >> 32);
    return make_float4(from_bf16(low & 0xFFFFu), from_bf16(low >> 16), from_bf16(high & 0xFFFFu),
                       from_bf16(high >> 16));
  }
};

struct ByteRow {
  using Number = std::int8_t;
  static constexpr bool kScaled = true;
  __device__ static float one(const std::int8_t* p) { return static_cast<float>(*p); }
  __device__ static float4 four(const std::int8_t* p) {
    const unsigned word = *reinterpret_cast<const unsigned*>(p);
    const auto byte = [word](int i) { return static_cast<float>(static_cast<std::int8_t>(word >> 8 * i)); };
    return make_float4(byte(0), byte(1), byte(2), byte(3));
  }
};

// One number or four, so that kernels are written once.
template <typename Row>
struct One {
  using Value = float;
  static constexpr int kWidth = 1;
  __device__ static Value load(const typename Row::Number* p) { return Row::one(p); }
  __device__ static Value zero() { return 0.0f; }
  __device__ static Value times(Value x, float by) { return x * by; }
  __device__ static Value plus(Value a, Value b) { return a + b; }
  __device__ static Value fused(float by, Value x, Value sum) { return fmaf(by, x, sum); }
};
template <typename Row>
struct Four {
  using Value = float4;
  static constexpr int kWidth = 4;
  __device__ static Value load(const typename Row::Number* p) { return Row::four(p); }
  __device__ static Value zero() { return make_float4(0.0f, 0.0f, 0.0f, 0.0f); }
  __device__ static Value times(Value x, float by) {
    return make_float4(x.x * by, x.y * by, x.z * by, x.w * by);
  }
  __device__ static Value plus(Value a, Value b) {
    return make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);
  }
  __device__ static Value fused(float by, Value x, Value sum) {
    return make_float4(fmaf(by, x.x, sum.x), fmaf(by, x.y, sum.y), fmaf(by, x.z, sum.z),
                       fmaf(by, x.w, sum.w));
  }
};

// Block: x along a row, y over ids. out [count x d].
template <typename Row, template <typename> class Wide>
__global__ void __launch_bounds__(kThreads)
    gather_rows(const typename Row::Number* values, const float* scales, std::int64_t d,
                const std::int32_t* ids, std::int64_t count, float* out) {
  using W = Wide<Row>;
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.y;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.y + threadIdx.y; i < count; i += step) {
    const std::int64_t id = ids[i];
    for (std::int64_t c = std::int64_t{threadIdx.x} * W::kWidth; c < d;
         c += std::int64_t{blockDim.x} * W::kWidth) {
      auto value = W::load(values + id * d + c);
      if constexpr (Row::kScaled) value = W::times(value, scales[id]);
      *reinterpret_cast<typename W::Value*>(out + i * d + c) = value;
    }
  }
}

struct Bags {
  const std::int32_t *offsets, *ids;
  const float* weights;
  std::int64_t bags;
  bool mean;
};

// Rows that are on their way at once, before they are added in order.
constexpr int kAhead = 4;

// Block: x along a row, y over bags. out [bags x d].
template <typename Row, template <typename> class Wide>
__global__ void __launch_bounds__(kThreads) pool_bags(const typename Row::Number* values, const float* scales,
                                                      std::int64_t d, Bags bags, float* out) {
  using W = Wide<Row>;
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.y;
  const bool fused = Row::kScaled || bags.weights != nullptr;
  for (std::int64_t b = std::int64_t{blockIdx.x} * blockDim.y + threadIdx.y; b < bags.bags; b += step) {
    const std::int32_t begin = bags.offsets[b], end = bags.offsets[b + 1];
    const float share = bags.mean && end > begin ? 1.0f / static_cast<float>(end - begin) : 1.0f;
    for (std::int64_t c = std::int64_t{threadIdx.x} * W::kWidth; c < d;
         c += std::int64_t{blockDim.x} * W::kWidth) {
      auto sum = W::zero();
      for (std::int32_t first = begin; first < end; first += kAhead) {
        typename W::Value loaded[kAhead];
        float by[kAhead];
        const int here = end - first < kAhead ? end - first : kAhead;
#pragma unroll
        for (int j = 0; j < kAhead; ++j) {
          loaded[j] = W::zero();
          by[j] = 0.0f;
          if (j >= here) continue;
          const std::int64_t id = bags.ids[first + j];
          loaded[j] = W::load(values + id * d + c);
          by[j] = Row::kScaled ? scales[id] : 1.0f;
          if (bags.weights != nullptr) by[j] *= bags.weights[first + j];
        }
#pragma unroll
        for (int j = 0; j < kAhead; ++j) {
          if (j >= here) continue;
          sum = fused ? W::fused(by[j], loaded[j], sum) : W::plus(sum, loaded[j]);
        }
      }
      *reinterpret_cast<typename W::Value*>(out + b * d + c) = W::times(sum, share);
    }
  }
}

// Threads along a row, a power of two, and rows side by side.
Grid grid_for(std::int64_t rows, std::int64_t pieces) {
  unsigned across = 1;
  while (across < pieces && across < kThreads) across *= 2;
  const unsigned down = kThreads / across;
  return {.blocks = blocks_for(rows, down), .threads = dim3(across, down)};
}

// body.template run<Row, Wide>() for the storage and the length of rows.
template <typename Body>
void with_row(int storage, std::int64_t d, const Body& body) {
  const auto wide = [&]<typename Row>() {
    d % 4 == 0 ? body.template run<Row, Four>() : body.template run<Row, One>();
  };
  if (storage == 0) return wide.template operator()<FloatRow>();
  if (storage == 1) return wide.template operator()<Bf16Row>();
  wide.template operator()<ByteRow>();
}

struct Gather {
  Stream stream;
  const void* values;
  const float* scales;
  std::int64_t d;
  const std::int32_t* ids;
  std::int64_t count;
  float* out;
  template <typename Row, template <typename> class Wide>
  void run() const {
    launch("gather_rows", stream, grid_for(count, d / Wide<Row>::kWidth), gather_rows<Row, Wide>,
           static_cast<const typename Row::Number*>(values), scales, d, ids, count, out);
  }
};

struct Pool {
  Stream stream;
  const void* values;
  const float* scales;
  std::int64_t d;
  Bags bags;
  float* out;
  template <typename Row, template <typename> class Wide>
  void run() const {
    launch("pool_bags", stream, grid_for(bags.bags, d / Wide<Row>::kWidth), pool_bags<Row, Wide>,
           static_cast<const typename Row::Number*>(values), scales, d, bags, out);
  }
};

constexpr int kBytes[] = {4, 2, 1};

}  // namespace

DeviceRows::DeviceRows(Device& device, const RowsView& rows)
    : device_(device),
      d_(rows.d),
      storage_(rows.storage),
      values_(device.memory(), device.stream(), static_cast<const unsigned char*>(rows.values),
              rows.n * rows.d * kBytes[rows.storage]),
      scales_(device.memory(), device.stream(), rows.scales, rows.n) {}

void DeviceRows::lookup(const std::int32_t* ids, std::int64_t count, float* out) {
  if (count == 0) return;
  Memory& memory = device_.memory();
  const Stream stream = device_.stream();
  const Array<std::int32_t> places(memory, stream, ids, count);
  const Array<float> found(memory, count * d_);
  with_row(storage_, d_,
           Gather{stream, values_.data(), scales_.data(), d_, places.data(), count, found.data()});
  found.read(out, stream);
}

void DeviceRows::bag(const BagCall& call) {
  if (call.bags == 0) return;
  Memory& memory = device_.memory();
  const Stream stream = device_.stream();
  const Array<std::int32_t> offsets(memory, stream, call.offsets, call.bags + 1);
  const Array<std::int32_t> ids(memory, stream, call.ids, call.id_count);
  const Array<float> weights(memory, stream, call.weights, call.id_count);
  const Array<float> pooled(memory, call.bags * d_);
  const Bags bags{offsets.data(), ids.data(), weights.data(), call.bags, call.mean != 0};
  with_row(storage_, d_, Pool{stream, values_.data(), scales_.data(), d_, bags, pooled.data()});
  pooled.read(call.out, stream);
}

}  // namespace l4r::cuda
