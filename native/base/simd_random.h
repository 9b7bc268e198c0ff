// Random bits for kernel sources: vectors of 32-bit words, one lane each of F32, and the Philox generator of
// base/rng.h on them. Like simd.h, for *.kernel.cpp alone; every level draws the same bits.
#pragma once

#include "base/simd.h"

namespace l4r::L4R_LEVEL {

#if defined(__AVX512F__)

struct U32 {
  __m512i v;
  static U32 load(const std::uint32_t* p) { return {_mm512_loadu_si512(p)}; }
  static U32 broadcast(std::uint32_t x) { return {_mm512_set1_epi32(static_cast<int>(x))}; }
  // 0, 1, 2, ...
  static U32 lanes() { return {_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)}; }
  void store(std::uint32_t* p) const { _mm512_storeu_si512(p, v); }
};
inline U32 operator+(U32 a, U32 b) { return {_mm512_add_epi32(a.v, b.v)}; }
inline U32 operator^(U32 a, U32 b) { return {_mm512_xor_si512(a.v, b.v)}; }
inline U32 operator&(U32 a, U32 b) { return {_mm512_and_si512(a.v, b.v)}; }
inline U32 operator>>(U32 a, int bits) { return {_mm512_srl_epi32(a.v, _mm_cvtsi32_si128(bits))}; }
// Both halves of the 64-bit products.
inline void multiply(U32 a, U32 b, U32& high, U32& low) {
  const __m512i even = _mm512_mul_epu32(a.v, b.v);
  const __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(a.v, 32), _mm512_srli_epi64(b.v, 32));
  high = {_mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 32), odd)};
  low = {_mm512_mask_blend_epi32(0xAAAA, even, _mm512_slli_epi64(odd, 32))};
}
// Lane by lane yes where a < b, else no; a and b below 2^31.
inline F32 select_less(U32 a, U32 b, F32 yes, F32 no) {
  return {_mm512_mask_blend_ps(_mm512_cmplt_epi32_mask(a.v, b.v), no.v, yes.v)};
}
// In each 16-bit half of a word: all ones where it is at most `limit` (below 2^16), else zeros.
inline U32 halves_at_most(U32 a, std::uint32_t limit) {
  return {_mm512_movm_epi16(_mm512_cmple_epu16_mask(a.v, _mm512_set1_epi16(static_cast<short>(limit))))};
}
// The lowest byte of each word, one after the other.
inline void store_bytes(U32 a, std::uint8_t* p) {
  _mm_storeu_si128(static_cast<__m128i*>(static_cast<void*>(p)), _mm512_cvtepi32_epi8(a.v));
}

#elif defined(__AVX2__)

struct U32 {
  __m256i v;
  static U32 load(const std::uint32_t* p) {
    return {_mm256_loadu_si256(static_cast<const __m256i*>(static_cast<const void*>(p)))};
  }
  static U32 broadcast(std::uint32_t x) { return {_mm256_set1_epi32(static_cast<int>(x))}; }
  static U32 lanes() { return {_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)}; }
  void store(std::uint32_t* p) const { _mm256_storeu_si256(static_cast<__m256i*>(static_cast<void*>(p)), v); }
};
inline U32 operator+(U32 a, U32 b) { return {_mm256_add_epi32(a.v, b.v)}; }
inline U32 operator^(U32 a, U32 b) { return {_mm256_xor_si256(a.v, b.v)}; }
inline U32 operator&(U32 a, U32 b) { return {_mm256_and_si256(a.v, b.v)}; }
inline U32 operator>>(U32 a, int bits) { return {_mm256_srl_epi32(a.v, _mm_cvtsi32_si128(bits))}; }
inline void multiply(U32 a, U32 b, U32& high, U32& low) {
  const __m256i even = _mm256_mul_epu32(a.v, b.v);
  const __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(a.v, 32), _mm256_srli_epi64(b.v, 32));
  high = {_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA)};
  low = {_mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA)};
}
inline F32 select_less(U32 a, U32 b, F32 yes, F32 no) {
  return {_mm256_blendv_ps(no.v, yes.v, _mm256_castsi256_ps(_mm256_cmpgt_epi32(b.v, a.v)))};
}
inline U32 halves_at_most(U32 a, std::uint32_t limit) {
  return {_mm256_cmpeq_epi16(_mm256_min_epu16(a.v, _mm256_set1_epi16(static_cast<short>(limit))), a.v)};
}
inline void store_bytes(U32 a, std::uint8_t* p) {
  const __m256i first = _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,  //
                                         0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
  const __m256i fours = _mm256_shuffle_epi8(a.v, first);
  const __m128i eight = _mm_unpacklo_epi32(_mm256_castsi256_si128(fours), _mm256_extracti128_si256(fours, 1));
  _mm_storel_epi64(static_cast<__m128i*>(static_cast<void*>(p)), eight);
}

#elif defined(__aarch64__) && !defined(L4R_SCALAR)

