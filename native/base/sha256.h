// SHA-256 (FIPS 180-4).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace l4r {

// In hexadecimal digits, lower case.
std::string sha256(std::span<const std::uint8_t> bytes);

}  // namespace l4r
