#include "serving/probe.h"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <system_error>
#include <thread>
#include <vector>

#include "base/buffer.h"
#include "base/status.h"
#include "serving/scan_kernels.h"

namespace l4r {

namespace {

constexpr int kRuns = 7;
constexpr int kMaxThreads = 256;

using Clock = std::chrono::steady_clock;

// Least seconds that `threads` threads, started together, take for work(thread).
template <typename Work>
double best_seconds(int threads, const Work& work) {
  std::barrier gate(threads);
  std::vector<double> seconds(kRuns);
  const auto take_part = [&](int thread) {
    for (int run = 0; run < kRuns; ++run) {
      gate.arrive_and_wait();
      const auto start = Clock::now();
      work(thread);
      gate.arrive_and_wait();
      if (thread == 0)
        seconds[static_cast<std::size_t>(run)] = std::chrono::duration<double>(Clock::now() - start).count();
    }
  };
  std::vector<std::thread> others;
  others.reserve(static_cast<std::size_t>(threads));
  bool complete = true;
  try {
    for (int thread = 1; thread < threads; ++thread) others.emplace_back(take_part, thread);
  } catch (const std::system_error&) {
    complete = false;  // those there are must not wait for the ones that never came
    for (auto missing = static_cast<std::size_t>(threads) - 1 - others.size(); missing > 0; --missing)
      gate.arrive_and_drop();
  }
  take_part(0);
  for (std::thread& other : others) other.join();
  if (!complete) throw Error(Code::no_memory, "the system gives no more threads");
  return *std::min_element(seconds.begin(), seconds.end());
}

// Results go here so that the work cannot be dropped.
std::atomic<float> sink{0};

void check_threads(int threads) {
  require(threads >= 1 && threads <= kMaxThreads, "threads: expected 1..", kMaxThreads, ", got ", threads);
}

}  // namespace

double read_bandwidth(std::int64_t bytes, int threads) {
  check_threads(threads);
  constexpr std::int64_t kStep = 128;  // floats, as the kernel wants
  const std::int64_t share = bytes / static_cast<std::int64_t>(sizeof(float)) / threads / kStep * kStep;
  require(share > 0, "bytes: expected at least ", kStep * sizeof(float), " a thread, got ", bytes);
  const Buffer<float> memory(share * threads);
  constexpr std::int64_t kBytesPerRun = std::int64_t{1} << 28;
  const std::int64_t used = share * threads * static_cast<std::int64_t>(sizeof(float));
  const std::int64_t repeats = std::max<std::int64_t>(1, kBytesPerRun / used);
  const auto& kernels = scan_kernels();
  const double seconds = best_seconds(threads, [&](int thread) {
    float total = 0;
    for (std::int64_t repeat = 0; repeat < repeats; ++repeat)
      total += kernels.read(memory.data() + thread * share, share);
    sink.store(total, std::memory_order_relaxed);
  });
  return static_cast<double>(used * repeats) / seconds / 1e9;
}

double fma_rate(int threads) {
  check_threads(threads);
  constexpr std::int64_t kRounds = 2'000'000;
  const auto& kernels = scan_kernels();
  const double seconds = best_seconds(
      threads, [&](int) { sink.store(kernels.multiply_add(kRounds), std::memory_order_relaxed); });
  return 2.0 * static_cast<double>(kRounds * kernels.multiply_adds_per_round * threads) / seconds / 1e9;
}

double byte_multiply_rate(int threads) {
  check_threads(threads);
  constexpr std::int64_t kRounds = 1'000'000;
  const auto& kernels = scan_kernels();
  const double seconds = best_seconds(
      threads, [&](int) { sink.store(kernels.multiply_add_bytes(kRounds), std::memory_order_relaxed); });
  return 2.0 * static_cast<double>(kRounds * kernels.byte_multiply_adds_per_round * threads) / seconds / 1e9;
}

}  // namespace l4r
