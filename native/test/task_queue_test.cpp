// Task queue: order, no lost task, exceptions, and how tasks share the pool's threads. Order is asserted by
// who arrived, never by time; the deadlines only turn a hang into a failure.
#include "base/task_queue.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/cpu.h"
#include "base/thread_pool.h"
#include "check.h"

namespace {

using namespace l4r;
using test::Add;
using test::check;

constexpr auto kDeadline = std::chrono::seconds(20);

// Runs `body` with so many threads in the pool, then sets the old number again.
template <typename Body>
void with_threads(int count, Body&& body) {
  ThreadPool& pool = ThreadPool::shared();
  const int before = pool.threads();
  pool.set_threads(count);
  body(TaskQueue::shared());
  pool.set_threads(before);
}

// Waits until `ready` holds; false when it does not come true.
template <typename Ready>
bool comes_true(Ready ready) {
  const auto end = std::chrono::steady_clock::now() + kDeadline;
  while (!ready()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

bool ends(std::future<void>& done) { return done.wait_for(kDeadline) == std::future_status::ready; }

// Threads inside, and the most there ever were.
class Crowd {
 public:
  void enter() {
    const int inside = ++inside_;
    int most = most_;
    while (most < inside && !most_.compare_exchange_weak(most, inside)) {
    }
  }
  void leave() { --inside_; }
  int now() const { return inside_; }
  int most() const { return most_; }

 private:
  std::atomic<int> inside_{0}, most_{0};
};

const Add order_case("tasks start in order of arrival", [] {
  with_threads(1, [](TaskQueue& queue) {
    std::vector<int> order;  // one task at a time
    std::vector<std::future<void>> all;
    for (int i = 0; i < 500; ++i) all.push_back(queue.post([&order, i] { order.push_back(i); }));
    for (auto& done : all) check(ends(done), "ended");
    bool ascending = order.size() == 500;
    for (std::size_t i = 0; i < order.size(); ++i) ascending &= order[i] == static_cast<int>(i);
    check(ascending, "0 .. 499 in order");
  });
});

const Add producers_case("no task of many producers is lost or done twice", [] {
  for (const int threads : {1, 2, 5})
    with_threads(threads, [](TaskQueue& queue) {
      constexpr int kProducers = 4, kEach = 400;
      std::vector<std::atomic<int>> calls(kProducers * kEach);
      std::vector<std::thread> producers;
      std::vector<std::vector<std::future<void>>> all(kProducers);
      for (int p = 0; p < kProducers; ++p)
        producers.emplace_back([&, p] {
          for (int i = 0; i < kEach; ++i)
            all[static_cast<std::size_t>(p)].push_back(
                queue.post([&calls, at = static_cast<std::size_t>(p * kEach + i)] { ++calls[at]; }));
        });
      for (auto& producer : producers) producer.join();
      for (auto& row : all)
        for (auto& done : row) check(ends(done), "ended");
      check(std::all_of(calls.begin(), calls.end(), [](const auto& n) { return n == 1; }), "each once");
    });
});

const Add exception_case("what a task throws comes out of its future, and the queue goes on", [] {
  with_threads(2, [](TaskQueue& queue) {
    for (int round = 0; round < 50; ++round) {
      auto thrown = queue.post([] { throw std::runtime_error("seven"); });
      queue.post([] { throw 7; });  // nobody looks
      bool caught = false;
      try {
        thrown.get();
      } catch (const std::runtime_error& error) {
        caught = std::string(error.what()) == "seven";
      }
      check(caught, "caught");
    }
    std::atomic<int> calls{0};
    auto last = queue.post([&] { ++calls; });
    check(ends(last) && calls == 1, "still works");
  });
});

const Add memory_case("a task that ended holds nothing any more", [] {
  with_threads(2, [](TaskQueue& queue) {
    auto held = std::make_shared<int>(1);
    queue.post([held] {});
    check(comes_true([&] { return held.use_count() == 1; }), "given back");
  });
});

const Add chain_case("a task may post another one and need not wait for it", [] {
  with_threads(1, [](TaskQueue& queue) {
    std::atomic<int> deep{0};
    struct Step {
      TaskQueue& queue;
      std::atomic<int>& deep;
      void operator()() const {
        if (++deep < 100) queue.post(*this);
      }
    };
    queue.post(Step{queue, deep});
    check(comes_true([&] { return deep == 100; }), "100 steps");
  });
});

const Add limit_case("no more tasks run at once than pool threads and processors allow", [] {
  for (const int threads : {1, 2, 3, 100})
    with_threads(threads, [&](TaskQueue& queue) {
      const int expected = std::min(threads, usable_processors());
      Crowd crowd;
      std::atomic<bool> all_there{false};
      std::vector<std::future<void>> all;
      for (int i = 0; i < 3 * expected; ++i)
        all.push_back(queue.post([&] {
          crowd.enter();
          if (comes_true([&] { return all_there || crowd.now() == expected; })) all_there = true;
          crowd.leave();
        }));
      for (auto& done : all) check(ends(done), "ended");
      check(all_there && crowd.most() == expected,
            std::to_string(crowd.most()) + " at once, expected " + std::to_string(expected));
    });
});

const Add lane_case("a task runs in the lane of the thread that posted it", [] {
  with_threads(2, [](TaskQueue& queue) {
    ThreadPool::Lane seen, plain{5, true};
    std::future<void> done;
    std::thread([&] {
      ThreadPool::set_lane(1, true);
      done = queue.post([&] { seen = ThreadPool::lane(); });
    }).join();
    check(ends(done) && seen.limit == 1 && seen.background, "the lane came along");
    auto next = queue.post([&] { plain = ThreadPool::lane(); });
    check(ends(next) && plain.limit == 0 && !plain.background, "and went with the task");
  });
});

// A run whose chunks go on until `stop`; counts who is inside.
auto busy(Crowd& crowd, std::atomic<bool>& stop) {
  return [&](std::int64_t) {
    if (stop) return;
    crowd.enter();
    std::this_thread::sleep_for(std::chrono::microseconds(50));
    crowd.leave();
  };
}
constexpr std::int64_t kEndless = 1 << 20;

const Add share_case("a second task takes the place of a helper, and gives it back", [] {
  if (usable_processors() < 2) return;  // then there is never a second task
  with_threads(2, [](TaskQueue& queue) {
    Crowd crowd;
    std::atomic<bool> stop{false};
    auto first = queue.post([&] { ThreadPool::shared().run(kEndless, busy(crowd, stop)); });
    for (int round = 0; round < 3; ++round) {
      check(comes_true([&] { return crowd.now() == 2; }), "alone, the task has a helper");
      std::atomic<bool> inside{false}, end{false};
      auto second = queue.post([&] {
        inside = true;
        comes_true([&] { return end.load(); });
      });
      check(comes_true([&] { return inside.load(); }), "the second task started");
      // From some point on there is one thread in the run, and stays alone.
      check(comes_true([&] {
              for (int look = 0; look < 200; ++look) {
                if (crowd.now() > 1) return false;
                std::this_thread::sleep_for(std::chrono::microseconds(5));
              }
              return true;
            }),
            "the helper left");
      end = true;
      check(ends(second), "the second task ended");
    }
    check(comes_true([&] { return crowd.now() == 2; }), "the helper came back");
    stop = true;
    check(ends(first), "the first task ended");
  });
});

const Add helpers_case("tasks that fill the pool have no helpers", [] {
  if (usable_processors() < 2) return;
  with_threads(2, [](TaskQueue& queue) {
    std::atomic<int> there{0}, through{0};
    std::mutex mutex;
    std::set<std::thread::id> threads;
    std::vector<std::future<void>> both;
    for (int i = 0; i < 2; ++i)
      both.push_back(queue.post([&] {
        ++there;
        comes_true([&] { return there == 2; });
        for (int round = 0; round < 20; ++round)
          ThreadPool::shared().run(8, [&](std::int64_t) {
            std::this_thread::sleep_for(std::chrono::microseconds(50));
            const std::lock_guard lock(mutex);
            threads.insert(std::this_thread::get_id());
          });
        ++through;
        comes_true([&] { return through == 2; });  // its place stays taken until both are through
      }));
    for (auto& done : both) check(ends(done), "ended");
    check(threads.size() == 2, std::to_string(threads.size()) + " threads worked");
  });
});

}  // namespace

int main() { return l4r::test::run_all(); }
