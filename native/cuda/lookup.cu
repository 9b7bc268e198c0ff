#include "cuda/lookup.h"

#include <algorithm>

namespace l4r::cuda {

namespace {

constexpr unsigned kThreads = 256;
constexpr std::int64_t kMostBlocks = 1 << 20;  // of a grid; threads take further elements in turn

__device__ inline float widened(float x) { return x; }
__device__ inline float widened(std::uint16_t upper_half) {
  union {
    std::uint32_t bits;
    float number;
  } x{static_cast<std::uint32_t>(upper_half) << 16};
  return x.number;
}
__device__ inline float widened(std::int8_t x) { return static_cast<float>(x); }

// One thread an element of the result: neighbours read neighbours.
template <typename Number>
__global__ void lookup_kernel(const Number* values, const float* scales, std::int64_t d,
                              const std::int32_t* ids, std::int64_t elements, float* into) {
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t at = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; at < elements; at += step) {
    const std::int64_t id = ids[at / d];
    const float x = widened(values[id * d + at % d]);
    into[at] = scales == nullptr ? x : __fmul_rn(x, scales[id]);
  }
}

// One thread a column of a bag, which adds in the order of the ids.
template <typename Number>
__global__ void bag_kernel(const Number* values, const float* scales, std::int64_t d,
                           const std::int32_t* offsets, const std::int32_t* ids, const float* weights,
                           bool mean, std::int64_t elements, float* into) {
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t at = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; at < elements; at += step) {
    const std::int64_t column = at % d;
    const std::int32_t begin = offsets[at / d], end = offsets[at / d + 1];
    float sum = 0;
    for (std::int32_t j = begin; j < end; ++j) {
      const std::int64_t id = ids[j];
      const float x = widened(values[id * d + column]);
      if (scales == nullptr && weights == nullptr) {
        sum = __fadd_rn(sum, x);
      } else {
        const float scale = scales == nullptr ? 1.0f : scales[id];
        sum = __fmaf_rn(weights == nullptr ? scale : __fmul_rn(scale, weights[j]), x, sum);
      }
    }
    into[at] = __fmul_rn(sum, mean && end > begin ? __fdiv_rn(1.0f, static_cast<float>(end - begin)) : 1.0f);
  }
}

dim3 grid_of(std::int64_t elements) {
  return dim3{static_cast<unsigned>(std::min(kMostBlocks, (elements + kThreads - 1) / kThreads)), 1, 1};
}

// body(values, scales) with the rows on the device, as numbers of their storage.
template <typename Body>
void with_rows(Device& device, const Rows& rows, const Body& body) {
  const auto run = [&](auto number) {
    using Number = decltype(number);
    const DeviceArray<Number> values(device, static_cast<const Number*>(rows.values), rows.n * rows.d,
                                     "table");
    DeviceArray<float> scales;
    if (rows.scales != nullptr) scales = DeviceArray<float>(device, rows.scales, rows.n, "scales");
    body(values.data(), scales.data());
  };
  if (rows.storage == kFloat32) return run(float{});
  if (rows.storage == kBf16) return run(std::uint16_t{});
  run(std::int8_t{});
}

}  // namespace

void lookup(Device& device, const Rows& rows, const std::int32_t* ids, std::int64_t count, float* into) {
  const std::int64_t elements = count * rows.d;
  if (elements == 0) return;
  with_rows(device, rows, [&](const auto* values, const float* scales) {
    using Number = std::remove_const_t<std::remove_pointer_t<decltype(values)>>;
    const DeviceArray<std::int32_t> places(device, ids, count, "ids");
    const DeviceArray<float> found(device, elements);
    launch(device, "lookup", lookup_kernel<Number>, grid_of(elements), kThreads, 0, values, scales, rows.d,
           places.data(), elements, found.data());
    device.copy_out(into, found.data(), static_cast<std::size_t>(elements) * sizeof(float), "lookup");
  });
}

void bag(Device& device, const Rows& rows, const BagList& bags, float* into) {
  const std::int64_t elements = bags.bags * rows.d;
  if (elements == 0) return;
  with_rows(device, rows, [&](const auto* values, const float* scales) {
    using Number = std::remove_const_t<std::remove_pointer_t<decltype(values)>>;
    const std::int64_t count = bags.offsets[bags.bags];
    const DeviceArray<std::int32_t> offsets(device, bags.offsets, bags.bags + 1, "offsets");
    const DeviceArray<std::int32_t> ids(device, bags.ids, count, "ids");
    DeviceArray<float> weights;
    if (bags.weights != nullptr) weights = DeviceArray<float>(device, bags.weights, count, "weights");
    const DeviceArray<float> pooled(device, elements);
    launch(device, "bag", bag_kernel<Number>, grid_of(elements), kThreads, 0, values, scales, rows.d,
           offsets.data(), ids.data(), weights.data(), bags.mean, elements, pooled.data());
    device.copy_out(into, pooled.data(), static_cast<std::size_t>(elements) * sizeof(float), "bag");
  });
}

}  // namespace l4r::cuda