struct U32 {
  uint32x4_t v;
  static U32 load(const std::uint32_t* p) { return {vld1q_u32(p)}; }
  static U32 broadcast(std::uint32_t x) { return {vdupq_n_u32(x)}; }
  static U32 lanes() { return {uint32x4_t{0, 1, 2, 3}}; }
  void store(std::uint32_t* p) const { vst1q_u32(p, v); }
};
inline U32 operator+(U32 a, U32 b) { return {vaddq_u32(a.v, b.v)}; }
inline U32 operator^(U32 a, U32 b) { return {veorq_u32(a.v, b.v)}; }
inline U32 operator&(U32 a, U32 b) { return {vandq_u32(a.v, b.v)}; }
inline U32 operator>>(U32 a, int bits) { return {vshlq_u32(a.v, vdupq_n_s32(-bits))}; }
inline void multiply(U32 a, U32 b, U32& high, U32& low) {
  const uint32x4_t first = vreinterpretq_u32_u64(vmull_u32(vget_low_u32(a.v), vget_low_u32(b.v)));
  const uint32x4_t second = vreinterpretq_u32_u64(vmull_high_u32(a.v, b.v));
  low = {vuzp1q_u32(first, second)};
  high = {vuzp2q_u32(first, second)};
}
inline F32 select_less(U32 a, U32 b, F32 yes, F32 no) {
  return {vbslq_f32(vcltq_u32(a.v, b.v), yes.v, no.v)};
}
inline U32 halves_at_most(U32 a, std::uint32_t limit) {
  const uint16x8_t kept =
      vcleq_u16(vreinterpretq_u16_u32(a.v), vdupq_n_u16(static_cast<std::uint16_t>(limit)));
  return {vreinterpretq_u32_u16(kept)};
}
inline void store_bytes(U32 a, std::uint8_t* p) {
  std::uint32_t words[4];
  a.store(words);
  for (int i = 0; i < 4; ++i) p[i] = static_cast<std::uint8_t>(words[i]);
}

#else

struct U32 {
  std::uint32_t v;
  static U32 load(const std::uint32_t* p) { return {*p}; }
  static U32 broadcast(std::uint32_t x) { return {x}; }
  static U32 lanes() { return {0}; }
  void store(std::uint32_t* p) const { *p = v; }
};
inline U32 operator+(U32 a, U32 b) { return {a.v + b.v}; }
inline U32 operator^(U32 a, U32 b) { return {a.v ^ b.v}; }
inline U32 operator&(U32 a, U32 b) { return {a.v & b.v}; }
inline U32 operator>>(U32 a, int bits) { return {a.v >> bits}; }
inline void multiply(U32 a, U32 b, U32& high, U32& low) {
  const std::uint64_t product = std::uint64_t{a.v} * b.v;
  high = {static_cast<std::uint32_t>(product >> 32)};
  low = {static_cast<std::uint32_t>(product)};
}
inline F32 select_less(U32 a, U32 b, F32 yes, F32 no) { return a.v < b.v ? yes : no; }
inline U32 halves_at_most(U32 a, std::uint32_t limit) {
  return {((a.v & 0xFFFFu) <= limit ? 0xFFFFu : 0u) | ((a.v >> 16) <= limit ? 0xFFFF0000u : 0u)};
}
inline void store_bytes(U32 a, std::uint8_t* p) { *p = static_cast<std::uint8_t>(a.v); }

#endif

// The blocks of F32::width counters beginning with `counter`: words[w] lane l is Philox(seed,
// stream).block(counter + l)[w]. The counters must not cross a multiple of 2^32.
inline void philox(std::uint64_t seed, std::uint64_t stream, std::uint64_t counter, U32 (&words)[4]) {
  const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
  const auto high = [](std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); };
  const U32 m0 = U32::broadcast(0xD2511F53u), m1 = U32::broadcast(0xCD9E8D57u);
  std::uint32_t k0 = low(seed), k1 = high(seed);
  U32 c0 = U32::broadcast(low(counter)) + U32::lanes(), c1 = U32::broadcast(high(counter));
  U32 c2 = U32::broadcast(low(stream)), c3 = U32::broadcast(high(stream));
  for (int round = 0; round < 10; ++round) {
    U32 high0, low0, high1, low1;
    multiply(c0, m0, high0, low0);
    multiply(c2, m1, high1, low1);
    c0 = high1 ^ c1 ^ U32::broadcast(k0);
    c1 = low1;
    c2 = high0 ^ c3 ^ U32::broadcast(k1);
    c3 = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
}

// Of one bit an element, those of the lanes from element i >= 0 on. Reads 4 bytes: up to 3 beyond the last.
inline std::uint32_t bits_at(const std::uint8_t* bits, std::int64_t i) {
  std::uint32_t found;  // every machine that this runs on keeps the low byte first
  __builtin_memcpy(&found, bits + i / 8, sizeof found);
  return found >> (i % 8);
}

}  // namespace l4r::L4R_LEVEL
