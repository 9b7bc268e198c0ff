// Integer scores of 16 items: sums of products of their codes and a query's, for scan.kernel.cpp. Every level
// gives the same integers.
//
// Codes and Nibbles are a block of a panel (see ScanTile) with codes of 8 and of 4 bits; add() takes as many
// words of the query as the block has, `next` apart.
#pragma once

#include "base/simd.h"
#include "serving/scan_kernels.h"

namespace l4r::L4R_LEVEL {

#if defined(__AVX512F__)

struct Codes {
  static constexpr int kWords = 1;
  __m512i v;
  static Codes load(const std::uint8_t* p) { return {_mm512_loadu_si512(p)}; }
};
struct Nibbles {
  static constexpr int kWords = 2;
  __m512i low, high;
  static Nibbles load(const std::uint8_t* p) {
    const __m512i raw = _mm512_loadu_si512(p), mask = _mm512_set1_epi8(15);
    return {_mm512_and_si512(raw, mask), _mm512_and_si512(_mm512_srli_epi16(raw, 4), mask)};
  }
};
struct CodeSums {
  __m512i v;
  // Codes carry 128 and nibbles 8 too much, which `offset` takes back.
  template <typename Block>
  static CodeSums start(std::int32_t offset) {
    return {_mm512_set1_epi32(offset)};
  }
  void add(const Codes& items, const std::int32_t* query, int) {
    // A register, which serves several panels: loads would be as many as products.
    asm("vpdpbusd %2, %1, %0" : "+v"(v) : "v"(items.v), "v"(_mm512_set1_epi32(query[0])));
  }
  void add(const Nibbles& items, const std::int32_t* query, int next) {
    multiply_add(items.low, query);
    multiply_add(items.high, query + next);
  }
  F32 lanes(int) const { return {_mm512_cvtepi32_ps(v)}; }

 private:
  // Assembly, here and above, because g++ 12 copies every sum before and after the intrinsic.
  void multiply_add(__m512i items, const std::int32_t* word) {
    asm("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(v) : "v"(items), "m"(*word));
  }
};

#elif defined(__AVX2__)

struct Codes {
  static constexpr int kWords = 1;
  static constexpr bool kCarries = false;  // signed once loaded
  __m256i magnitude[2], code[2];
  static Codes load(const std::uint8_t* p) {
    Codes codes;
    for (int half = 0; half < 2; ++half) {
      const __m256i raw = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32 * half));
      codes.code[half] = _mm256_xor_si256(raw, _mm256_set1_epi8(-128));
      codes.magnitude[half] = _mm256_abs_epi8(codes.code[half]);
    }
    return codes;
  }
};
struct Nibbles {
  static constexpr int kWords = 2;
  static constexpr bool kCarries = true;  // 8 too much, which the offset takes back
  __m256i low[2], high[2];
  static Nibbles load(const std::uint8_t* p) {
    Nibbles nibbles;
    for (int half = 0; half < 2; ++half) {
      const __m256i raw = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32 * half));
      nibbles.low[half] = _mm256_and_si256(raw, _mm256_set1_epi8(15));
      nibbles.high[half] = _mm256_and_si256(_mm256_srli_epi16(raw, 4), _mm256_set1_epi8(15));
    }
    return nibbles;
  }
};
struct CodeSums {
  __m256i v[2];
  template <typename Block>
  static CodeSums start(std::int32_t offset) {
    const __m256i first = _mm256_set1_epi32(Block::kCarries ? offset : 0);
    return {{first, first}};
  }
  void add(const Codes& items, const std::int32_t* query, int) {
    const __m256i codes = _mm256_set1_epi32(query[0]);
    for (int half = 0; half < 2; ++half)  // two products of at most 127 * 127 fit 16 bits
      gather(half, _mm256_maddubs_epi16(items.magnitude[half], _mm256_sign_epi8(codes, items.code[half])));
  }
  void add(const Nibbles& items, const std::int32_t* query, int next) {
    const __m256i low = _mm256_set1_epi32(query[0]), high = _mm256_set1_epi32(query[next]);
    for (int half = 0; half < 2; ++half)  // four products of at most 15 * 127 fit 16 bits
      gather(half, _mm256_add_epi16(_mm256_maddubs_epi16(items.low[half], low),
                                    _mm256_maddubs_epi16(items.high[half], high)));
  }
  F32 lanes(int vector) const { return {_mm256_cvtepi32_ps(v[vector])}; }

