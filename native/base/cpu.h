// Which instruction set the kernels use. Chosen once per process; an environment variable can force a level.
#pragma once

#include <string>
#include <vector>

namespace l4r {

// avx2 = AVX2 + FMA; avx512 = AVX2 + FMA and F + BW + VL + DQ + VNNI; neon = AArch64.
enum class Level { scalar, avx2, avx512, neon };

const char* level_name(Level level);

// Levels that this build holds and that processor and operating system support, weakest first; starts with
// scalar.
const std::vector<Level>& available_levels();

// The strongest available level, or the one named by LLAMA4REC_CPU. Throws Error(argument) when that variable
// names a level that does not exist or is not available here.
Level active_level();

// Processors this process may use: affinity mask and cgroup quota considered, at least 1.
int usable_processors();

}  // namespace l4r
