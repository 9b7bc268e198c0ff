// What the machine could do at best, for benchmarks to be read against.
#pragma once

#include <cstdint>

namespace l4r {

// GB/s (10^9 bytes) of reading `bytes` of memory again and again, best of several runs; every thread reads
// its own part. Throws Error(argument) for fewer than 512 bytes a thread or threads outside 1..256.
double read_bandwidth(std::int64_t bytes, int threads);

// GFLOP/s of float32 multiply-adds (two operations each) in registers at the active level, best of several
// runs.
double fma_rate(int threads);

// 10^9 operations/s of multiply-adds of bytes into 32 bits (two operations each), likewise.
double byte_multiply_rate(int threads);

}  // namespace l4r
