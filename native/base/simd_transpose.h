// Transposes a square of F32::width x F32::width numbers in registers. Like simd.h, for *.kernel.cpp alone.
#pragma once

#include "base/simd.h"

namespace l4r::L4R_LEVEL {

// rows[i] lane j becomes rows[j] lane i.
#if defined(__AVX512F__)

inline void transpose(F32 (&rows)[16]) {
  __m512 a[16], b[16];
  for (int i = 0; i < 16; i += 2) {  // pairs of rows, inside each quarter of a register
    a[i] = _mm512_unpacklo_ps(rows[i].v, rows[i + 1].v);
    a[i + 1] = _mm512_unpackhi_ps(rows[i].v, rows[i + 1].v);
  }
  for (int i = 0; i < 16; i += 4)  // b[i + c] quarter q: column 4 q + c of rows i..i + 3
    for (int c = 0; c < 2; ++c) {
      const __m512d low = _mm512_castps_pd(a[i + c]), high = _mm512_castps_pd(a[i + 2 + c]);
      b[i + 2 * c] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
      b[i + 2 * c + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
    }
  for (int c = 0; c < 4; ++c) {  // quarters across registers
    const __m512 even_low = _mm512_shuffle_f32x4(b[c], b[4 + c], 0x88);
    const __m512 odd_low = _mm512_shuffle_f32x4(b[c], b[4 + c], 0xDD);
    const __m512 even_high = _mm512_shuffle_f32x4(b[8 + c], b[12 + c], 0x88);
    const __m512 odd_high = _mm512_shuffle_f32x4(b[8 + c], b[12 + c], 0xDD);
    rows[c].v = _mm512_shuffle_f32x4(even_low, even_high, 0x88);
    rows[4 + c].v = _mm512_shuffle_f32x4(odd_low, odd_high, 0x88);
    rows[8 + c].v = _mm512_shuffle_f32x4(even_low, even_high, 0xDD);
    rows[12 + c].v = _mm512_shuffle_f32x4(odd_low, odd_high, 0xDD);
  }
}

#elif defined(__AVX2__)

inline void transpose(F32 (&rows)[8]) {
  __m256 a[8], b[8];
  for (int i = 0; i < 8; i += 2) {
    a[i] = _mm256_unpacklo_ps(rows[i].v, rows[i + 1].v);
    a[i + 1] = _mm256_unpackhi_ps(rows[i].v, rows[i + 1].v);
  }
  for (int i = 0; i < 8; i += 4)  // b[i + c] half h: column 4 h + c of rows i..i + 3
    for (int c = 0; c < 2; ++c) {
      b[i + 2 * c] = _mm256_shuffle_ps(a[i + c], a[i + 2 + c], 0x44);
      b[i + 2 * c + 1] = _mm256_shuffle_ps(a[i + c], a[i + 2 + c], 0xEE);
    }
  for (int c = 0; c < 4; ++c) {
    rows[c].v = _mm256_permute2f128_ps(b[c], b[4 + c], 0x20);
    rows[4 + c].v = _mm256_permute2f128_ps(b[c], b[4 + c], 0x31);
  }
}

#elif defined(__aarch64__) && !defined(L4R_SCALAR)

inline void transpose(F32 (&rows)[4]) {
  const float32x4_t even0 = vtrn1q_f32(rows[0].v, rows[1].v), odd0 = vtrn2q_f32(rows[0].v, rows[1].v);
  const float32x4_t even1 = vtrn1q_f32(rows[2].v, rows[3].v), odd1 = vtrn2q_f32(rows[2].v, rows[3].v);
  rows[0].v = vcombine_f32(vget_low_f32(even0), vget_low_f32(even1));
  rows[1].v = vcombine_f32(vget_low_f32(odd0), vget_low_f32(odd1));
  rows[2].v = vcombine_f32(vget_high_f32(even0), vget_high_f32(even1));
  rows[3].v = vcombine_f32(vget_high_f32(odd0), vget_high_f32(odd1));
}

#else

inline void transpose(F32 (&)[1]) {}

#endif

}  // namespace l4r::L4R_LEVEL
