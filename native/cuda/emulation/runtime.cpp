// The runtime over host memory, poisoned: four bytes of it are a float that is no number.
#include "cuda/runtime.h"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>

#include "base/buffer.h"
#include "base/status.h"
#include "cuda/emulation/control.h"

namespace l4r::cuda::runtime {

namespace {

struct Memory {
  std::map<void*, std::size_t> sizes;
  std::size_t in_use = 0;
};

Memory& memory() {
  static Memory one;
  return one;
}

void alive() {
  if (emulation::control().lost) throw Error(Code::device, "the device is lost");
}

}  // namespace

int device_count() { return emulation::control().devices; }

DeviceFacts facts(int device) {
  if (device < 0 || device >= device_count()) throw Error(Code::device, "invalid device ordinal");
  DeviceFacts facts{};
  std::strcpy(facts.name, "emulated on the CPU");
  facts.processors = 4;
  facts.memory = static_cast<std::int64_t>(emulation::control().memory);
  facts.free = facts.memory - static_cast<std::int64_t>(memory().in_use);
  return facts;
}

void use(int) {}

Stream new_stream() { return nullptr; }

void* allocate(std::size_t bytes) {
  alive();
  if (memory().in_use + bytes > emulation::control().memory) return nullptr;
  void* const made = allocate_aligned(bytes + 256);
  std::memset(made, 0xFF, bytes);
  memory().sizes[made] = bytes;
  memory().in_use += bytes;
  return made;
}

void release(void* made) noexcept {
  const auto found = memory().sizes.find(made);
  if (found == memory().sizes.end()) return;
  memory().in_use -= found->second;
  memory().sizes.erase(found);
  free_aligned(made);
}

void copy_in(void* device, const void* host, std::size_t bytes, Stream) {
  alive();
  if (bytes > 0) std::memcpy(device, host, bytes);
}

void copy_out(void* host, const void* device, std::size_t bytes, Stream) {
  alive();
  if (bytes > 0) std::memcpy(host, device, bytes);
}

void fill(void* device, int byte, std::size_t bytes, Stream) {
  alive();
  if (bytes > 0) std::memset(device, byte, bytes);
}

void wait(Stream) { alive(); }

namespace {
double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
}  // namespace

Timer::Timer(Stream stream) : stream_(stream), begin_(new double{}), end_(nullptr) {}
Timer::~Timer() { delete static_cast<double*>(begin_); }
void Timer::start() { *static_cast<double*>(begin_) = now(); }
double Timer::stop() { return now() - *static_cast<double*>(begin_); }

}  // namespace l4r::cuda::runtime
