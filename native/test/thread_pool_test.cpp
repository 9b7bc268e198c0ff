// Thread pool: every chunk once, lanes and who gives way. Order is asserted by who arrived, never by time;
// the deadlines only turn a hang into a failure.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "base/thread_pool.h"
#include "check.h"

namespace {

using namespace l4r;
using test::Add;
using test::check;

// Runs `body` with so many threads, then sets the old number again.
template <typename Body>
void with_threads(int count, Body&& body) {
  ThreadPool& pool = ThreadPool::shared();
  const int before = pool.threads();
  pool.set_threads(count);
  body(pool);
  pool.set_threads(before);
}

const Add every_chunk_case("a run calls its body once for every chunk, at any number of threads", [] {
  for (const int threads : {1, 2, 3, 8})
    with_threads(threads, [&](ThreadPool& pool) {
      for (const std::int64_t chunks : {0, 1, 2, 7, 1000}) {
        std::vector<std::atomic<int>> calls(static_cast<std::size_t>(chunks));
        pool.run(chunks, [&](std::int64_t chunk) { ++calls[static_cast<std::size_t>(chunk)]; });
        check(std::all_of(calls.begin(), calls.end(), [](const auto& n) { return n == 1; }),
              std::to_string(chunks) + " chunks, " + std::to_string(threads) + " threads");
      }
    });
});

const Add ranges_case("ranges cover everything once and end where the data ends", [] {
  with_threads(3, [](ThreadPool& pool) {
    std::vector<std::atomic<int>> seen(103);
    pool.for_ranges(103, 10, [&](std::int64_t begin, std::int64_t end) {
      for (; begin < end; ++begin) ++seen[static_cast<std::size_t>(begin)];
    });
    check(std::all_of(seen.begin(), seen.end(), [](const auto& n) { return n == 1; }), "each once");
  });
});

const Add nested_case("a body may start another run", [] {
  with_threads(3, [](ThreadPool& pool) {
    std::atomic<int> inner{0};
    pool.run(8, [&](std::int64_t) {
      pool.run(8, [&](std::int64_t) { pool.run(3, [&](std::int64_t) { ++inner; }); });
    });
    check(inner == 192, "192 inner chunks, got " + std::to_string(inner));
  });
});

const Add concurrent_case("several threads may run at once", [] {
  with_threads(3, [](ThreadPool& pool) {
    std::atomic<std::int64_t> total{0};
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 4; ++caller)
      callers.emplace_back([&] {
        for (int round = 0; round < 200; ++round) pool.run(17, [&](std::int64_t chunk) { total += chunk; });
      });
    for (auto& caller : callers) caller.join();
    check(total == 4 * 200 * 136, "total " + std::to_string(total));
  });
});

const Add exception_case("an exception of a body comes out of the run, and the pool goes on", [] {
  for (const int threads : {1, 3})
    with_threads(threads, [](ThreadPool& pool) {
      for (int round = 0; round < 50; ++round) {
        bool caught = false;
        try {
          pool.run(20, [](std::int64_t chunk) {
            if (chunk == 7) throw std::runtime_error("seven");
          });
        } catch (const std::runtime_error& error) {
          caught = std::string(error.what()) == "seven";
        }
        check(caught, "caught");
      }
      std::atomic<int> calls{0};
      pool.run(5, [&](std::int64_t) { ++calls; });
      check(calls == 5, "still works");
    });
});

const Add thread_count_case("the number of threads is checked", [] {
  for (const int wrong : {0, -1, 257}) {
    bool caught = false;
    try {
      ThreadPool::shared().set_threads(wrong);
    } catch (const Error& error) {
      caught = error.code() == Code::argument;
    }
    check(caught, std::to_string(wrong));
  }
});

// Waits until `ready` holds; false when it does not come true.
template <typename Ready>
bool comes_true(Ready ready) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!ready()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

// Runs `body` in a thread that has a lane of its own.
template <typename Body>
std::thread in_lane(int limit, bool background, Body body) {
  return std::thread([=] {
    ThreadPool::set_lane(limit, background);
    body(ThreadPool::shared());
  });
}

// Counts the threads that are inside of a chunk, each once however deep it is in nested ones.
class Crew {
 public:
  void enter() {
    const std::lock_guard lock(mutex_);
    ++depth_[std::this_thread::get_id()];
    most_ = std::max(most_, depth_.size());
  }
  void leave() {
    const std::lock_guard lock(mutex_);
    const auto me = depth_.find(std::this_thread::get_id());
    if (--me->second == 0) depth_.erase(me);
  }
  std::size_t now() {
    const std::lock_guard lock(mutex_);
    return depth_.size();
  }
  std::size_t most() const { return most_; }

 private:
  std::mutex mutex_;
  std::map<std::thread::id, int> depth_;
  std::size_t most_ = 0;
};

