// Vectors of float32 for kernel sources (*.kernel.cpp), which the build compiles once per instruction-set
// level with L4R_LEVEL set to scalar, avx2, avx512 or neon. Everything lives in namespace l4r::L4R_LEVEL, so
// no two levels can share a symbol; kernel sources use no templates of the standard library, whose inline
// copies the linker merges.
//
// F32 holds F32::width lanes. Every operation is exactly rounded per lane and sum() adds in one fixed tree,
// so a level always gives the same bits. At level scalar fma() rounds twice.
#pragma once

#include <cstdint>

#if !defined(L4R_LEVEL)
#error "simd.h is for *.kernel.cpp files, which the build compiles with L4R_LEVEL defined"
#endif

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#elif defined(__aarch64__) && !defined(L4R_SCALAR)
#include <arm_neon.h>
#endif

namespace l4r::L4R_LEVEL {

#if defined(__AVX512F__)

struct F32 {
  static constexpr int width = 16;
  __m512 v;
  static F32 load(const float* p) { return {_mm512_loadu_ps(p)}; }
  // The first n lanes (0 <= n <= width); the rest are 0 and their memory is not touched.
  static F32 load(const float* p, int n) { return {_mm512_maskz_loadu_ps(mask(n), p)}; }
  static F32 broadcast(float x) { return {_mm512_set1_ps(x)}; }
  void store(float* p) const { _mm512_storeu_ps(p, v); }
  void store(float* p, int n) const { _mm512_mask_storeu_ps(p, mask(n), v); }

 private:
  static __mmask16 mask(int n) { return static_cast<__mmask16>((1u << n) - 1u); }
};
inline F32 operator+(F32 a, F32 b) { return {_mm512_add_ps(a.v, b.v)}; }
inline F32 operator-(F32 a, F32 b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline F32 operator*(F32 a, F32 b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline F32 operator/(F32 a, F32 b) { return {_mm512_div_ps(a.v, b.v)}; }
inline F32 fma(F32 a, F32 b, F32 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
// min and max give b when either operand is NaN (NEON: NaN), so min(constant, x) keeps the NaN of x.
inline F32 max(F32 a, F32 b) { return {_mm512_max_ps(a.v, b.v)}; }
inline F32 min(F32 a, F32 b) { return {_mm512_min_ps(a.v, b.v)}; }
inline F32 sqrt(F32 a) { return {_mm512_sqrt_ps(a.v)}; }
inline F32 abs(F32 a) { return {_mm512_abs_ps(a.v)}; }
inline F32 round(F32 a) { return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
// Bit i is set when lane i of a >= lane i of b (false for NaN).
inline std::uint32_t greater_equal(F32 a, F32 b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_GE_OQ); }
// 2^n for integral n in [-126, 127].
inline F32 exp2_integral(F32 n) {
  const __m512i biased = _mm512_add_epi32(_mm512_cvtps_epi32(n.v), _mm512_set1_epi32(127));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(biased, 23))};
}
// x in the lanes where condition > 0, else 0 (also for NaN).
inline F32 where_positive(F32 condition, F32 x) {
  return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(condition.v, _mm512_setzero_ps(), _CMP_GT_OQ), x.v)};
}
// x in the lanes whose bit is set, else 0.
inline F32 keep(std::uint32_t bits, F32 x) {
  return {_mm512_maskz_mov_ps(static_cast<__mmask16>(bits), x.v)};
}
// Sum of all lanes: halves are added pairwise, always in the same order.
inline float sum(F32 a) {
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a.v),
                                     _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(a.v), 1)));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

#elif defined(__AVX2__)

struct F32 {
  static constexpr int width = 8;
  __m256 v;
  static F32 load(const float* p) { return {_mm256_loadu_ps(p)}; }
  static F32 load(const float* p, int n) { return {_mm256_maskload_ps(p, mask(n))}; }
  static F32 broadcast(float x) { return {_mm256_set1_ps(x)}; }
  void store(float* p) const { _mm256_storeu_ps(p, v); }
  void store(float* p, int n) const { _mm256_maskstore_ps(p, mask(n), v); }

