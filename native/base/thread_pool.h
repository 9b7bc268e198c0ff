// The one thread pool of the process. Work is cut into chunks whose number depends on the data alone, never
// on the number of threads, so results have the same bits at any thread count. Workers sleep when there is
// nothing to do; nobody spins for more than 20 microseconds.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace l4r {

class ThreadPool {
 public:
  // Created at first use and never destroyed: worker threads of Node may end in any order at exit.
  static ThreadPool& shared();

  // Threads that take part in a run, the caller included.
  int threads() const noexcept;
  // Takes effect at the next run. Throws Error(argument) outside 1..256.
  void set_threads(int count);

  // The lane of the calling thread, for the runs it starts from now on and all that their bodies start.
  // `limit`: threads that work for such a run at any moment, the caller and all runs inside it included; 0
  // sets none but that of the pool. `background`: helpers give way. They join foreground runs first and leave
  // after the chunk at hand, mostly below 200 microseconds but as long as its work is, when a foreground run
  // wants help; the caller goes on, and they come back. Throws Error(argument) for a limit outside 0..256.
  static void set_lane(int limit, bool background);
  struct Lane {
    int limit = 0;
    bool background = false;
  };
  // That of the calling thread, to be handed on with work that another thread does for it.
  static Lane lane() noexcept;

  // While one lives, its thread counts as one of the pool's: from the second such thread on there is one
  // helper less, so that these and the helpers together are no more than threads(). Helpers too many leave
  // after the chunk at hand.
  class Seat {
   public:
    explicit Seat(ThreadPool& pool);
    ~Seat();
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

   private:
    ThreadPool& pool_;
  };

  // body(chunk) for every chunk in [0, chunks); the caller takes part and returns when all are done. Several
  // threads may call it at once, and a body may call it again. The first exception of a body is rethrown
  // here.
  template <typename Body>
  void run(std::int64_t chunks, Body&& body) {
    using Plain = std::remove_reference_t<Body>;
    run_chunks(
        chunks, [](void* context, std::int64_t chunk) { (*static_cast<Plain*>(context))(chunk); },
        const_cast<void*>(static_cast<const void*>(&body)));
  }

  // body(begin, end) over [0, count) in pieces of `grain`; grain depends on the data alone.
  template <typename Body>
  void for_ranges(std::int64_t count, std::int64_t grain, Body&& body) {
    const std::int64_t chunks = (count + grain - 1) / grain;
    run(chunks, [&](std::int64_t chunk) {
      const std::int64_t begin = chunk * grain;
      body(begin, begin + grain < count ? begin + grain : count);
    });
  }

 private:
  using Call = void (*)(void* context, std::int64_t chunk);
  struct Job;
  struct State;
  enum class Role { caller, helper };

  ThreadPool();
  void run_chunks(std::int64_t chunks, Call call, void* context);
  void start_workers(int count);
  void work();
  void take_part(const std::shared_ptr<Job>& job, Role role);

  std::unique_ptr<State> state_;
};

}  // namespace l4r
