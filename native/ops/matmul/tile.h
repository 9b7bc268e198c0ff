// Register tile of the matrix product: kTileRows x kTileVectors accumulators, kept in registers throughout.
#pragma once

#include "base/simd.h"

namespace l4r::L4R_LEVEL {

// AVX-512 14 x 32 and NEON 12 x 8 fill 32 registers, AVX2 6 x 16 fills 16.
constexpr int kTileRows = F32::width == 16 ? 14 : F32::width == 8 ? 6 : F32::width == 4 ? 12 : 4;
constexpr int kTileVectors = 2;
constexpr int kTileCols = kTileVectors * F32::width;

}  // namespace l4r::L4R_LEVEL
