#include "base/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <exception>
#include <limits>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "base/cpu.h"
#include "base/status.h"

namespace l4r {

namespace {

thread_local ThreadPool::Lane own_lane;

}  // namespace

// One run: threads draw chunk numbers until there are none left. Shared by the caller and the workers that
// joined.
struct ThreadPool::Job {
  Call call;
  void* context;
  std::int64_t chunks;
  Lane lane;
  std::shared_ptr<Job> outermost;  // of the runs that this one is nested in; null when there is none
  // Helpers that may still join: this run; and, counted in the outermost, all of the nest. Both guarded by
  // State::mutex.
  int places;
  int crew_places;
  std::atomic<std::int64_t> next{0};
  std::atomic<std::int64_t> done{0};
  std::mutex mutex;
  std::condition_variable finished;
  std::exception_ptr failure;  // guarded by mutex
  // The run whose chunk this thread executes; null outside of all.
  static inline thread_local const std::shared_ptr<Job>* current = nullptr;

  Job& crew() { return outermost ? *outermost : *this; }
  bool drained() const { return next.load(std::memory_order_relaxed) >= chunks; }
  bool wants_help() { return places > 0 && crew().crew_places > 0 && !drained(); }
};

// The functions expect the caller to hold the mutex.
struct ThreadPool::State {
  std::mutex mutex;
  std::condition_variable work_arrived;
  std::deque<std::shared_ptr<Job>> jobs;  // runs with chunks to draw, oldest first
  // For those who look without the mutex: is there a run that a free worker may join, does one of the
  // foreground want help, are there more helpers than places?
  std::atomic<bool> work{false};
  std::atomic<bool> foreground_work{false};
  std::atomic<bool> crowded{false};
  int workers = 0;
  int sleeping = 0;
  int helping = 0;  // no new one beyond `places`, though more workers may be left of earlier days
  int seats = 0;    // threads that count as the pool's own
  std::atomic<int> threads{1};

  // Helpers that there may be: one place belongs to the caller, be it seated or not.
  int places() const { return threads.load(std::memory_order_relaxed) - std::max(seats, 1); }
  bool may_help() const { return helping < places(); }

  // The run that a free worker should join, null when none wants help.
  std::shared_ptr<Job> first() {
    std::shared_ptr<Job> best;
    for (const auto& job : jobs) {
      if (!job->wants_help() || (best && job->lane.background)) continue;
      best = job;
      if (!job->lane.background) break;
    }
    work.store(best != nullptr && may_help(), std::memory_order_release);
    foreground_work.store(best != nullptr && !best->lane.background, std::memory_order_relaxed);
    crowded.store(helping > std::max(places(), 0), std::memory_order_relaxed);
    return best;
  }

  std::shared_ptr<Job> join() {
    auto job = first();
    if (!job || !may_help()) return nullptr;
    ++helping;
    --job->places;
    --job->crew().crew_places;
    first();
    return job;
  }

  // What a helper leaves may be taken by the helper itself or by a sleeper: one is woken in case the former
  // goes elsewhere.
  void leave(Job& job) {
    --helping;
    ++job.places;
    ++job.crew().crew_places;
    if (first() && sleeping > 0) work_arrived.notify_one();
  }

  void close(const std::shared_ptr<Job>& job) {
    std::erase(jobs, job);
    first();
  }
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

void ThreadPool::set_lane(int limit, bool background) {
  require(limit >= 0 && limit <= 256, "threads of a lane: expected an integer in 0..256, got ", limit);
  own_lane = {limit, background};
}

ThreadPool::Lane ThreadPool::lane() noexcept { return own_lane; }

ThreadPool::Seat::Seat(ThreadPool& pool) : pool_(pool) {
  const std::lock_guard lock(pool_.state_->mutex);
  ++pool_.state_->seats;
  pool_.state_->first();
}

ThreadPool::Seat::~Seat() {
  State& state = *pool_.state_;
  const std::lock_guard lock(state.mutex);
  --state.seats;
  if (state.first() && state.sleeping > 0) state.work_arrived.notify_one();
}

void ThreadPool::take_part(const std::shared_ptr<Job>& job, Role role) {
  const auto* const outer = std::exchange(Job::current, &job);
  const bool helps = role == Role::helper, gives_way = helps && job->lane.background;
  while (!(helps && state_->crowded.load(std::memory_order_relaxed)) &&
         !(gives_way && state_->foreground_work.load(std::memory_order_relaxed))) {
    const std::int64_t chunk = job->next.fetch_add(1, std::memory_order_relaxed);
    if (chunk >= job->chunks) break;
    try {
      job->call(job->context, chunk);
    } catch (...) {
      const std::lock_guard lock(job->mutex);
      if (!job->failure) job->failure = std::current_exception();
    }
    if (job->done.fetch_add(1, std::memory_order_acq_rel) + 1 == job->chunks) {
      const std::lock_guard lock(job->mutex);
      job->finished.notify_all();
    }
  }
  Job::current = outer;
}

void ThreadPool::work() {
  for (;;) {
    std::shared_ptr<Job> job;
    wait_awake([&] {
      if (!state_->work.load(std::memory_order_acquire)) return false;
      const std::lock_guard lock(state_->mutex);
      job = state_->join();
      return job != nullptr;
    });
    if (!job) {
      std::unique_lock lock(state_->mutex);
      ++state_->sleeping;
      state_->work_arrived.wait(lock, [&] {
        job = state_->join();
        return job != nullptr;
      });
      --state_->sleeping;
    }
    take_part(job, Role::helper);
    const std::lock_guard lock(state_->mutex);
    state_->leave(*job);
  }
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
  const std::shared_ptr<Job> outer = Job::current ? *Job::current : nullptr;
  const Lane lane = outer ? outer->lane : own_lane;
  const int most = lane.limit == 0 ? threads() : std::min(lane.limit, threads());
  const int helpers = static_cast<int>(std::min<std::int64_t>(most - 1, chunks - 1));
  if (helpers <= 0) {
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) call(context, chunk);
    return;
  }
  const auto job = std::make_shared<Job>();
  job->call = call;
  job->context = context;
  job->chunks = chunks;
  job->lane = lane;
  job->outermost = outer && outer->outermost ? outer->outermost : outer;
  job->places = helpers;
  job->crew_places = lane.limit == 0 ? std::numeric_limits<int>::max() : lane.limit - 1;
  int sleepers = 0;
  {
    const std::lock_guard lock(state_->mutex);
    start_workers(helpers);
    state_->jobs.push_back(job);
    state_->first();
    sleepers = std::min({helpers, job->crew().crew_places, state_->sleeping});
  }
  for (int woken = 0; woken < sleepers; ++woken) state_->work_arrived.notify_one();

  take_part(job, Role::caller);
  {
    const std::lock_guard lock(state_->mutex);
    state_->close(job);
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
