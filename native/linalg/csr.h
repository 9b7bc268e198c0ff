// A sparse matrix in compressed rows, borrowed.
#pragma once

#include <cstdint>
#include <span>

namespace l4r {

struct CsrView {
  std::int64_t rows, columns;
  std::span<const std::int32_t> offsets;  // rows + 1 positions, from 0
  std::span<const std::int32_t> indices;  // columns, strictly ascending within a row
  std::span<const double> values{};       // beside indices; empty = all 1
};

// Throws Error(argument) that names `what` when sizes, offsets, indices or values (which must be finite) do
// not fit.
void check_csr(const CsrView& matrix, const char* what);

}  // namespace l4r
