#include "base/buffer.h"

#include <cstdlib>
#include <cstring>
#include <string>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include "base/status.h"

namespace l4r {

namespace {
constexpr std::size_t kAlignment = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::uint64_t kAddressSpace = std::uint64_t{1} << 47;  // bytes a process may address
}  // namespace

std::size_t checked_bytes(std::int64_t count, std::size_t size) {
  if (count < 0 || static_cast<std::uint64_t>(count) > kAddressSpace / size)
    throw Error(Code::no_memory, "a buffer of " + std::to_string(count) + " elements cannot be had");
  return static_cast<std::size_t>(count) * size;
}

void* allocate_aligned(std::size_t bytes) {
  // Two huge pages or more: align to them and ask for them; random row gathers then miss the TLB far less.
  const bool huge = bytes >= 2 * kHugePage;
  const std::size_t alignment = huge ? kHugePage : kAlignment;
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  if (memory == nullptr)
    throw Error(Code::no_memory, "out of memory: " + std::to_string(bytes) + " bytes asked for");
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  if (huge) madvise(memory, rounded, MADV_HUGEPAGE);  // advice only: a refusal changes nothing but speed
#endif
  std::memset(memory, 0, rounded == 0 ? alignment : rounded);
  return memory;
}

void free_aligned(void* memory) noexcept { std::free(memory); }

}  // namespace l4r
