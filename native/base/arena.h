// Bump allocator for the intermediates of one training step. reset() frees everything at once; after the
// first few steps one block serves every step and nothing is allocated any more. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/buffer.h"

namespace l4r {

class Arena {
 public:
  // `count` elements, 64-byte aligned, not initialised. Valid until reset(). Throws Error(no_memory).
  template <typename T>
  T* allocate(std::int64_t count) {
    return static_cast<T*>(allocate_bytes(checked_bytes(count, sizeof(T))));
  }

  // Forgets every allocation. Blocks are kept, merged into one that holds the largest step seen.
  void reset();

  // Bytes in use since the last reset, padding included.
  std::size_t used() const noexcept { return used_; }
  // Bytes held from the system.
  std::size_t capacity() const noexcept;

 private:
  void* allocate_bytes(std::size_t bytes);

  std::vector<Buffer<std::byte>> blocks_;
  std::size_t offset_ = 0;  // into the last block
  std::size_t used_ = 0;
};

}  // namespace l4r
