// Vectors of float64 for kernel sources (*.kernel.cpp), beside F32 of base/simd.h and under the same rules:
// one instruction-set level a compilation, everything in namespace l4r::L4R_LEVEL, every operation exactly
// rounded.
#pragma once

#include "base/simd.h"

namespace l4r::L4R_LEVEL {

#if defined(__AVX512F__)

struct F64 {
  static constexpr int width = 8;
  __m512d v;
  static F64 load(const double* p) { return {_mm512_loadu_pd(p)}; }
  static F64 broadcast(double x) { return {_mm512_set1_pd(x)}; }
  void store(double* p) const { _mm512_storeu_pd(p, v); }
};
inline F64 operator+(F64 a, F64 b) { return {_mm512_add_pd(a.v, b.v)}; }
inline F64 operator-(F64 a, F64 b) { return {_mm512_sub_pd(a.v, b.v)}; }
inline F64 fma(F64 a, F64 b, F64 c) { return {_mm512_fmadd_pd(a.v, b.v, c.v)}; }
// Bit i is set when lane i of a > lane i of b (false for NaN).
inline std::uint32_t greater(F64 a, F64 b) { return _mm512_cmp_pd_mask(a.v, b.v, _CMP_GT_OQ); }
// The lower (0) or upper (1) half of the lanes.
template <int half>
F64 widen(F32 a) {
  return {_mm512_cvtps_pd(_mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(a.v), half)))};
}

#elif defined(__AVX2__)

struct F64 {
  static constexpr int width = 4;
  __m256d v;
  static F64 load(const double* p) { return {_mm256_loadu_pd(p)}; }
  static F64 broadcast(double x) { return {_mm256_set1_pd(x)}; }
  void store(double* p) const { _mm256_storeu_pd(p, v); }
};
inline F64 operator+(F64 a, F64 b) { return {_mm256_add_pd(a.v, b.v)}; }
inline F64 operator-(F64 a, F64 b) { return {_mm256_sub_pd(a.v, b.v)}; }
inline F64 fma(F64 a, F64 b, F64 c) { return {_mm256_fmadd_pd(a.v, b.v, c.v)}; }
inline std::uint32_t greater(F64 a, F64 b) {
  return static_cast<std::uint32_t>(_mm256_movemask_pd(_mm256_cmp_pd(a.v, b.v, _CMP_GT_OQ)));
}
template <int half>
F64 widen(F32 a) {
  return {_mm256_cvtps_pd(_mm256_extractf128_ps(a.v, half))};
}

#elif defined(__aarch64__) && !defined(L4R_SCALAR)

struct F64 {
  static constexpr int width = 2;
  float64x2_t v;
  static F64 load(const double* p) { return {vld1q_f64(p)}; }
  static F64 broadcast(double x) { return {vdupq_n_f64(x)}; }
  void store(double* p) const { vst1q_f64(p, v); }
};
inline F64 operator+(F64 a, F64 b) { return {vaddq_f64(a.v, b.v)}; }
inline F64 operator-(F64 a, F64 b) { return {vsubq_f64(a.v, b.v)}; }
inline F64 fma(F64 a, F64 b, F64 c) { return {vfmaq_f64(c.v, a.v, b.v)}; }
inline std::uint32_t bits(uint64x2_t set) {
  return static_cast<std::uint32_t>(vgetq_lane_u64(set, 0) & 1) |
         static_cast<std::uint32_t>(vgetq_lane_u64(set, 1) & 2);
}
inline std::uint32_t greater(F64 a, F64 b) { return bits(vcgtq_f64(a.v, b.v)); }
template <int half>
F64 widen(F32 a) {
  return {half == 0 ? vcvt_f64_f32(vget_low_f32(a.v)) : vcvt_high_f64_f32(a.v)};
}

#else

struct F64 {
  static constexpr int width = 1;
  double v;
  static F64 load(const double* p) { return {*p}; }
  static F64 broadcast(double x) { return {x}; }
  void store(double* p) const { *p = v; }
};
inline F64 operator+(F64 a, F64 b) { return {a.v + b.v}; }
inline F64 operator-(F64 a, F64 b) { return {a.v - b.v}; }
inline F64 fma(F64 a, F64 b, F64 c) { return {a.v * b.v + c.v}; }
inline std::uint32_t greater(F64 a, F64 b) { return a.v > b.v ? 1u : 0u; }
template <int half>
F64 widen(F32 a) {
  return {double{a.v}};
}

#endif

}  // namespace l4r::L4R_LEVEL
