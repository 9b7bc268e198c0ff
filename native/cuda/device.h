// One GPU as the backend holds it: a stream, memory, and whether it still answers.
#pragma once

#include <mutex>
#include <string>
#include <utility>

#include "base/status.h"
#include "cuda/memory.h"
#include "cuda/runtime.h"

namespace l4r::cuda {

class Device {
 public:
  // Throws Error(device) for one that does not exist.
  Device(int index, std::int64_t budget);

  int index() const noexcept { return index_; }
  Stream stream() const noexcept { return stream_; }
  Memory& memory() noexcept { return memory_; }

  // Runs work on the device, one caller at a time. After a fault of the device itself every call throws the
  // same Error(device).
  template <typename Work>
  auto run(const Work& work) {
    const std::lock_guard turn(mutex_);
    if (!lost_.empty()) throw Error(Code::device, lost_);
    try {
      runtime::use(index_);
      work();
      runtime::wait(stream_);
      memory_.check_guards();
    } catch (const Error& error) {
      if (error.code() == Code::device) lost_ = error.what();
      throw;
    }
  }
  // Gives memory back or looks at it, also when the device is lost.
  template <typename Work>
  auto hold(const Work& work) {
    const std::lock_guard turn(mutex_);
    return work();
  }

 private:
  const int index_;
  Stream stream_;
  Memory memory_;
  std::mutex mutex_;
  std::string lost_;
};

}  // namespace l4r::cuda
