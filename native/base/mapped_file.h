// Bytes of an open file: mapped read-only, or read.
#pragma once

#include <cstdint>
#include <span>

namespace l4r {

// Bytes of an open file. Throws Error(file).
std::int64_t file_size(int file);

// Fills `into` from byte `begin` on. Throws Error(file), also when the file ends before.
void read_file(int file, std::int64_t begin, std::span<std::uint8_t> into);

// The first bytes of a file in memory, read-only and shared with whoever maps it too. The file may be renamed
// or removed meanwhile, but nobody may write into it or cut it short: a page that it has no more is a SIGBUS.
class MappedFile {
 public:
  MappedFile() = default;
  // `file` may be closed afterwards. Throws Error(file). POSIX alone.
  MappedFile(int file, std::int64_t bytes);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  const std::uint8_t* data() const noexcept { return data_; }

  // Has these bytes at hand at once, rather than at a fault for every few pages. Advice only.
  void populate(std::int64_t begin, std::int64_t bytes) const noexcept;

 private:
  std::uint8_t* data_ = nullptr;
  std::int64_t bytes_ = 0;
};

}  // namespace l4r
