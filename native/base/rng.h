// Counter-based random numbers: Philox4x32-10 (Salmon et al., SC'11). A draw is a pure function of
// (seed, stream, counter), so any thread can make any number and the bits never depend on the order of work.
#pragma once

#include <array>
#include <cstdint>

namespace l4r {

class Philox {
 public:
  constexpr Philox(std::uint64_t seed, std::uint64_t stream) : seed_(seed), stream_(stream) {}

  // Four independent 32-bit words for this counter.
  constexpr std::array<std::uint32_t, 4> block(std::uint64_t counter) const {
    std::array<std::uint32_t, 4> c{low(counter), high(counter), low(stream_), high(stream_)};
    std::uint32_t k0 = low(seed_), k1 = high(seed_);
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c[0];
      const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c[2];
      c = {high(p1) ^ c[1] ^ k0, low(p1), high(p0) ^ c[3] ^ k1, low(p0)};
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    return c;
  }

  // Uniform integer in [0, bound), bound >= 1. Multiply-shift of 64 bits: the bias is below bound / 2^64.
  std::uint64_t below(std::uint64_t counter, std::uint64_t bound) const {
    const auto words = block(counter);
    const std::uint64_t wide = (std::uint64_t{words[1]} << 32) | words[0];
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(wide) * bound) >> 64);
  }

  // Uniform in [0, 1), 24 bits.
  static constexpr float unit(std::uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }

 private:
  static constexpr std::uint32_t low(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
  static constexpr std::uint32_t high(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }
  std::uint64_t seed_, stream_;
};

}  // namespace l4r