// A chunk that is left when so many threads are inside at once; `all` tells whether they ever were.
auto meeting(Crew& crew, std::size_t threads, std::atomic<bool>& all) {
  return [&crew, threads, &all](std::int64_t) {
    crew.enter();
    if (comes_true([&] { return all || crew.now() == threads; })) all = true;
    crew.leave();
  };
}

const Add limit_case("a run takes as many threads as its lane allows, and never more", [] {
  with_threads(6, [](ThreadPool&) {
    for (const int limit : {1, 2, 3, 6, 100, 0}) {
      const std::size_t expected = limit == 0 || limit > 6 ? 6 : static_cast<std::size_t>(limit);
      Crew crew;
      std::atomic<bool> all{false};
      in_lane(limit, false, [&](ThreadPool& pool) {
        for (int round = 0; round < 20; ++round) {
          all = false;
          pool.run(40, meeting(crew, expected, all));
          check(all, "all there, limit " + std::to_string(limit));
        }
      }).join();
      check(crew.most() == expected,
            std::to_string(crew.most()) + " threads, limit " + std::to_string(limit));
    }
  });
});

const Add nested_limit_case("runs inside a run share its limit", [] {
  with_threads(6, [](ThreadPool&) {
    Crew crew;
    std::atomic<int> inner{0};
    in_lane(3, true, [&](ThreadPool& pool) {
      for (int round = 0; round < 20; ++round)
        pool.run(5, [&](std::int64_t) {
          crew.enter();
          pool.run(7, [&](std::int64_t) {
            crew.enter();
            pool.run(3, [&](std::int64_t) {
              crew.enter();
              std::this_thread::yield();
              ++inner;
              crew.leave();
            });
            crew.leave();
          });
          crew.leave();
        });
    }).join();
    check(inner == 20 * 5 * 7 * 3, "chunks " + std::to_string(inner));
    check(crew.most() == 3, std::to_string(crew.most()) + " threads, limit 3");
  });
});

const Add nested_again_case("each run inside a run gets the help that its limit allows", [] {
  with_threads(6, [](ThreadPool&) {
    std::atomic<bool> end{false};
    in_lane(3, false, [&](ThreadPool& pool) {
      const auto caller = std::this_thread::get_id();
      pool.run(2, [&](std::int64_t) {
        if (std::this_thread::get_id() == caller) {
          check(comes_true([&] { return end.load(); }), "the helper's runs end");
          return;
        }
        for (int round = 0; round < 5; ++round) {
          Crew crew;
          std::atomic<bool> all{false};
          pool.run(2, meeting(crew, 2, all));
          check(all, "the third thread came in round " + std::to_string(round));
        }
        end = true;
      });
    }).join();
  });
});

const Add lane_of_thread_case("a lane belongs to the thread that set it", [] {
  with_threads(4, [](ThreadPool& pool) {
    in_lane(1, true, [](ThreadPool&) {}).join();
    Crew crew;
    std::atomic<bool> all{false};
    pool.run(4, meeting(crew, 4, all));
    check(all, "no limit here");
  });
});

// Chunks of a background run that take all workers until `stop`; what is drawn later ends at once.
constexpr std::int64_t kEndless = 1 << 20;
auto busy(Crew& crew, std::atomic<bool>& stop) {
  return [&](std::int64_t) {
    if (stop) return;
    crew.enter();
    std::this_thread::sleep_for(std::chrono::microseconds(50));
    crew.leave();
  };
}

const Add give_way_case("helpers leave a background run for a foreground run, and come back", [] {
  with_threads(3, [](ThreadPool& pool) {
    Crew background, foreground;
    std::atomic<bool> stop{false}, ended{false};
    std::thread trainer = in_lane(0, true, [&](ThreadPool& own) {
      own.run(kEndless, busy(background, stop));
      ended = true;
    });
    for (int round = 0; round < 3; ++round) {
      check(comes_true([&] { return background.now() == 3; }), "both workers in the background run");
      std::atomic<bool> all{false};
      pool.run(3, meeting(foreground, 3, all));  // ends when both workers have come
      check(all && !ended, "the foreground run ended first, all threads in it");
    }
    check(comes_true([&] { return background.now() == 3; }), "both workers came back");
    stop = true;
    trainer.join();
  });
});

const Add inherit_case("a run started by a helper gives way like the run it helps", [] {
  with_threads(3, [](ThreadPool& pool) {
    Crew inner, foreground;
    std::atomic<bool> stop{false};
    std::thread trainer = in_lane(0, true, [&](ThreadPool& own) {
      const auto caller = std::this_thread::get_id();
      own.run(2, [&](std::int64_t) {
        if (std::this_thread::get_id() == caller)
          comes_true([&] { return stop.load(); });
        else
          own.run(kEndless, busy(inner, stop));
      });
    });
    check(comes_true([&] { return inner.now() == 2; }), "one worker helps the other");
    std::atomic<bool> all{false};
    pool.run(2, meeting(foreground, 2, all));
    check(all, "the helper of the helper came");
    stop = true;
    trainer.join();
  });
});