 private:
  static __m256i mask(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
};
inline F32 operator+(F32 a, F32 b) { return {_mm256_add_ps(a.v, b.v)}; }
inline F32 operator-(F32 a, F32 b) { return {_mm256_sub_ps(a.v, b.v)}; }
inline F32 operator*(F32 a, F32 b) { return {_mm256_mul_ps(a.v, b.v)}; }
inline F32 operator/(F32 a, F32 b) { return {_mm256_div_ps(a.v, b.v)}; }
inline F32 fma(F32 a, F32 b, F32 c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
inline F32 max(F32 a, F32 b) { return {_mm256_max_ps(a.v, b.v)}; }
inline F32 min(F32 a, F32 b) { return {_mm256_min_ps(a.v, b.v)}; }
inline F32 sqrt(F32 a) { return {_mm256_sqrt_ps(a.v)}; }
inline F32 abs(F32 a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v)}; }
inline F32 round(F32 a) { return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
inline std::uint32_t greater_equal(F32 a, F32 b) {
  return static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(a.v, b.v, _CMP_GE_OQ)));
}
inline F32 exp2_integral(F32 n) {
  const __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(n.v), _mm256_set1_epi32(127));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(biased, 23))};
}
inline F32 where_positive(F32 condition, F32 x) {
  return {_mm256_and_ps(_mm256_cmp_ps(condition.v, _mm256_setzero_ps(), _CMP_GT_OQ), x.v)};
}
inline F32 keep(std::uint32_t bits, F32 x) {
  const __m256i lane = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  const __m256i set = _mm256_and_si256(_mm256_set1_epi32(static_cast<int>(bits)), lane);
  return {_mm256_and_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(set, lane)), x.v)};
}
inline float sum(F32 a) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

#elif defined(__aarch64__) && !defined(L4R_SCALAR)

