// Numbers of a stored row as vectors of float32, for kernel sources.
#pragma once

#include "base/simd.h"

namespace l4r::L4R_LEVEL {

struct FloatRow {
  using Number = float;
  static F32 load(const float* p) { return F32::load(p); }
  static F32 load(const float* p, int n) { return F32::load(p, n); }
};

// The upper half of a float32.
struct Bf16Row {
  using Number = std::uint16_t;
  static F32 load(const std::uint16_t* p);
  static F32 load(const std::uint16_t* p, int n);
};

// A byte, to be multiplied by the scale of its row.
struct ByteRow {
  using Number = std::int8_t;
  static F32 load(const std::int8_t* p);
  static F32 load(const std::int8_t* p, int n);
};

#if defined(__AVX512F__)

inline F32 widened(__m256i halves) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16))};
}
inline F32 widened(__m128i bytes) { return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))}; }
inline __mmask16 first(int n) { return static_cast<__mmask16>((1u << n) - 1u); }

inline F32 Bf16Row::load(const std::uint16_t* p) { return widened(_mm256_loadu_si256((const __m256i*)p)); }
inline F32 Bf16Row::load(const std::uint16_t* p, int n) {
  return widened(_mm256_maskz_loadu_epi16(first(n), p));
}
inline F32 ByteRow::load(const std::int8_t* p) { return widened(_mm_loadu_si128((const __m128i*)p)); }
inline F32 ByteRow::load(const std::int8_t* p, int n) { return widened(_mm_maskz_loadu_epi8(first(n), p)); }

#else

#if defined(__AVX2__)

inline F32 Bf16Row::load(const std::uint16_t* p) {
  const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)p));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(wide, 16))};
}
inline F32 ByteRow::load(const std::int8_t* p) {
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)p)))};
}

#elif defined(__aarch64__) && !defined(L4R_SCALAR)

inline F32 Bf16Row::load(const std::uint16_t* p) {
  return {vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16))};
}
inline F32 ByteRow::load(const std::int8_t* p) {
  std::uint32_t four;
  __builtin_memcpy(&four, p, sizeof four);
  const int16x8_t wide = vmovl_s8(vcreate_s8(four));
  return {vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)))};
}

#else

inline F32 Bf16Row::load(const std::uint16_t* p) {
  return {__builtin_bit_cast(float, static_cast<std::uint32_t>(*p) << 16)};
}
inline F32 ByteRow::load(const std::int8_t* p) { return {static_cast<float>(*p)}; }

#endif

// The first n numbers; the rest are 0 and their memory is not touched.
template <typename Row>
F32 load_some(const typename Row::Number* p, int n) {
  typename Row::Number some[F32::width] = {};
  for (int i = 0; i < n; ++i) some[i] = p[i];
  return Row::load(some);
}
inline F32 Bf16Row::load(const std::uint16_t* p, int n) { return load_some<Bf16Row>(p, n); }
inline F32 ByteRow::load(const std::int8_t* p, int n) { return load_some<ByteRow>(p, n); }

#endif

}  // namespace l4r::L4R_LEVEL
