// Calls that no thread waits for. Tasks run on threads of this queue's own, in order of arrival. A task is a
// caller of the thread pool; tasks at work and the pool's helpers together are never more than the pool has
// threads.
#pragma once

#include <future>
#include <memory>
#include <utility>

namespace l4r {

class TaskQueue {
 public:
  // Created at first use and never destroyed, like the pool. Its threads are started as they are needed and
  // sleep when there is nothing to do.
  static TaskQueue& shared();

  // Queues a task; it runs in the lane of the thread that posts it. As many run at once as the pool has
  // threads, and no more than there are processors. What the task throws comes out of the future, which
  // nobody needs to keep. Throws Error(no_memory) when the system gives not a single thread.
  template <typename Task>
  std::future<void> post(Task&& task) {
    std::packaged_task<void()> packed(std::forward<Task>(task));
    std::future<void> done = packed.get_future();
    push(std::move(packed));
    return done;
  }

 private:
  struct State;

  TaskQueue();
  void push(std::packaged_task<void()> task);
  bool start_thread();
  void work();

  std::unique_ptr<State> state_;
};

}  // namespace l4r
