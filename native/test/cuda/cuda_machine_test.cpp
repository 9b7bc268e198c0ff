// The emulated machine itself, and what a device does when something goes wrong: only where it is emulated.
#include "base/status.h"
#include "check_cuda.h"
#include "cuda/device.h"
#include "cuda/launch.h"
#include "cuda/tile.h"

namespace {

using namespace l4r;
using namespace l4r::cuda;
using emulation::control;
using test::check;

template <typename Body>
void check_thrown(Code code, const std::string& part, const Body& body) {
  try {
    body();
    check(false, "expected an error that says \"" + part + "\"");
  } catch (const Error& error) {
    check(error.code() == code && std::string(error.what()).find(part) != std::string::npos,
          "expected \"" + part + "\" in \"" + error.what() + "\"");
  }
}

// Sums a block's numbers over warps and shared memory.
__global__ void sum_block(const int* in, int* out) {
  int* const sums = reinterpret_cast<int*>(shared_bytes());
  const int warp = static_cast<int>(threadIdx.x) / kWarp, warps = static_cast<int>(blockDim.x) / kWarp;
  const int own = warp_sum(in[blockIdx.x * blockDim.x + threadIdx.x]);
  if (lane() == 0) sums[warp] = own;
  __syncthreads();
  if (threadIdx.x != 0) return;
  int total = 0;
  for (int w = 0; w < warps; ++w) total += sums[w];
  out[blockIdx.x] = total;
}

// Without the barrier: what it reads depends on who was first.
__global__ void racing(int* out) {
  int* const shared = reinterpret_cast<int*>(shared_bytes());
  shared[threadIdx.x] = static_cast<int>(threadIdx.x);
  out[threadIdx.x] = shared[(threadIdx.x + 32) % blockDim.x];
}

__global__ void leaving() {
  if (threadIdx.x == 3) return;
  __syncthreads();
}

__global__ void beyond_shared() { shared_bytes()[4 * blockDim.x] = 1; }
__global__ void beyond(int* out, int at) { out[at] = 1; }

Grid grid(unsigned blocks, unsigned threads, std::size_t shared = 0) {
  return {.blocks = dim3(blocks), .threads = dim3(threads), .shared = shared};
}

const test::Add blocks("threads of a block meet at barriers and in warps, in any order", [] {
  std::vector<int> in(4 * 96), out(4);
  for (std::size_t i = 0; i < in.size(); ++i) in[i] = static_cast<int>(i * i % 101);
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    control().seed = seed;
    launch("sum_block", nullptr, grid(4, 96, 3 * sizeof(int)), sum_block, in.data(), out.data());
    for (std::size_t b = 0; b < 4; ++b) {
      int expected = 0;
      for (std::size_t i = 0; i < 96; ++i) expected += in[b * 96 + i];
      check(out[b] == expected, "block " + std::to_string(b) + " with seed " + std::to_string(seed));
    }
  }
});

