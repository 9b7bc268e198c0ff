#include "base/cpu.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

#include "base/status.h"

namespace l4r {

namespace {

#if L4R_HAVE_AVX2
// Bits of XCR0: does the operating system save these registers on a context switch?
bool os_saves(unsigned mask) {
  unsigned eax = 1, ebx = 0, ecx = 0, edx = 0;
  __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
  constexpr unsigned kOsxsave = 1u << 27;
  if ((ecx & kOsxsave) == 0) return false;
  unsigned low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (low & mask) == mask;
}
constexpr unsigned kYmm = 0x06, kZmm = 0xE6;
#endif

std::vector<Level> find_levels() {
  std::vector<Level> levels{Level::scalar};
#if L4R_HAVE_AVX2
  __builtin_cpu_init();
  if (os_saves(kYmm) && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    levels.push_back(Level::avx2);
  if (levels.back() == Level::avx2 && os_saves(kZmm) && __builtin_cpu_supports("avx512f") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni"))
    levels.push_back(Level::avx512);
#elif L4R_HAVE_NEON
  levels.push_back(Level::neon);  // part of the AArch64 base
#endif
  return levels;
}

Level choose_level() {
  const auto& levels = available_levels();
  const char* forced = std::getenv("LLAMA4REC_CPU");
  if (forced == nullptr || *forced == '\0') return levels.back();
  std::string list;
  for (Level level : levels) {
    if (level_name(level) == std::string(forced)) return level;
    list += (list.empty() ? "" : ", ") + std::string(level_name(level));
  }
  throw Error(Code::argument,
              "LLAMA4REC_CPU: expected one of " + list + " (available here), got \"" + forced + "\"");
}

// Processors granted by a cgroup v2 quota, rounded up; 0 when there is none.
int cgroup_processors() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return 0;
  const double granted = std::strtod(quota.c_str(), nullptr) / period;
  return granted > 0 ? std::max(1, static_cast<int>(std::ceil(granted))) : 0;
}

}  // namespace

const char* level_name(Level level) {
  switch (level) {
    case Level::scalar:
      return "scalar";
    case Level::avx2:
      return "avx2";
    case Level::avx512:
      return "avx512";
    case Level::neon:
      return "neon";
  }
  return "scalar";
}

const std::vector<Level>& available_levels() {
  static const std::vector<Level> levels = find_levels();
  return levels;
}

Level active_level() {
  static const Level level = choose_level();
  return level;
}

int usable_processors() {
  int count = static_cast<int>(std::thread::hardware_concurrency());
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) count = CPU_COUNT(&set);
#endif
  const int granted = cgroup_processors();
  if (granted > 0) count = std::min(count, granted);
  return std::max(1, count);
}

}  // namespace l4r
