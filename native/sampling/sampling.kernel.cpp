#include "sampling/sampling_kernels.h"

#include "base/simd_random.h"

namespace l4r::L4R_LEVEL {

namespace {

void philox_words(std::int64_t n, std::uint64_t seed, std::uint64_t stream, std::uint64_t counter,
                  std::uint32_t* low, std::uint32_t* high) {
  for (std::int64_t i = 0; i < n; i += F32::width) {
    U32 words[4];
    philox(seed, stream, counter + static_cast<std::uint64_t>(i), words);
    words[0].store(low + i);
    words[1].store(high + i);
  }
}

// Keys of a node that are at most `rank`.
inline int keys_at_most(const SearchNode& node, std::int32_t rank) {
#if defined(__AVX512F__)
  const __mmask16 found = _mm512_cmple_epi32_mask(_mm512_load_si512(node.keys), _mm512_set1_epi32(rank));
  return __builtin_popcount(found);
#elif defined(__AVX2__)
  const auto* keys = static_cast<const __m256i*>(static_cast<const void*>(node.keys));
  const __m256i limit = _mm256_set1_epi32(rank);
  const __m256i above = _mm256_packs_epi32(_mm256_cmpgt_epi32(_mm256_load_si256(keys), limit),
                                           _mm256_cmpgt_epi32(_mm256_load_si256(keys + 1), limit));
  return SearchNode::kKeys - __builtin_popcount(static_cast<unsigned>(_mm256_movemask_epi8(above))) / 2;
#else
  std::int32_t above[4] = {};  // in columns of four, which compilers turn into vectors
  for (int key = 0; key < SearchNode::kKeys; key += 4)
    for (int lane = 0; lane < 4; ++lane) above[lane] += node.keys[key + lane] > rank ? 1 : 0;
  return SearchNode::kKeys - (above[0] + above[1] + above[2] + above[3]);
#endif
}

std::int64_t search_level(TreeSearch* searches, std::int64_t count) {
  std::int64_t left = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    TreeSearch search = searches[i];
    const int below = keys_at_most(search.level[search.node], search.rank);
    const std::int32_t first = search.node << SearchNode::kBits;
    if (search.shift == 0) {
      *search.to = search.rank + first + below;
      continue;
    }
    search.level += nodes_of(search.length, search.shift);
    search.node = first + (below > 0 ? below - 1 : 0);
    search.shift -= SearchNode::kBits;
    __builtin_prefetch(search.level + search.node);
    searches[left++] = search;
  }
  return left;
}

}  // namespace

extern const SamplingKernels kSamplingKernels;
constinit const SamplingKernels kSamplingKernels{philox_words, search_level};

}  // namespace l4r::L4R_LEVEL
