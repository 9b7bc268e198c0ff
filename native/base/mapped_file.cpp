#include "base/mapped_file.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "base/status.h"

namespace l4r {

namespace {

[[noreturn]] void fail(const char* what) {
  throw Error(Code::file, std::string(what) + ": " + std::strerror(errno));
}

}  // namespace

std::int64_t file_size(int file) {
  struct stat found {};
  if (fstat(file, &found) != 0) fail("its size");
  return found.st_size;
}

void read_file(int file, std::int64_t begin, std::span<std::uint8_t> into) {
  constexpr std::size_t kMost = std::size_t{1} << 30;  // some systems read no more at once
  while (!into.empty()) {
    const auto count = pread(file, into.data(), std::min(into.size(), kMost), static_cast<off_t>(begin));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("reading");
    if (count == 0) throw Error(Code::file, "it became shorter while it was read");
    into = into.subspan(static_cast<std::size_t>(count));
    begin += count;
  }
}

MappedFile::MappedFile(int file, std::int64_t bytes) : bytes_(bytes) {
  if (bytes == 0) return;
  void* const found = mmap(nullptr, static_cast<std::size_t>(bytes), PROT_READ, MAP_PRIVATE, file, 0);
  if (found == MAP_FAILED) fail("mapping");
  data_ = static_cast<std::uint8_t*>(found);
#if defined(MADV_HUGEPAGE)
  madvise(found, static_cast<std::size_t>(bytes), MADV_HUGEPAGE);  // what is not cached yet comes in such
#endif
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(data_, static_cast<std::size_t>(bytes_));
}

void MappedFile::populate(std::int64_t begin, std::int64_t bytes) const noexcept {
  if (bytes <= 0 || begin < 0 || bytes > bytes_ - begin) return;
  const std::int64_t page = sysconf(_SC_PAGESIZE), first = begin / page * page;
  const auto size = static_cast<std::size_t>(begin + bytes - first);
#if defined(MADV_POPULATE_READ)
  if (madvise(data_ + first, size, MADV_POPULATE_READ) == 0) return;
#endif
  madvise(data_ + first, size, MADV_WILLNEED);
}

}  // namespace l4r
