#include "base/simd_loop.h"
#include "base/simd_random.h"
#include "ops/kernels.h"

namespace l4r::L4R_LEVEL {

KeepBits keep_bits;
ScaleKept scale_kept;

void keep_bits(std::int64_t blocks, std::uint64_t seed, std::uint64_t stream, std::uint64_t first,
               std::uint32_t limit, std::uint8_t* bits) {
  for (std::int64_t block = 0; block < blocks; block += F32::width) {
    U32 words[4];
    philox(seed, stream, first + static_cast<std::uint64_t>(block), words);
    U32 kept = U32::broadcast(0);
    for (int w = 0; w < 4; ++w)  // half 2 w leaves bit 2 w; half 2 w + 1, above, bit 16 + 2 w + 1
      kept = kept + (halves_at_most(words[w], limit) & U32::broadcast(0x20001u << (2 * w)));
    store_bytes(kept + (kept >> 16), bits + block);
  }
}

void scale_kept(std::int64_t n, float scale, const std::uint8_t* bits, std::int64_t first, const float* x,
                const float* base, float* out) {
  const F32 factor = F32::broadcast(scale);
  if (base == nullptr)
    for_vectors(n, [&](std::int64_t i, auto lanes) {
      store(keep(bits_at(bits, first + i), factor * load(x + i, lanes)), out + i, lanes);
    });
  else
    for_vectors(n, [&](std::int64_t i, auto lanes) {
      store(fma(factor, keep(bits_at(bits, first + i), load(x + i, lanes)), load(base + i, lanes)), out + i,
            lanes);
    });
}

}  // namespace l4r::L4R_LEVEL
