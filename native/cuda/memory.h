// Device memory, kept for the next call: the system is asked seldom, and never for more than the budget.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>

#include "base/status.h"
#include "cuda/runtime.h"

namespace l4r::cuda {

// Of one device, used by one thread at a time and in the order of one stream.
class Memory {
 public:
  // `budget` bytes at most, 0 for no limit but the device's. With guards every piece is poisoned before it is
  // handed out and lies between words that are checked when it comes back.
  Memory(Stream stream, std::int64_t budget, bool guards);

  // Throws Error(no_memory), and everything stays usable. 0 bytes are null.
  void* take(std::int64_t bytes);
  // What was written out of bounds is said by the next check_guards().
  void give(void* memory) noexcept;
  // Throws Error(internal) when words beside a piece were written, of those in use as well.
  void check_guards();
  // Gives what waits to be handed out back to the system.
  void trim() noexcept;

  MemoryFacts facts() const noexcept { return {in_use_, kept_, budget_}; }

 private:
  struct Piece {
    std::int64_t room, bytes;  // of the system's memory; asked for
  };

  std::multimap<std::int64_t, void*>::iterator reusable(std::int64_t room);
  void guard(void* memory, const Piece& piece);
  bool intact(void* memory, const Piece& piece);

  Stream stream_;
  std::int64_t budget_, in_use_ = 0, kept_ = 0;
  bool guards_, damaged_ = false;
  std::multimap<std::int64_t, void*> free_;  // by room
  std::unordered_map<void*, Piece> pieces_;  // in use, by what was handed out
};

// Numbers on the device.
template <typename T>
class Array {
 public:
  Array() = default;
  Array(Memory& memory, std::int64_t count) : memory_(&memory), count_(count) {
    if (count > (std::int64_t{1} << 46) / static_cast<std::int64_t>(sizeof(T)))
      throw Error(Code::no_memory, "device memory: " + std::to_string(count) + " numbers are too many");
    data_ = static_cast<T*>(memory.take(count * static_cast<std::int64_t>(sizeof(T))));
  }
  // Numbers of the host, or none for null.
  Array(Memory& memory, Stream stream, const T* host, std::int64_t count)
      : Array(memory, host == nullptr ? 0 : count) {
    runtime::copy_in(data_, host, bytes(), stream);
  }
  ~Array() { reset(); }
  Array(Array&& other) noexcept { swap(other); }
  Array& operator=(Array&& other) noexcept {
    swap(other);
    return *this;
  }

  T* data() const noexcept { return data_; }
  std::int64_t size() const noexcept { return count_; }
  std::size_t bytes() const noexcept {
    return data_ == nullptr ? 0 : static_cast<std::size_t>(count_) * sizeof(T);
  }
  void zero(Stream stream) { runtime::fill(data_, 0, bytes(), stream); }
  void read(T* host, Stream stream) const { runtime::copy_out(host, data_, bytes(), stream); }
  // At least so many, what was there is lost.
  T* grown(Memory& memory, std::int64_t count) {
    if (count_ < count) {
      reset();
      *this = Array(memory, count);
    }
    return data_;
  }

 private:
  void reset() noexcept {
    if (data_ != nullptr) memory_->give(data_);
    data_ = nullptr;
    count_ = 0;
  }
  void swap(Array& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
  }

  Memory* memory_ = nullptr;
  T* data_ = nullptr;
  std::int64_t count_ = 0;
};

}  // namespace l4r::cuda
