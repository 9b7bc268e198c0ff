// A loop over n numbers in vectors: body(i, Whole{}) for each whole vector, then body(i, lanes) for what is
// left, so that one body serves both. Like simd.h, for *.kernel.cpp alone.
#pragma once

#include "base/simd.h"

namespace l4r::L4R_LEVEL {

struct Whole {};

inline F32 load(const float* p, Whole) { return F32::load(p); }
inline F32 load(const float* p, int lanes) { return F32::load(p, lanes); }
inline void store(F32 x, float* p, Whole) { x.store(p); }
inline void store(F32 x, float* p, int lanes) { x.store(p, lanes); }
// x, with 0 in the lanes beyond the end.
inline F32 inside(F32 x, Whole) { return x; }
inline F32 inside(F32 x, int lanes) { return keep((1u << lanes) - 1u, x); }

template <typename Body>
inline void for_vectors(std::int64_t n, const Body& body) {
  std::int64_t i = 0;
  for (; i + F32::width <= n; i += F32::width) body(i, Whole{});
  if (i < n) body(i, static_cast<int>(n - i));
}

}  // namespace l4r::L4R_LEVEL