 private:
  void gather(int half, __m256i pairs) {
    v[half] = _mm256_add_epi32(v[half], _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
};

#elif defined(__aarch64__) && !defined(L4R_SCALAR)

struct Codes {
  static constexpr int kWords = 1;
  int8x16_t v[4];
  static Codes load(const std::uint8_t* p) {
    Codes codes;
    for (int quarter = 0; quarter < 4; ++quarter)
      codes.v[quarter] = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(p + 16 * quarter), vdupq_n_u8(128)));
    return codes;
  }
};
struct Nibbles {
  static constexpr int kWords = 2;
  Codes low, high;
  static Nibbles load(const std::uint8_t* p) {
    const int8x16_t carried = vdupq_n_s8(8);
    Nibbles nibbles;
    for (int quarter = 0; quarter < 4; ++quarter) {
      const uint8x16_t raw = vld1q_u8(p + 16 * quarter);
      nibbles.low.v[quarter] = vsubq_s8(vreinterpretq_s8_u8(vandq_u8(raw, vdupq_n_u8(15))), carried);
      nibbles.high.v[quarter] = vsubq_s8(vreinterpretq_s8_u8(vshrq_n_u8(raw, 4)), carried);
    }
    return nibbles;
  }
};
struct CodeSums {
  int32x4_t v[4];
  template <typename Block>
  static CodeSums start(std::int32_t) {
    const int32x4_t none = vdupq_n_s32(0);
    return {{none, none, none, none}};
  }
  void add(const Codes& items, const std::int32_t* query, int) {
    const int8x16_t codes = vreinterpretq_s8_s32(vdupq_n_s32(query[0]));
    for (int quarter = 0; quarter < 4; ++quarter) {
      const int8x16_t x = items.v[quarter];
      const int32x4_t low = vpaddlq_s16(vmull_s8(vget_low_s8(x), vget_low_s8(codes)));
      const int32x4_t high = vpaddlq_s16(vmull_high_s8(x, codes));
      v[quarter] = vaddq_s32(v[quarter], vpaddq_s32(low, high));
    }
  }
  void add(const Nibbles& items, const std::int32_t* query, int next) {
    add(items.low, query, next);
    add(items.high, query + next, next);
  }
  F32 lanes(int vector) const { return {vcvtq_f32_s32(v[vector])}; }
};

#else

struct Codes {
  static constexpr int kWords = 1;
  const std::uint8_t* v;
  static Codes load(const std::uint8_t* p) { return {p}; }
};
struct Nibbles {
  static constexpr int kWords = 2;
  const std::uint8_t* v;
  static Nibbles load(const std::uint8_t* p) { return {p}; }
};
struct CodeSums {
  std::int32_t v[kPanelItems];
  template <typename Block>
  static CodeSums start(std::int32_t) {
    return {};
  }
  void add(const Codes& items, const std::int32_t* query, int) {
    for (int i = 0; i < kBlockBytes; ++i)
      v[i / kCodeBlock] += (items.v[i] - 128) * code(query[0], i % kCodeBlock);
  }
  void add(const Nibbles& items, const std::int32_t* query, int next) {
    for (int i = 0; i < kBlockBytes; ++i)
      v[i / kCodeBlock] += ((items.v[i] & 15) - 8) * code(query[0], i % kCodeBlock) +
                           ((items.v[i] >> 4) - 8) * code(query[next], i % kCodeBlock);
  }
  F32 lanes(int vector) const { return F32::broadcast(static_cast<float>(v[vector])); }

 private:
  static std::int32_t code(std::int32_t word, int j) {
    return static_cast<std::int8_t>(static_cast<std::uint32_t>(word) >> (8 * j));
  }
};

#endif

}  // namespace l4r::L4R_LEVEL
