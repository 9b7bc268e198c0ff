// The share that dropout keeps, in steps of the 16 random bits that decide: what is kept and what it is
// multiplied by belong together, so that the mean stays exactly what it was at any rate.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace l4r {

struct KeptShare {
  std::uint32_t kept;  // of 65536: what has 16 random bits below it stays
  float scale;         // of what stays: 65536 / kept
};

// rate in [0, 1).
inline KeptShare kept_share(float rate) {
  const double share = (1.0 - static_cast<double>(rate)) * 65536;
  const auto some = static_cast<std::uint32_t>(std::max(1.0, std::nearbyint(share)));
  return {some, static_cast<float>(65536.0 / some)};
}

}  // namespace l4r