struct F32 {
  static constexpr int width = 4;
  float32x4_t v;
  static F32 load(const float* p) { return {vld1q_f32(p)}; }
  static F32 load(const float* p, int n) {
    float lanes[4] = {0, 0, 0, 0};
    for (int i = 0; i < n; ++i) lanes[i] = p[i];
    return {vld1q_f32(lanes)};
  }
  static F32 broadcast(float x) { return {vdupq_n_f32(x)}; }
  void store(float* p) const { vst1q_f32(p, v); }
  void store(float* p, int n) const {
    float lanes[4];
    vst1q_f32(lanes, v);
    for (int i = 0; i < n; ++i) p[i] = lanes[i];
  }
};
inline F32 operator+(F32 a, F32 b) { return {vaddq_f32(a.v, b.v)}; }
inline F32 operator-(F32 a, F32 b) { return {vsubq_f32(a.v, b.v)}; }
inline F32 operator*(F32 a, F32 b) { return {vmulq_f32(a.v, b.v)}; }
inline F32 operator/(F32 a, F32 b) { return {vdivq_f32(a.v, b.v)}; }
inline F32 fma(F32 a, F32 b, F32 c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
inline F32 max(F32 a, F32 b) { return {vmaxq_f32(a.v, b.v)}; }
inline F32 min(F32 a, F32 b) { return {vminq_f32(a.v, b.v)}; }
inline F32 sqrt(F32 a) { return {vsqrtq_f32(a.v)}; }
inline F32 abs(F32 a) { return {vabsq_f32(a.v)}; }
inline F32 round(F32 a) { return {vrndnq_f32(a.v)}; }
inline std::uint32_t greater_equal(F32 a, F32 b) {
  const uint32x4_t bits = vandq_u32(vcgeq_f32(a.v, b.v), uint32x4_t{1, 2, 4, 8});
  return vaddvq_u32(bits);
}
inline F32 exp2_integral(F32 n) {
  const int32x4_t biased = vaddq_s32(vcvtnq_s32_f32(n.v), vdupq_n_s32(127));
  return {vreinterpretq_f32_s32(vshlq_n_s32(biased, 23))};
}
inline F32 where_positive(F32 condition, F32 x) {
  return {
      vreinterpretq_f32_u32(vandq_u32(vcgtq_f32(condition.v, vdupq_n_f32(0)), vreinterpretq_u32_f32(x.v)))};
}
inline F32 keep(std::uint32_t bits, F32 x) {
  const uint32x4_t set = vtstq_u32(vdupq_n_u32(bits), uint32x4_t{1, 2, 4, 8});
  return {vreinterpretq_f32_u32(vandq_u32(set, vreinterpretq_u32_f32(x.v)))};
}
inline float sum(F32 a) {
  const float32x2_t two = vadd_f32(vget_low_f32(a.v), vget_high_f32(a.v));
  return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

#else

struct F32 {
  static constexpr int width = 1;
  float v;
  static F32 load(const float* p) { return {*p}; }
  static F32 load(const float* p, int n) { return {n > 0 ? *p : 0.0f}; }
  static F32 broadcast(float x) { return {x}; }
  void store(float* p) const { *p = v; }
  void store(float* p, int n) const {
    if (n > 0) *p = v;
  }
};
inline F32 operator+(F32 a, F32 b) { return {a.v + b.v}; }
inline F32 operator-(F32 a, F32 b) { return {a.v - b.v}; }
inline F32 operator*(F32 a, F32 b) { return {a.v * b.v}; }
inline F32 operator/(F32 a, F32 b) { return {a.v / b.v}; }
inline F32 fma(F32 a, F32 b, F32 c) { return {a.v * b.v + c.v}; }
inline F32 max(F32 a, F32 b) { return {a.v > b.v ? a.v : b.v}; }
inline F32 min(F32 a, F32 b) { return {a.v < b.v ? a.v : b.v}; }
inline F32 sqrt(F32 a) { return {__builtin_sqrtf(a.v)}; }
inline F32 abs(F32 a) { return {__builtin_fabsf(a.v)}; }
inline F32 round(F32 a) {
  // To nearest, ties to even, for |a| < 2^22, which is all that exp() asks for.
  constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23
  return {(a.v + kMagic) - kMagic};
}
inline std::uint32_t greater_equal(F32 a, F32 b) { return a.v >= b.v ? 1u : 0u; }
inline F32 exp2_integral(F32 n) {
  // Adding 1.5 * 2^23 leaves n in the low bits; unlike a cast this is defined for NaN too.
  const std::uint32_t biased = __builtin_bit_cast(std::uint32_t, n.v + 12582912.0f) - 0x4B400000u + 127u;
  return {__builtin_bit_cast(float, biased << 23)};
}
inline F32 where_positive(F32 condition, F32 x) { return {condition.v > 0 ? x.v : 0.0f}; }
inline F32 keep(std::uint32_t bits, F32 x) { return {(bits & 1) != 0 ? x.v : 0.0f}; }
inline float sum(F32 a) { return a.v; }

#endif

inline F32 zero() { return F32::broadcast(0.0f); }

// e^x, relative error below 2e-7; x is clamped to [-87.3, 88], NaN stays NaN (min and max return their second
// operand then). Own code: libm's bits differ between machines. Range reduction x = n ln 2 + r, |r| <= ln 2 /
// 2, then a Taylor polynomial of degree 7 in r.
inline F32 exp(F32 x) {
  const F32 low = F32::broadcast(-87.3f);
  const F32 clamped = min(F32::broadcast(88.0f), max(low, x));
  const F32 n = round(clamped * F32::broadcast(1.44269504f));
  F32 r = fma(n, F32::broadcast(-0.693359375f), clamped);
  r = fma(n, F32::broadcast(2.12194440e-4f), r);
  F32 p = F32::broadcast(1.0f / 5040);
  p = fma(p, r, F32::broadcast(1.0f / 720));
  p = fma(p, r, F32::broadcast(1.0f / 120));
  p = fma(p, r, F32::broadcast(1.0f / 24));
  p = fma(p, r, F32::broadcast(1.0f / 6));
  p = fma(p, r, F32::broadcast(0.5f));
  p = fma(p, r, F32::broadcast(1.0f));
  p = fma(p, r, F32::broadcast(1.0f));
  return p * exp2_integral(n);
}

// log(1 + y) for y in [0, 1], relative error below 3e-7: 2 artanh(s), s = y / (2 + y) <= 1/3, by its series.
inline F32 log1p_unit(F32 y) {
  const F32 s = y / (F32::broadcast(2.0f) + y);
  const F32 s2 = s * s;
  F32 p = F32::broadcast(2.0f / 15);
  p = fma(p, s2, F32::broadcast(2.0f / 13));
  p = fma(p, s2, F32::broadcast(2.0f / 11));
  p = fma(p, s2, F32::broadcast(2.0f / 9));
  p = fma(p, s2, F32::broadcast(2.0f / 7));
  p = fma(p, s2, F32::broadcast(2.0f / 5));
  p = fma(p, s2, F32::broadcast(2.0f / 3));
  p = fma(p, s2, F32::broadcast(2.0f));
  return p * s;
}

}  // namespace l4r::L4R_LEVEL
