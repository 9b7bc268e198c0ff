// Uniform draws of one stream, made a block of counters at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "sampling/sampling_kernels.h"

namespace l4r {

// Gives the numbers of Philox(seed, stream), fast where counters that follow each other lie close together.
// One thread each.
class Draws {
 public:
  Draws(std::uint64_t seed, std::uint64_t stream, const SamplingKernels& kernels = sampling_kernels())
      : kernels_(kernels), seed_(seed), stream_(stream) {}

  // Philox::below(counter, bound): uniform in [0, bound), bound >= 1.
  std::uint64_t below(std::uint64_t counter, std::uint64_t bound) {
    const std::uint64_t block = counter / kBlock;
    if (block != block_) {
      block_ = block;
      kernels_.philox_words(kBlock, seed_, stream_, block * kBlock, low_.data(), high_.data());
    }
    const auto place = static_cast<std::size_t>(counter % kBlock);
    const std::uint64_t wide = (std::uint64_t{high_[place]} << 32) | low_[place];
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(wide) * bound) >> 64);
  }

 private:
  static constexpr std::uint64_t kBlock = 64;

  const SamplingKernels& kernels_;
  std::uint64_t seed_, stream_;
  std::uint64_t block_ = ~std::uint64_t{0};  // whose words are here; no counter lies in this one
  std::array<std::uint32_t, kBlock> low_, high_;
};

}  // namespace l4r
