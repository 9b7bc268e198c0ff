// Elementary functions in float64 without libm, whose bits differ between machines. Plain code: additions,
// products and divisions, each rounded once. Relative (sine and cosine: absolute) error below 1e-15, unless
// said otherwise.
#pragma once

#include <bit>
#include <cstdint>

namespace l4r {

// Natural logarithm of a normal x above 0: x = m 2^e with m in [sqrt(1/2), sqrt(2)), ln m = 2 artanh((m - 1)
// / (m + 1)).
inline double natural_log(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  int exponent = static_cast<int>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0xFFFFFFFFFFFFFull) | 0x3FF0000000000000ull);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++exponent;
  }
  const double s = (m - 1) / (m + 1), s2 = s * s;
  double series = 0;  // |s| < 0.172: eleven terms leave less than 1e-17
  for (int k = 21; k >= 1; k -= 2) series = series * s2 + 1.0 / k;
  return exponent * 0.6931471805599453 + 2 * s * series;
}

// e^x for x in [-700, 700], relative error below 1e-15 (1 + |x|): x = n ln 2 + r with |r| <= 0.35, then the
// Taylor series 1 + r (1 + r / 2 (1 + r / 3 (...))), from the inside out.
inline double natural_exp(double x) {
  const double scaled = x * 1.4426950408889634;
  const int n = static_cast<int>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
  const double r = x - n * 0.6931471805599453;
  double series = 1;  // fourteen terms leave less than 1e-18
  for (int k = 14; k >= 1; --k) series = 1 + series * r / k;
  return series * std::bit_cast<double>(static_cast<std::uint64_t>(n + 1023) << 52);
}

struct SineCosine {
  double sine, cosine;
};

// Sine and cosine of `turn` full turns, turn in [0, 1): whole quarters are taken off exactly, the rest goes
// through the Taylor series 1 - x^2 / (1 2) (1 - x^2 / (3 4) (1 - ...)), from the inside out.
inline SineCosine sine_cosine_of_turn(double turn) {
  const int quarter = (static_cast<int>(turn * 8) + 1) / 2;                  // the nearest of 0..4
  const double x = (turn - quarter * 0.25) * 6.283185307179586, x2 = x * x;  // |x| <= pi / 4
  double sine = 0, cosine = 0;
  for (int k = 16; k >= 2; k -= 2) {
    cosine = 1 - cosine * x2 / (k * (k - 1));
    sine = 1 - sine * x2 / (k * (k + 1));
  }
  sine *= x;
  switch (quarter & 3) {
    case 1:
      return {cosine, -sine};
    case 2:
      return {-sine, -cosine};
    case 3:
      return {-cosine, sine};
    default:
      return {sine, cosine};
  }
}

}  // namespace l4r
