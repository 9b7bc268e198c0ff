#include "base/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "base/cpu.h"
#include "base/status.h"

namespace l4r {

// One run: threads draw chunk numbers until there are none left. Shared by the caller and the workers that
// joined.
struct ThreadPool::Job {
  Call call;
  void* context;
  std::int64_t chunks;
  int helpers_wanted;  // guarded by State::mutex
  std::atomic<std::int64_t> next{0};
  std::atomic<std::int64_t> done{0};
  std::mutex mutex;
  std::condition_variable finished;
  std::exception_ptr failure;  // guarded by mutex
};

struct ThreadPool::State {
  std::mutex mutex;
  std::condition_variable work_arrived;
  std::deque<std::shared_ptr<Job>> jobs;  // those that want helpers
  std::atomic<bool> work{false};          // !jobs.empty(), for those who look without the mutex
  int workers = 0;
  int sleeping = 0;
  std::atomic<int> threads{1};
};

namespace {

int initial_threads() {
  const char* text = std::getenv("LLAMA4REC_THREADS");
  if (text == nullptr || *text == '\0') return std::min(usable_processors(), 256);
  char* end = nullptr;
  const long count = std::strtol(text, &end, 10);
  require(*end == '\0' && count >= 1 && count <= 256,
          "LLAMA4REC_THREADS: expected an integer in 1..256, got \"", text, "\"");
  return static_cast<int>(count);
}

void pause_processor() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// The parallel runs of a training step follow each other within microseconds, and waking a sleeper takes
// longer than that. Both sides therefore look out for this long before they sleep; never longer, for the core
// may be wanted.
constexpr auto kPatience = std::chrono::microseconds(20);

// Returns as soon as `ready` holds, or when patience has run out.
template <typename Ready>
void wait_awake(Ready ready) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  do {
    for (int spin = 0; spin < 16; ++spin) {
      if (ready()) return;
      pause_processor();
    }
  } while (std::chrono::steady_clock::now() < end);
}

}  // namespace

ThreadPool& ThreadPool::shared() {
  static ThreadPool* const pool = std::unique_ptr<ThreadPool>(new ThreadPool).release();
  return *pool;
}

ThreadPool::ThreadPool() : state_(std::make_unique<State>()) { state_->threads = initial_threads(); }

int ThreadPool::threads() const noexcept { return state_->threads.load(std::memory_order_relaxed); }

void ThreadPool::set_threads(int count) {
  require(count >= 1 && count <= 256, "threads: expected an integer in 1..256, got ", count);
  state_->threads = count;
}

void ThreadPool::take_part(Job& job) {
  for (;;) {
    const std::int64_t chunk = job.next.fetch_add(1, std::memory_order_relaxed);
    if (chunk >= job.chunks) return;
    try {
      job.call(job.context, chunk);
    } catch (...) {
      const std::lock_guard lock(job.mutex);
      if (!job.failure) job.failure = std::current_exception();
    }
    if (job.done.fetch_add(1, std::memory_order_acq_rel) + 1 == job.chunks) {
      const std::lock_guard lock(job.mutex);
      job.finished.notify_all();
    }
  }
}

void ThreadPool::work() {
  for (;;) {
    wait_awake([this] { return state_->work.load(std::memory_order_acquire); });
    std::shared_ptr<Job> job;
    {
      std::unique_lock lock(state_->mutex);
      ++state_->sleeping;
      state_->work_arrived.wait(lock, [this] { return !state_->jobs.empty(); });
      --state_->sleeping;
      job = state_->jobs.front();
      if (--job->helpers_wanted <= 0) drop(job);
    }
    take_part(*job);
  }
}

// Nobody has to join this job any more. The caller holds the mutex.
void ThreadPool::drop(const std::shared_ptr<Job>& job) {
  std::erase(state_->jobs, job);
  state_->work.store(!state_->jobs.empty(), std::memory_order_release);
}

void ThreadPool::start_workers(int count) {
  try {
    while (state_->workers < count) {
      std::thread([this] { work(); }).detach();
      ++state_->workers;
    }
  } catch (const std::system_error&) {
    // The system gives no more threads: those there are do the work, in the worst case the caller alone.
  }
}

void ThreadPool::run_chunks(std::int64_t chunks, Call call, void* context) {
  if (chunks <= 0) return;
  const int helpers = static_cast<int>(std::min<std::int64_t>(threads() - 1, chunks - 1));
  if (helpers <= 0) {
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) call(context, chunk);
    return;
  }
  const auto job = std::make_shared<Job>();
  job->call = call;
  job->context = context;
  job->chunks = chunks;
  job->helpers_wanted = helpers;
  int sleeping = 0;
  {
    const std::lock_guard lock(state_->mutex);
    start_workers(helpers);
    state_->jobs.push_back(job);
    state_->work.store(true, std::memory_order_release);
    sleeping = state_->sleeping;
  }
  for (int woken = 0; woken < std::min(helpers, sleeping); ++woken) state_->work_arrived.notify_one();

  take_part(*job);
  {
    const std::lock_guard lock(state_->mutex);
    drop(job);
  }
  wait_awake([&] { return job->done.load(std::memory_order_acquire) == chunks; });
  std::exception_ptr failure;
  {
    std::unique_lock lock(job->mutex);
    job->finished.wait(lock, [&] { return job->done.load(std::memory_order_acquire) == chunks; });
    failure = std::move(job->failure);  // a worker may let go of the job after this run has ended
  }
  if (failure) std::rethrow_exception(std::move(failure));
}

}  // namespace l4r