const Add first_case("a free worker joins a foreground run before an older background run", [] {
  with_threads(2, [](ThreadPool&) {
    // Three callers, each held inside a chunk. The first run also holds the only worker, until all three have
    // started.
    std::atomic<bool> free_worker{false}, end{false};
    std::atomic<int> inside{0};
    std::mutex mutex;
    std::string order;  // the runs that the free worker joins
    const auto start = [&](char name, bool background) {
      return in_lane(0, background, [&, name](ThreadPool& pool) {
        const auto caller = std::this_thread::get_id();
        pool.run(2, [&, name](std::int64_t) {
          const bool helper = std::this_thread::get_id() != caller;
          if (helper && name != '1') {
            const std::lock_guard lock(mutex);
            order += name;
          }
          ++inside;
          if (helper && name != '1') return;
          comes_true([&] { return end || (helper && free_worker); });
        });
      });
    };
    std::vector<std::thread> callers;
    callers.push_back(start('1', false));
    check(comes_true([&] { return inside == 2; }), "the worker is held");
    callers.push_back(start('B', true));
    check(comes_true([&] { return inside == 3; }), "background run started");
    callers.push_back(start('F', false));
    check(comes_true([&] { return inside == 4; }), "foreground run started");
    free_worker = true;
    check(comes_true([&] { return inside == 6; }), "the worker served both");
    end = true;
    for (auto& caller : callers) caller.join();
    check(order == "FB", "order " + order);
  });
});

const Add no_starvation_case("a background run ends under a foreground that never pauses", [] {
  with_threads(2, [](ThreadPool& pool) {
    std::atomic<bool> ended{false};
    std::atomic<int> calls{0};
    std::thread trainer = in_lane(0, true, [&](ThreadPool& own) {
      own.run(300, [&](std::int64_t) { ++calls; });
      ended = true;
    });
    check(comes_true([&] {
            pool.run(8, [](std::int64_t) { std::this_thread::yield(); });
            return ended.load();
          }),
          "ended while the foreground went on");
    trainer.join();
    check(calls == 300, "each chunk once");
  });
});

const Add workers_case("runs together have no more helpers than the pool has now", [] {
  with_threads(8, [](ThreadPool& pool) {
    Crew crew;
    std::atomic<bool> all{false};
    pool.run(8, meeting(crew, 8, all));
    check(all, "seven workers are there");
  });
  with_threads(3, [](ThreadPool&) {
    Crew crew;
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 3; ++caller)
      callers.push_back(in_lane(0, caller == 0, [&](ThreadPool& pool) {
        pool.run(200, [&](std::int64_t) {
          crew.enter();
          std::this_thread::sleep_for(std::chrono::microseconds(50));
          crew.leave();
        });
      }));
    for (auto& caller : callers) caller.join();
    check(crew.most() <= 5, std::to_string(crew.most()) + " threads for three callers and two helpers");
  });
});

const Add many_lanes_case("many threads with lanes of their own, nested and throwing", [] {
  with_threads(4, [](ThreadPool&) {
    std::atomic<std::int64_t> total{0};
    std::atomic<int> thrown{0};
    std::vector<std::thread> threads;
    for (int caller = 0; caller < 6; ++caller)
      threads.push_back(in_lane(caller % 4, caller % 2 == 0, [&](ThreadPool& pool) {
        for (int round = 0; round < 150; ++round) {
          try {
            pool.run(9, [&](std::int64_t chunk) {
              pool.run(3, [&](std::int64_t inner) { total += inner; });
              if (round % 10 == 0 && chunk == 4) throw std::runtime_error("four");
            });
          } catch (const std::runtime_error&) {
            ++thrown;
          }
        }
      }));
    for (auto& thread : threads) thread.join();
    check(thrown == 6 * 15, "thrown " + std::to_string(thrown));
    // A lane of one thread runs in order: there, and only there, the chunks after the fault are left out.
    check(total >= 6 * 150 * 9 * 3 - 15 * 6 * 4 * 3, "total " + std::to_string(total));
  });
});

const Add lane_check_case("the limit of a lane is checked", [] {
  for (const int wrong : {-1, 257}) {
    bool caught = false;
    try {
      ThreadPool::set_lane(wrong, false);
    } catch (const Error& error) {
      caught = error.code() == Code::argument;
    }
    check(caught, std::to_string(wrong));
  }
});

}  // namespace

int main() { return l4r::test::run_all(); }
