// What lookups of random rows could take at best, for benchmarks to be read against.
#pragma once

#include <cstdint>
#include <span>

namespace l4r {

// Median seconds of one thread for looking up `count` rows of a table of `rows` x 64 float32 on huge pages,
// prefetched, into memory that stands ready: copied, or every `bag` of them summed where that is not 0. Runs
// through `ids` piece by piece, several times over. Throws Error(argument) for ids outside the table, fewer
// than `count` of them, or sizes below 1.
double lookup_seconds(std::int64_t rows, std::span<const std::int32_t> ids, std::int64_t count,
                      std::int64_t bag);

}  // namespace l4r
