#include "cuda/memory.h"

#include <algorithm>
#include <vector>

namespace l4r::cuda {

namespace {

constexpr std::int64_t kGuardBytes = 256;  // keeps the alignment
constexpr int kGuard = 0xA5, kPoison = 0xFF;

// Sizes are rounded so that calls of nearly the same size share a piece.
std::int64_t rounded(std::int64_t bytes) {
  const std::int64_t step = bytes < (std::int64_t{1} << 20) ? 512 : std::int64_t{1} << 20;
  return (bytes + step - 1) / step * step;
}

}  // namespace

Memory::Memory(Stream stream, std::int64_t budget, bool guards)
    : stream_(stream), budget_(budget), guards_(guards) {}

void* Memory::take(std::int64_t bytes) {
  if (bytes == 0) return nullptr;
  const std::int64_t room = rounded(bytes + (guards_ ? 2 * kGuardBytes : 0));
  std::int64_t found = room;
  void* memory = nullptr;
  if (const auto kept = reusable(room); kept != free_.end()) {
    found = kept->first;
    memory = kept->second;
    kept_ -= found;
    free_.erase(kept);
  } else {
    const auto over = [&] { return budget_ > 0 && in_use_ + kept_ + room > budget_; };
    if (over()) trim();
    if (!over()) memory = runtime::allocate(static_cast<std::size_t>(room));
    if (memory == nullptr && !over()) {
      trim();
      memory = runtime::allocate(static_cast<std::size_t>(room));
    }
    if (memory == nullptr)
      throw Error(Code::no_memory, "device memory: " + std::to_string(room) + " bytes are not to be had; " +
                                       std::to_string(in_use_) + " are in use" +
                                       (budget_ > 0 ? " of a budget of " + std::to_string(budget_) : ""));
  }
  const Piece piece{found, bytes};
  void* const handed = guards_ ? static_cast<char*>(memory) + kGuardBytes : memory;
  in_use_ += found;
  pieces_.emplace(handed, piece);
  if (guards_) guard(handed, piece);
  return handed;
}

// The smallest kept piece that fits without much waste.
std::multimap<std::int64_t, void*>::iterator Memory::reusable(std::int64_t room) {
  const auto found = free_.lower_bound(room);
  return found != free_.end() && found->first <= room + room / 4 + 4096 ? found : free_.end();
}

void Memory::give(void* memory) noexcept {
  const auto found = pieces_.find(memory);
  if (found == pieces_.end()) return;
  const Piece piece = found->second;
  try {
    if (guards_ && !intact(memory, piece)) damaged_ = true;
    free_.emplace(piece.room, guards_ ? static_cast<char*>(memory) - kGuardBytes : memory);
    kept_ += piece.room;
  } catch (...) {  // the device is lost: the memory with it
  }
  in_use_ -= piece.room;
  pieces_.erase(found);
}

void Memory::guard(void* memory, const Piece& piece) {
  char* const begin = static_cast<char*>(memory);
  runtime::fill(begin - kGuardBytes, kGuard, kGuardBytes, stream_);
  runtime::fill(begin, kPoison, static_cast<std::size_t>(piece.bytes), stream_);
  runtime::fill(begin + piece.bytes, kGuard, kGuardBytes, stream_);
}

bool Memory::intact(void* memory, const Piece& piece) {
  std::vector<unsigned char> words(static_cast<std::size_t>(kGuardBytes));
  for (char* at : {static_cast<char*>(memory) - kGuardBytes, static_cast<char*>(memory) + piece.bytes}) {
    runtime::copy_out(words.data(), at, words.size(), stream_);
    if (!std::all_of(words.begin(), words.end(), [](int word) { return word == kGuard; })) return false;
  }
  return true;
}

void Memory::check_guards() {
  if (!guards_) return;
  for (const auto& [memory, piece] : pieces_) damaged_ |= !intact(memory, piece);
  if (std::exchange(damaged_, false))
    throw Error(Code::internal, "a kernel wrote beside the memory that it was given");
}

void Memory::trim() noexcept {
  for (const auto& [room, memory] : free_) runtime::release(memory);
  free_.clear();
  kept_ = 0;
}

}  // namespace l4r::cuda
