#include "ops/dropout/mask.h"

#include "base/status.h"
#include "ops/kept_share.h"
#include "ops/parallel.h"

namespace l4r {

namespace {

constexpr std::int64_t kDraws = 8;       // numbers decided by one block of random bits
constexpr std::int64_t kPadding = 16;    // blocks that a kernel may draw at once
constexpr std::int64_t kReadBeyond = 3;  // bytes that a kernel may read beyond the last
constexpr std::int64_t kBlockCost = 16;  // of a block, in streamed elements

}  // namespace

std::optional<Mask> draw_mask(Tape& tape, const char* what, float rate, std::int64_t size) {
  require(rate >= 0 && rate < 1, what, ": expected 0 <= rate < 1, got ", rate);
  const std::optional<RandomKey> key = rate == 0 ? std::nullopt : tape.next_random();
  if (!key) return std::nullopt;
  const std::int64_t groups = (size + kDraws * kPadding - 1) / (kDraws * kPadding);
  auto* bits = tape.allocate<std::uint8_t>(groups * kPadding + kReadBeyond);
  const auto [kept, scale] = kept_share(rate);
  for_rows(groups, kPadding * kBlockCost, [&, kept = kept](std::int64_t begin, std::int64_t end) {
    tape.kernels().keep_bits((end - begin) * kPadding, key->seed, key->stream,
                             static_cast<std::uint64_t>(begin * kPadding), kept - 1, bits + begin * kPadding);
  });
  return Mask{bits, scale};
}

void drop(const OpKernels& kernels, const Mask& mask, std::int64_t first, std::int64_t n, const float* x,
          const float* base, float* out) {
  kernels.scale_kept(n, mask.scale, mask.bits, first, x, base, out);
}

}  // namespace l4r
