// Threads of control that hand the processor to each other by name. Linux and macOS, x86-64 and AArch64.
#pragma once

#include <cstddef>

namespace l4r::cuda::emulation {

// A stack of its own with a place in a function.
class Fiber {
 public:
  // body(argument) runs when it is first resumed and must not return.
  Fiber(void (*body)(void*), void* argument);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Runs it until it yields.
  void resume();
  // Called inside of it: goes back to where it was resumed.
  void yield();

 private:
  static constexpr std::size_t kStackBytes = std::size_t{64} << 10;
  void* stack_;
  void *own_, *caller_;
};

}  // namespace l4r::cuda::emulation
