// Integer scores of 16 items: sums of products of their codes and a query's, for scan.kernel.cpp. Every level
// gives the same integers.
#pragma once

#include "base/simd.h"
#include "serving/scan_kernels.h"

namespace l4r::L4R_LEVEL {

#if defined(__AVX512F__)

struct Codes {  // one block of a panel, 128 + code
  __m512i v;
  static Codes load(const std::uint8_t* p) { return {_mm512_loadu_si512(p)}; }
};
struct CodeSums {
  __m512i v;
  // The codes carry 128 too much, which `offset` takes back.
  static CodeSums start(std::int32_t offset) { return {_mm512_set1_epi32(offset)}; }
  void add(const Codes& items, std::int32_t query) {
    v = _mm512_dpbusd_epi32(v, items.v, _mm512_set1_epi32(query));
  }
  F32 lanes(int) const { return {_mm512_cvtepi32_ps(v)}; }
};

#elif defined(__AVX2__)

struct Codes {
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
struct CodeSums {
  __m256i v[2];
  static CodeSums start(std::int32_t) { return {{_mm256_setzero_si256(), _mm256_setzero_si256()}}; }
  void add(const Codes& items, std::int32_t query) {
    const __m256i codes = _mm256_set1_epi32(query);
    // Two products of at most 127 * 127 fit 16 bits.
    for (int half = 0; half < 2; ++half) {
      const __m256i pairs =
          _mm256_maddubs_epi16(items.magnitude[half], _mm256_sign_epi8(codes, items.code[half]));
      v[half] = _mm256_add_epi32(v[half], _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    }
  }
  F32 lanes(int vector) const { return {_mm256_cvtepi32_ps(v[vector])}; }
};

#elif defined(__aarch64__) && !defined(L4R_SCALAR)

struct Codes {
  int8x16_t v[4];
  static Codes load(const std::uint8_t* p) {
    Codes codes;
    for (int quarter = 0; quarter < 4; ++quarter)
      codes.v[quarter] = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(p + 16 * quarter), vdupq_n_u8(128)));
    return codes;
  }
};
struct CodeSums {
  int32x4_t v[4];
  static CodeSums start(std::int32_t) {
    const int32x4_t none = vdupq_n_s32(0);
    return {{none, none, none, none}};
  }
  void add(const Codes& items, std::int32_t query) {
    const int8x16_t codes = vreinterpretq_s8_s32(vdupq_n_s32(query));
    for (int quarter = 0; quarter < 4; ++quarter) {
      const int8x16_t x = items.v[quarter];
      const int32x4_t low = vpaddlq_s16(vmull_s8(vget_low_s8(x), vget_low_s8(codes)));
      const int32x4_t high = vpaddlq_s16(vmull_high_s8(x, codes));
      v[quarter] = vaddq_s32(v[quarter], vpaddq_s32(low, high));
    }
  }
  F32 lanes(int vector) const { return {vcvtq_f32_s32(v[vector])}; }
};

#else

struct Codes {
  const std::uint8_t* v;
  static Codes load(const std::uint8_t* p) { return {p}; }
};
struct CodeSums {
  std::int32_t v[kPanelItems];
  static CodeSums start(std::int32_t) { return {}; }
  void add(const Codes& items, std::int32_t query) {
    const auto codes = static_cast<std::uint32_t>(query);
    for (int item = 0; item < kPanelItems; ++item)
      for (int j = 0; j < kCodeBlock; ++j)
        v[item] += (items.v[item * kCodeBlock + j] - 128) * static_cast<std::int8_t>(codes >> (8 * j));
  }
  F32 lanes(int vector) const { return F32::broadcast(static_cast<float>(v[vector])); }
};

#endif

}  // namespace l4r::L4R_LEVEL
