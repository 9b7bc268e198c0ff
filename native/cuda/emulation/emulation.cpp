#include <exception>
#include <memory>
#include <stdexcept>
#include <vector>

#include "base/status.h"
#include "cuda/emulation/control.h"
#include "cuda/emulation/device.h"
#include "cuda/emulation/fiber.h"

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace l4r::cuda::emulation {

namespace {

constexpr int kLanes = 32;
constexpr unsigned char kPoison = 0xFF, kGuard = 0xA5;  // four of the first are a float that is none
constexpr std::size_t kGuardBytes = 256;

// splitmix64: which of the threads that can run does.
class Order {
 public:
  explicit Order(std::uint64_t seed) : state_(seed) {}
  std::size_t below(std::size_t bound) {
    std::uint64_t x = state_ += 0x9E3779B97F4A7C15ull;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    return static_cast<std::size_t>(((x ^ (x >> 31)) >> 32) * bound >> 32);
  }

 private:
  std::uint64_t state_;
};

struct Warp {
  std::uint64_t words[2][kLanes];  // of this call and the one before, which some lanes may still read
  int turn = 0, waiting = 0;
};

enum class State { ready, at_barrier, in_warp, over };

struct Thread {
  dim3 index;
  int number = 0;
  State state = State::over;
  std::unique_ptr<Fiber> fiber;
};

struct Block {
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  std::vector<int> ready;
  std::vector<unsigned char> shared;
  std::size_t shared_bytes = 0;
  int live = 0, at_barrier = 0;
  Thread* current = nullptr;
  const std::function<void()>* kernel = nullptr;
  std::string fault;
};

Block the_block;
Block& block() { return the_block; }

void fail(const std::string& what) {
  if (block().fault.empty()) block().fault = what;
}

// Threads are made once and live on from launch to launch.
void body(void* argument) {
  auto& self = *static_cast<Thread*>(argument);
  for (;;) {
    try {
      (*block().kernel)();
    } catch (const std::exception& error) {
      fail(error.what());
    }
    self.state = State::over;
    --block().live;
    self.fiber->yield();
  }
}

void leave(State state) {
  Thread& self = *block().current;
  self.state = state;
  self.fiber->yield();
}

void wake(Thread& thread) {
  thread.state = State::ready;
  block().ready.push_back(thread.number);
}

void run_block(Order& order) {
  Block& b = block();
  std::fill(b.shared.begin(), b.shared.end(), kGuard);
  std::fill_n(b.shared.begin(), b.shared_bytes, kPoison);
  b.ready.clear();
  b.at_barrier = 0;
  for (Warp& warp : b.warps) warp.turn = warp.waiting = 0;
  const auto count = static_cast<int>(blockDim.x * blockDim.y * blockDim.z);
  b.live = count;
  for (int i = 0; i < count; ++i) wake(b.threads[static_cast<std::size_t>(i)]);
  while (!b.ready.empty() && b.fault.empty()) {
    std::swap(b.ready[order.below(b.ready.size())], b.ready.back());
    Thread& next = b.threads[static_cast<std::size_t>(b.ready.back())];
    b.ready.pop_back();
    b.current = &next;
    threadIdx = next.index;
    ++control().switches;
    next.fiber->resume();
  }
  if (b.fault.empty() && b.live > 0) fail("threads wait for others that have left, or wait elsewhere");
  for (std::size_t i = b.shared_bytes; i < b.shared.size(); ++i)
    if (b.shared[i] != kGuard) return fail("a thread wrote beyond the block's shared memory");
}

}  // namespace

Control& control() {
  static Control one;
  return one;
}

unsigned char* shared_bytes() { return block().shared.data(); }

int lane_in_warp() { return block().current->number % kLanes; }

void barrier() {
  Block& b = block();
  // Also those that have left are missing: a GPU may or may not forgive that.
  if (++b.at_barrier < static_cast<int>(blockDim.x * blockDim.y * blockDim.z))
    return leave(State::at_barrier);
  b.at_barrier = 0;
  for (Thread& thread : b.threads)
    if (thread.state == State::at_barrier) wake(thread);
  wake(*b.current);  // others may go first
  b.current->fiber->yield();
}

const std::uint64_t* exchange(std::uint64_t own, unsigned mask) {
  Block& b = block();
  if (mask != 0xFFFFFFFFu) throw std::logic_error("a warp-wide call without all lanes");
  Thread& self = *b.current;
  const int number = self.number;
  Warp& warp = b.warps[static_cast<std::size_t>(number / kLanes)];
  const int turn = warp.turn;
  warp.words[turn][number % kLanes] = own;
  if (++warp.waiting < kLanes) {
    leave(State::in_warp);
  } else {
    warp.waiting = 0;
    warp.turn = 1 - turn;
    const int first = number / kLanes * kLanes;
    for (int i = first; i < first + kLanes; ++i)
      if (Thread& other = b.threads[static_cast<std::size_t>(i)]; other.state == State::in_warp) wake(other);
    wake(self);
    self.fiber->yield();
  }
  return warp.words[turn];
}

void run(const std::string& site, dim3 blocks, dim3 threads, std::size_t shared,
         const std::function<void()>& kernel) {
  Control& machine = control();
  if (machine.lose_next_launch) machine.lost = true;
  machine.lose_next_launch = false;
  if (machine.lost) throw Error(Code::device, "the device is lost: " + site);
  const std::size_t count = std::size_t{threads.x} * threads.y * threads.z;
  if (count == 0 || count > 1024 || count % kLanes != 0 || blocks.x == 0 || blocks.y == 0 || blocks.z == 0 ||
      blocks.y > 65535 || blocks.z > 65535 || shared > (std::size_t{227} << 10))
    throw Error(Code::internal, site + ": no grid that a GPU takes");
  Block& b = block();
  gridDim = blocks;
  blockDim = threads;
  b.kernel = &kernel;
  b.fault.clear();
  b.shared_bytes = shared;
  b.shared.resize(shared + kGuardBytes);
  b.warps.resize(count / kLanes);
  // A thread that a fault left in the middle of a kernel is thrown away with its stack.
  b.threads.resize(1024);
  for (std::size_t i = 0; i < count; ++i) {
    Thread& thread = b.threads[i];
    if (thread.fiber == nullptr || thread.state != State::over)
      thread.fiber = std::make_unique<Fiber>(body, &thread);
    thread.state = State::over;
    thread.number = static_cast<int>(i);
    const auto at = static_cast<unsigned>(i);
    thread.index = {at % threads.x, at / threads.x % threads.y, at / threads.x / threads.y};
  }
  Order order(machine.seed);
  std::vector<std::size_t> places(std::size_t{blocks.x} * blocks.y * blocks.z);
  for (std::size_t i = 0; i < places.size(); ++i) places[i] = i;
  for (std::size_t left = places.size(); left > 0; --left) {
    std::swap(places[order.below(left)], places[left - 1]);
    const auto at = static_cast<unsigned>(places[left - 1]);
    blockIdx = {at % blocks.x, at / blocks.x % blocks.y, at / blocks.x / blocks.y};
    run_block(order);
    if (!b.fault.empty()) throw Error(Code::internal, site + ": " + b.fault);
  }
}

}  // namespace l4r::cuda::emulation
