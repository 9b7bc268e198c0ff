// What the proof of the int8 scan's error bound allows for: see Shadow::code, and code.cu for the same on a
// GPU.
#pragma once

namespace l4r {

// Relative error of a float32 score and of its bound against (|q| + |e|) (|x| + |r|) + |bias|: six roundings
// of 2^-24 (the integer, the scale, the fused multiply-add, which is two at level scalar, the bound's sum),
// with room to spare.
inline constexpr double kRounding = 0x1p-20;
// Scales whose product underflows are wrong by up to 2^-150, against integers below 2^31.
inline constexpr double kUnderflow = 0x1p-118;
// Scores over the query's scale that underflow are wrong by up to half of that.
inline constexpr double kLastPlace = 0x1p-149;
// Rounding of a norm or of a float64 score, relative.
inline constexpr double kNormRounding = 0x1p-30;

}  // namespace l4r
