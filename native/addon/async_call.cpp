#include "addon/async_call.h"

#include <atomic>
#include <mutex>
#include <new>
#include <utility>

#include "addon/environment.h"
#include "base/task_queue.h"

namespace l4r::addon {

Fault current_fault() {
  try {
    throw;
  } catch (const Error& error) {
    return {error.code(), error.what()};
  } catch (const std::bad_alloc&) {
    return {Code::no_memory, "out of memory"};
  } catch (const std::exception& error) {
    return {Code::internal, error.what()};
  } catch (...) {
    return {Code::internal, "unknown fault in the native engine"};
  }
}

// Shared by the environment and the queue: whoever takes the work out of its wait owns it from then on.
struct AsyncCalls::Call {
  enum class State { waiting, running, dropped };

  std::uint64_t number = 0;
  std::unique_ptr<AsyncWork> work;
  std::unique_ptr<Fault> fault;
  std::atomic<State> state{State::waiting};

  bool take(State next) {
    State expected = State::waiting;
    return state.compare_exchange_strong(expected, next, std::memory_order_acq_rel);
  }
  void run() {
    try {
      work->run();
    } catch (...) {
      fault = std::make_unique<Fault>(current_fault());
    }
  }
  // Gives the memory of work that has not started back at once; its place in the queue is left.
  void drop() {
    if (take(State::dropped)) work.reset();
  }
};

// The way of ended calls to the JavaScript thread. Node frees the threadsafe function with its environment,
// whoever still uses it: it is only touched under the mutex and while open.
class AsyncCalls::Channel {
 public:
  napi_threadsafe_function function = nullptr;  // JavaScript thread

  void send(std::shared_ptr<Call> call) {
    const std::lock_guard lock(mutex_);
    if (!open_) return;
    ended_.push_back(std::move(call));
    if (ended_.size() == 1) napi_call_threadsafe_function(function, nullptr, napi_tsfn_nonblocking);
  }
  std::vector<std::shared_ptr<Call>> receive() {
    const std::lock_guard lock(mutex_);
    return std::exchange(ended_, {});
  }
  void close() {
    const std::lock_guard lock(mutex_);
    open_ = false;
    ended_.clear();
  }

 private:
  std::mutex mutex_;
  bool open_ = true;
  std::vector<std::shared_ptr<Call>> ended_;
};

AsyncCalls::~AsyncCalls() {
  for (auto& [number, pending] : pending_) pending.call->drop();
  if (channel_) channel_->close();
}

void AsyncCalls::open(Napi::Env env) {
  if (channel_) return;
  const auto channel = std::make_shared<Channel>();
  auto context = std::make_unique<std::shared_ptr<Channel>>(channel);
  const auto finalize = [](napi_env, void*, void* held) {
    const std::unique_ptr<std::shared_ptr<Channel>> own(static_cast<std::shared_ptr<Channel>*>(held));
    (*own)->close();
  };
  const Napi::String name = Napi::String::New(env, "llama4rec");
  if (napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, finalize, context.get(),
                                      wake, &channel->function) != napi_ok)
    throw Error(Code::no_memory, "asynchronous calls: Node gives no threadsafe function");
  static_cast<void>(context.release());  // the finalizer's
  napi_unref_threadsafe_function(env, channel->function);
  channel_ = channel;
}

std::uint64_t AsyncCalls::start(Napi::Env env, std::unique_ptr<AsyncWork> work,
                                const std::vector<Napi::Value>& into, Napi::Function done) {
  open(env);
  const auto call = std::make_shared<Call>();
  call->number = ++last_;
  call->work = std::move(work);
  Pending pending{call, {}, Napi::Persistent(done)};
  for (const Napi::Value& array : into) pending.into.push_back(Napi::Persistent(array.As<Napi::Object>()));

  const auto place = pending_.emplace(call->number, std::move(pending)).first;
  if (pending_.size() == 1) napi_ref_threadsafe_function(env, channel_->function);
  try {
    TaskQueue::shared().post([call, channel = channel_] {
      if (!call->take(Call::State::running)) return;
      call->run();
      channel->send(call);
    });
  } catch (...) {
    take_out(place);
    throw;
  }
  return call->number;
}

void AsyncCalls::drop(std::uint64_t number) {
  const auto found = pending_.find(number);
  if (found == pending_.end()) return;
  take_out(found).call->drop();
}

AsyncCalls::Pending AsyncCalls::take_out(std::unordered_map<std::uint64_t, Pending>::iterator place) {
  Pending pending = std::move(place->second);
  pending_.erase(place);
  if (pending_.empty()) napi_unref_threadsafe_function(pending.done.Env(), channel_->function);
  return pending;
}

void AsyncCalls::wake(napi_env env, napi_value, void*, void*) noexcept {
  if (env == nullptr) return;  // the environment is gone
  try {
    if (auto* const environment = Napi::Env(env).GetInstanceData<Environment>())
      environment->async_calls.settle(env);
  } catch (...) {
    // JavaScript can run no more here: nobody waits for the results.
  }
}

void AsyncCalls::settle(Napi::Env env) {
  for (auto& call : channel_->receive()) {
    const Napi::HandleScope scope(env);
    const auto found = pending_.find(call->number);
    if (found == pending_.end()) continue;  // dropped while it ran
    const Pending pending = take_out(found);
    std::unique_ptr<Fault> fault = std::move(call->fault);
    if (!fault) {
      std::vector<Napi::Value> into;
      into.reserve(pending.into.size());
      for (const auto& array : pending.into) into.push_back(array.Value());
      try {
        call->work->deliver(into);
      } catch (...) {
        fault = std::make_unique<Fault>(current_fault());
      }
    }
    std::vector<napi_value> words;
    if (fault)
      words = {Napi::String::New(env, code_name(fault->code)), Napi::String::New(env, fault->message)};
    // Not by node-addon-api, which ends the process where JavaScript can run no more.
    napi_call_function(env, env.Undefined(), pending.done.Value(), words.size(), words.data(), nullptr);
    call.reset();
  }
}

namespace {

Napi::Value drop(const Napi::CallbackInfo& info) {
  Environment::of(info).async_calls.drop(id(info, 0, "call"));
  return info.Env().Undefined();
}

}  // namespace

void export_async(Napi::Object exports) { export_function<drop>(exports, "asyncDrop"); }

}  // namespace l4r::addon
