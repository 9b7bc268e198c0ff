// Owned, 64-byte aligned, zero-filled memory for numbers. Large ones ask for huge pages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace l4r {

// Zeroed bytes, 64-byte aligned; throws Error(no_memory). Freed by free_aligned.
void* allocate_aligned(std::size_t bytes);
void free_aligned(void* memory) noexcept;

// count * size with overflow checked; throws Error(no_memory).
std::size_t checked_bytes(std::int64_t count, std::size_t size);

template <typename T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::int64_t count)
      : memory_(static_cast<T*>(allocate_aligned(checked_bytes(count, sizeof(T))))), count_(count) {}

  T* data() noexcept { return memory_.get(); }
  const T* data() const noexcept { return memory_.get(); }
  std::int64_t size() const noexcept { return count_; }
  bool empty() const noexcept { return count_ == 0; }
  T& operator[](std::int64_t i) noexcept { return memory_.get()[i]; }
  const T& operator[](std::int64_t i) const noexcept { return memory_.get()[i]; }
  std::span<T> span() noexcept { return {memory_.get(), static_cast<std::size_t>(count_)}; }
  std::span<const T> span() const noexcept { return {memory_.get(), static_cast<std::size_t>(count_)}; }

 private:
  struct Free {
    void operator()(T* p) const noexcept { free_aligned(p); }
  };
  std::unique_ptr<T, Free> memory_;
  std::int64_t count_ = 0;
};

}  // namespace l4r