// A warp with the tile's operands in memory: left [16 x 32], right [8 x 32], out [16 x 8].
__global__ void one_tile(const unsigned* left, const unsigned* right, int* out) {
  const int g = lane() / 4, t = lane() % 4;
  const unsigned a[4] = {left[g * 8 + t], left[(g + 8) * 8 + t], left[g * 8 + t + 4],
                         left[(g + 8) * 8 + t + 4]};
  const unsigned b[2] = {right[g * 8 + t], right[g * 8 + t + 4]};
  int sums[4] = {out[g * 8 + 2 * t], out[g * 8 + 2 * t + 1], out[(g + 8) * 8 + 2 * t],
                 out[(g + 8) * 8 + 2 * t + 1]};
  multiply_tile(sums, a, b);
  for (int i = 0; i < 4; ++i) out[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = sums[i];
}

const test::Add tile("a tile is a product of matrices of bytes, added", [] {
  std::vector<std::int8_t> left(16 * 32), right(8 * 32);
  for (std::size_t i = 0; i < left.size(); ++i) left[i] = static_cast<std::int8_t>(i * 37 % 255 - 127);
  for (std::size_t i = 0; i < right.size(); ++i) right[i] = static_cast<std::int8_t>(i * 91 % 255 - 127);
  std::vector<int> out(16 * 8);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<int>(i);
  launch("one_tile", nullptr, grid(1, 32), one_tile, reinterpret_cast<const unsigned*>(left.data()),
         reinterpret_cast<const unsigned*>(right.data()), out.data());
  for (std::size_t r = 0; r < 16; ++r)
    for (std::size_t c = 0; c < 8; ++c) {
      int expected = static_cast<int>(r * 8 + c);
      for (std::size_t j = 0; j < 32; ++j) expected += left[r * 32 + j] * right[c * 32 + j];
      check(out[r * 8 + c] == expected, "row " + std::to_string(r) + ", column " + std::to_string(c));
    }
});

const test::Add races("a missing barrier shows: other orders give other bits", [] {
  std::vector<int> first(128), again(128);
  control().seed = 1;
  launch("racing", nullptr, grid(1, 128, 128 * sizeof(int)), racing, first.data());
  bool differs = false;
  for (std::uint64_t seed = 2; seed < 6; ++seed) {
    control().seed = seed;
    launch("racing", nullptr, grid(1, 128, 128 * sizeof(int)), racing, again.data());
    differs |= again != first;
  }
  check(differs, "five orders gave the same");
});

const test::Add faults("a kernel's faults name it and the place of its launch", [] {
  check_thrown(Code::internal, "cuda_machine_test.cpp",
               [] { launch("leaving", nullptr, grid(1, 64), leaving); });
  check_thrown(Code::internal, "leaving at", [] { launch("leaving", nullptr, grid(1, 64), leaving); });
  check_thrown(Code::internal, "shared memory",
               [] { launch("beyond_shared", nullptr, grid(1, 32, 128), beyond_shared); });
  check_thrown(Code::internal, "no grid", [] { launch("leaving", nullptr, grid(1, 33), leaving); });
});

const test::Add guards("a write beside a piece of memory is found", [] {
  Device device(0, 0);
  for (const int at : {-1, 16})
    check_thrown(Code::internal, "beside the memory", [&] {
      device.run([&] {
        const Array<int> piece(device.memory(), 16);
        launch("beyond", device.stream(), grid(1, 32), beyond, piece.data(), at);
      });
    });
  device.run([&] {
    const Array<int> piece(device.memory(), 16);
    launch("beyond", device.stream(), grid(1, 32), beyond, piece.data(), 15);
    std::vector<int> read(16);
    piece.read(read.data(), device.stream());
    check(read[15] == 1 && read[0] == -1, "fresh memory is poisoned");
  });
});

const test::Add keeping("memory is kept, counted, and held to the budget", [] {
  Memory memory(nullptr, 1 << 20, true);
  void* const first = memory.take(1000);
  memory.give(first);
  check(memory.facts().in_use == 0 && memory.facts().kept > 0, "what comes back is kept");
  void* const second = memory.take(900);
  check(second == first && memory.facts().kept == 0, "and handed out again");
  check(memory.take(0) == nullptr, "nothing is null");
  check_thrown(Code::no_memory, "budget of 1048576", [&] { memory.take(1 << 20); });
  memory.give(second);
  void* const large = memory.take((1 << 20) - 2000);
  check(large != nullptr && memory.facts().kept == 0, "what is kept makes room");
  memory.give(large);
  memory.trim();
  check(memory.facts().in_use == 0 && memory.facts().kept == 0, "all is given back");
});

const test::Add exhausted("a device without room refuses, and stays usable", [] {
  const std::vector<float> values(1000, 1.0f);
  const RowsView rows{values.data(), nullptr, 100, 10, 0};
  DeviceRows* made = nullptr;
  const std::size_t before = control().memory;
  Device* device = nullptr;
  test::succeed([&](Report* report) { return test::backend().open(0, 0, &device, report); });
  control().memory = 1000;
  test::refuse(Outcome::no_memory, "not to be had",
               [&](Report* report) { return test::backend().rows_create(device, &rows, &made, report); });
  control().memory = before;
  test::succeed([&](Report* report) { return test::backend().rows_create(device, &rows, &made, report); });
  const std::int32_t id = 7;
  std::vector<float> out(10);
  test::succeed([&](Report* report) { return test::backend().lookup(made, &id, 1, out.data(), report); });
  check(out[9] == 1.0f, "the row");

  control().lose_next_launch = true;
  const auto again = [&](Report* report) { return test::backend().lookup(made, &id, 1, out.data(), report); };
  test::refuse(Outcome::device, "lost: gather_rows at", again);
  control().lost = false;  // even then this device answers the same
  test::refuse(Outcome::device, "lost: gather_rows at", again);
  test::backend().rows_destroy(made);
});

const test::Add missing("a device that is not there is refused", [] {
  Device* device = nullptr;
  const auto open = [&](std::int32_t index) {
    return [&device, index](Report* report) { return test::backend().open(index, 0, &device, report); };
  };
  test::refuse(Outcome::device, "no device 1, 1 are there", open(1));
  test::refuse(Outcome::device, "no device -1", open(-1));
  control().devices = 0;
  test::refuse(Outcome::device, "none is visible", open(0));
  control().devices = 1;
});

}  // namespace

int main() {
  setenv("LLAMA4REC_CUDA_GUARDS", "1", 1);
  return l4r::test::run_all();
}
