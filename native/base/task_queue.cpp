#include "base/task_queue.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/cpu.h"
#include "base/status.h"
#include "base/thread_pool.h"

namespace l4r {

namespace {

struct Entry {
  std::packaged_task<void()> task;
  ThreadPool::Lane lane;

  void run() {
    ThreadPool::set_lane(lane.limit, lane.background);
    const ThreadPool::Seat seat(ThreadPool::shared());
    task();
  }
};

}  // namespace

// The functions expect the caller to hold the mutex.
struct TaskQueue::State {
  std::mutex mutex;
  std::condition_variable arrived;
  std::deque<Entry> waiting;  // oldest first
  int threads = 0, sleeping = 0, running = 0;
  const int processors = usable_processors();

  // Tasks that may run at once.
  int most() const { return std::min(processors, ThreadPool::shared().threads()); }
  bool ready() const { return !waiting.empty() && running < most(); }
};

TaskQueue& TaskQueue::shared() {
  static TaskQueue* const queue = std::unique_ptr<TaskQueue>(new TaskQueue).release();
  return *queue;
}

TaskQueue::TaskQueue() : state_(std::make_unique<State>()) {}

bool TaskQueue::start_thread() {
  try {
    std::thread([this] { work(); }).detach();
  } catch (const std::system_error&) {
    return false;
  }
  ++state_->threads;
  return true;
}

void TaskQueue::push(std::packaged_task<void()> task) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->waiting.push_back({std::move(task), ThreadPool::lane()});
    const bool all_busy = static_cast<std::size_t>(state_->sleeping) < state_->waiting.size();
    if (all_busy && state_->threads < state_->most() && !start_thread() && state_->threads == 0) {
      state_->waiting.pop_back();
      throw Error(Code::no_memory, "the system gives no thread for asynchronous calls");
    }
  }
  state_->arrived.notify_one();
}

void TaskQueue::work() {
  std::unique_lock lock(state_->mutex);
  for (;;) {
    ++state_->sleeping;
    state_->arrived.wait(lock, [&] { return state_->ready(); });
    --state_->sleeping;
    {
      Entry entry = std::move(state_->waiting.front());
      state_->waiting.pop_front();
      ++state_->running;
      const bool more = state_->ready();  // the pool may have grown since they came
      if (more && state_->sleeping == 0 && state_->threads < state_->most()) start_thread();
      lock.unlock();
      if (more) state_->arrived.notify_one();
      entry.run();
    }  // what the task held is gone before the lock is taken
    lock.lock();
    --state_->running;
  }
}

}  // namespace l4r
