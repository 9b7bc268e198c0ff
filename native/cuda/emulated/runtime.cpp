#include "cuda/emulated/runtime.h"

#include <ucontext.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <numeric>
#include <vector>

#include "base/rng.h"

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace l4r::cuda::emulated {

namespace {

constexpr std::size_t kGuard = 64, kStack = 64 << 10;       // bytes
constexpr unsigned char kGuardByte = 0xA5, kPoison = 0x7F;  // 0x7F7F7F7F is 3.4e38

struct Allocation {
  std::unique_ptr<unsigned char[]> bytes;
  std::size_t size;
};

// One device of one process; tests use it from one thread.
struct Device {
  std::map<void*, Allocation> taken;
  cudaError_t last = cudaSuccess;
  bool lost = false, lose_next = false;
  int fail_in = -1;
  std::uint64_t launches = 0;
};
Device& device() {
  static Device the_one;
  return the_one;
}

struct Fiber {
  ucontext_t context;
  std::vector<unsigned char> stack = std::vector<unsigned char>(kStack);
  dim3 index;
  std::uint64_t barriers = 0;
  bool done = false;
};

struct Block {
  std::vector<std::unique_ptr<Fiber>> fibers;
  ucontext_t scheduler;
  Fiber* running = nullptr;
  const std::function<void()>* kernel = nullptr;
  std::vector<unsigned char> shared;
};
Block& block_state() {
  static Block the_one;
  return the_one;
}

void enter() {
  Block& block = block_state();
  (*block.kernel)();
  block.running->done = true;
  swapcontext(&block.running->context, &block.scheduler);
}

std::vector<std::uint32_t> shuffled(std::size_t count, std::uint64_t seed) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0u);
  const Philox philox(seed, 0);
  for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[philox.below(i, i)]);
  return order;
}

// Threads in turns, from barrier to barrier, until all are done. False: not all met at the same barriers.
bool run_block(std::uint64_t seed) {
  Block& block = block_state();
  for (auto& fiber : block.fibers) {
    fiber->barriers = 0;
    fiber->done = false;
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = fiber->stack.data();
    fiber->context.uc_stack.ss_size = fiber->stack.size();
    fiber->context.uc_link = nullptr;
    makecontext(&fiber->context, enter, 0);
  }
  std::fill(block.shared.begin(), block.shared.end(), kPoison);
  const auto order = shuffled(block.fibers.size(), seed);
  for (bool any = true; any;) {
    any = false;
    for (const std::uint32_t at : order) {
      Fiber& fiber = *block.fibers[at];
      if (fiber.done) continue;
      any = true;
      block.running = &fiber;
      threadIdx = fiber.index;
      swapcontext(&block.scheduler, &fiber.context);
    }
  }
  return std::all_of(block.fibers.begin(), block.fibers.end(),
                     [&](const auto& fiber) { return fiber->barriers == block.fibers[0]->barriers; });
}

bool guards_whole() {
  for (const auto& [user, allocation] : device().taken) {
    const unsigned char* bytes = allocation.bytes.get();
    for (std::size_t i = 0; i < kGuard; ++i)
      if (bytes[i] != kGuardByte || bytes[kGuard + allocation.size + i] != kGuardByte) return false;
  }
  return true;
}

}  // namespace

void* shared() { return block_state().shared.data(); }

void run(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& kernel) {
  Device& gpu = device();
  if (gpu.lose_next) gpu.lost = true;
  if (gpu.lost) {
    gpu.last = cudaErrorAssert;
    return;
  }
  Block& state = block_state();
  const std::size_t threads = std::size_t{block.x} * block.y * block.z;
  while (state.fibers.size() < threads) state.fibers.push_back(std::make_unique<Fiber>());
  state.fibers.resize(threads);
  for (std::size_t at = 0; at < threads; ++at)
    state.fibers[at]->index = {static_cast<unsigned>(at % block.x),
                               static_cast<unsigned>(at / block.x % block.y),
                               static_cast<unsigned>(at / block.x / block.y)};
  state.shared.assign(shared_bytes, kPoison);
  state.kernel = &kernel;
  gridDim = grid;
  blockDim = block;
  const std::uint64_t seed = ++gpu.launches;
  bool met = true;
  for (const std::uint32_t at : shuffled(std::size_t{grid.x} * grid.y * grid.z, seed)) {
    blockIdx = {at % grid.x, at / grid.x % grid.y, at / grid.x / grid.y};
    met &= run_block(seed * 0x9E3779B97F4A7C15ull + at);
  }
  if (!met || !guards_whole()) gpu.last = cudaErrorAssert;
}

void fail_allocation(int n) { device().fail_in = n; }
void lose_device() { device().lose_next = true; }
void revive_device() { device().lose_next = device().lost = false; }
std::size_t bytes_taken() {
  std::size_t sum = 0;
  for (const auto& [user, allocation] : device().taken) sum += allocation.size;
  return sum;
}

}  // namespace l4r::cuda::emulated

using namespace l4r::cuda::emulated;

void __syncthreads() {
  Block& block = block_state();
  Fiber* fiber = block.running;
  ++fiber->barriers;
  swapcontext(&fiber->context, &block.scheduler);
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* facts, int index) {
  if (index != 0) return cudaErrorInvalidDevice;
  *facts = {"emulated on the processor", std::size_t{1} << 30, 0, 0};
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int index) { return index == 0 ? cudaSuccess : cudaErrorInvalidDevice; }

cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
  Device& gpu = device();
  if (gpu.fail_in >= 0 && gpu.fail_in-- == 0) return cudaErrorMemoryAllocation;
  Allocation made{std::make_unique<unsigned char[]>(bytes + 2 * kGuard), bytes};
  std::memset(made.bytes.get(), kGuardByte, bytes + 2 * kGuard);
  std::memset(made.bytes.get() + kGuard, kPoison, bytes);
  *memory = made.bytes.get() + kGuard;
  gpu.taken.emplace(*memory, std::move(made));
  return cudaSuccess;
}

cudaError_t cudaFree(void* memory) {
  device().taken.erase(memory);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind, cudaStream_t) {
  if (device().lost) return cudaErrorAssert;
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t) { return device().lost ? cudaErrorAssert : cudaSuccess; }

cudaError_t cudaGetLastError() {
  const cudaError_t error = device().last;
  if (!device().lost) device().last = cudaSuccess;
  return error;
}

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInvalidDevice:
      return "invalid device ordinal";
    default:
      return "device-side assert triggered";
  }
}
