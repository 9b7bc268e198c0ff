// How a table of kernels, one per instruction-set level, is declared and picked. X stands for what to write
// once for every level of this build: only the preprocessor can leave out a symbol that was never compiled.
#pragma once

#include <initializer_list>
#include <utility>

#include "base/cpu.h"
#include "base/status.h"

#if L4R_HAVE_AVX2
#define L4R_FOR_AVX2(X) X(avx2)
#else
#define L4R_FOR_AVX2(X)
#endif
#if L4R_HAVE_AVX512
#define L4R_FOR_AVX512(X) X(avx512)
#else
#define L4R_FOR_AVX512(X)
#endif
#if L4R_HAVE_NEON
#define L4R_FOR_NEON(X) X(neon)
#else
#define L4R_FOR_NEON(X)
#endif
#define L4R_FOR_EACH_LEVEL(X) X(scalar) L4R_FOR_AVX2(X) L4R_FOR_AVX512(X) L4R_FOR_NEON(X)

namespace l4r {

// The table of `level`; throws Error(argument) when this build or machine lacks it.
template <typename Table>
const Table& table_of(Level level, std::initializer_list<std::pair<Level, const Table*>> tables) {
  for (const Level available : available_levels())
    for (const auto& [of, table] : tables)
      if (available == level && of == level) return *table;
  throw Error(Code::argument,
              std::string("instruction-set level ") + level_name(level) + " is not available here");
}

}  // namespace l4r
