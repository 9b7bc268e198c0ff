// Calls that leave the event loop free: work runs on the task queue, and its results arrive on the thread of
// the environment that asked.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/status.h"

namespace l4r::addon {

// What a failed body says to JavaScript.
struct Fault {
  Code code;
  std::string message;
};
// That of the exception in flight; call it inside of a catch.
Fault current_fault();

// Work with inputs and results in memory of its own: no other thread ever touches that of a typed array,
// which JavaScript may transfer, resize or write meanwhile. Holds nothing of Node-API, for any thread may
// destroy it.
class AsyncWork {
 public:
  virtual ~AsyncWork() = default;
  // On a thread of the queue.
  virtual void run() = 0;
  // On the JavaScript thread, after run: copies the results into the typed arrays given at the start. Throws
  // Error(argument) when they no longer fit.
  virtual void deliver(std::span<const Napi::Value> into) const = 0;
};

// The asynchronous calls of one environment. JavaScript thread only. As long as one is pending, the event
// loop lives. When the environment ends, work that has not started is dropped; what runs, ends and is
// forgotten.
class AsyncCalls {
 public:
  AsyncCalls() = default;
  ~AsyncCalls();
  AsyncCalls(const AsyncCalls&) = delete;
  AsyncCalls& operator=(const AsyncCalls&) = delete;

  // Queues the work; `done` is called once, with nothing when the results are in `into`, else with the code
  // and message of the error. Returns the number of the call. Throws Error(no_memory).
  std::uint64_t start(Napi::Env env, std::unique_ptr<AsyncWork> work, const std::vector<Napi::Value>& into,
                      Napi::Function done);
  // `done` is not called any more, and work that has not started never will. Dropping what is over is fine.
  void drop(std::uint64_t number);

 private:
  struct Call;
  class Channel;
  struct Pending {
    std::shared_ptr<Call> call;
    std::vector<Napi::ObjectReference> into;
    Napi::FunctionReference done;
  };

  static void wake(napi_env env, napi_value, void*, void*) noexcept;
  void open(Napi::Env env);
  void settle(Napi::Env env);
  Pending take_out(std::unordered_map<std::uint64_t, Pending>::iterator place);

  std::shared_ptr<Channel> channel_;  // made for the first call
  std::unordered_map<std::uint64_t, Pending> pending_;
  std::uint64_t last_ = 0;
};

}  // namespace l4r::addon
