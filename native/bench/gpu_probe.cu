#include "gpu_probe.cuh"

#include <algorithm>
#include <vector>

#include "cuda/launch.h"

namespace l4r::bench {

using namespace cuda;

namespace {

constexpr int kThreads = 256;

__global__ void __launch_bounds__(kThreads) copy_all(const float4* from, float4* to, std::int64_t count) {
  const std::int64_t step = std::int64_t{gridDim.x} * kThreads;
  for (std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x; i < count; i += step)
    to[i] = from[i];
}

constexpr int kChains = 8;

// mma.sync of 16 x 8 x 16: enough independent sums to keep the tensor cores busy.
__global__ void __launch_bounds__(kThreads) multiply_add(int rounds, float* out) {
  float sums[kChains][4] = {};
  const unsigned a = 0x3C003C00u + threadIdx.x % 2, b = 0x3C003C00u;
  for (int round = 0; round < rounds; ++round)
#pragma unroll
    for (int c = 0; c < kChains; ++c)
      asm volatile(
          "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
          "{%0,%1,%2,%3};"
          : "+f"(sums[c][0]), "+f"(sums[c][1]), "+f"(sums[c][2]), "+f"(sums[c][3])
          : "r"(a), "r"(a), "r"(a), "r"(a), "r"(b), "r"(b));
  float total = 0.0f;
  for (int c = 0; c < kChains; ++c)
    for (int i = 0; i < 4; ++i) total += sums[c][i];
  out[blockIdx.x * kThreads + threadIdx.x] = total;
}

// The least of several runs, the first not counted.
template <typename Body>
double least_seconds(Device& device, const Body& body) {
  runtime::Timer timer(device.stream());
  body();
  double least = 1e9;
  for (int i = 0; i < 10; ++i) {
    timer.start();
    body();
    least = std::min(least, timer.stop());
  }
  return least;
}

}  // namespace

double copy_bandwidth(Device& device) {
  constexpr std::int64_t kCount = std::int64_t{1} << 26;  // 1 GiB
  double rate = 0;
  device.run([&] {
    Array<float4> from(device.memory(), kCount);
    const Array<float4> to(device.memory(), kCount);
    from.zero(device.stream());
    const double seconds = least_seconds(device, [&] {
      launch("copy_all", device.stream(), {.blocks = dim3(8192), .threads = dim3(kThreads)}, copy_all,
             from.data(), to.data(), kCount);
    });
    rate = 2.0 * static_cast<double>(from.bytes()) / seconds;
  });
  return rate;
}

double matrix_rate(Device& device) {
  constexpr int kRounds = 4096, kBlocks = 2048;
  double rate = 0;
  device.run([&] {
    const Array<float> out(device.memory(), std::int64_t{kBlocks} * kThreads);
    const double seconds = least_seconds(device, [&] {
      launch("multiply_add", device.stream(), {.blocks = dim3(kBlocks), .threads = dim3(kThreads)},
             multiply_add, kRounds, out.data());
    });
    const double warps = double{kBlocks} * kThreads / kWarp;
    rate = warps * kRounds * kChains * 2.0 * 16 * 8 * 16 / seconds;
  });
  return rate;
}

}  // namespace l4r::bench
