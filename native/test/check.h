// The smallest test harness that does the job: named cases, checks that print what was expected and what
// came, a closing line "N passed, N failed" and an exit status.
#pragma once

#include <cmath>
#include <cstdio>
#include <exception>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace l4r::test {

struct Case {
  std::string name;
  std::function<void()> body;
};

inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

inline int& failures() {
  static int count = 0;
  return count;
}

// Registers a case at start-up: `const Add _("gather copies rows", [] { ... });`
struct Add {
  Add(std::string name, std::function<void()> body) { cases().push_back({std::move(name), std::move(body)}); }
};

inline void check(bool ok, const std::string& what) {
  if (ok) return;
  ++failures();
  std::printf("    failed: %s\n", what.c_str());
}

inline void check_near(double got, double expected, double tolerance, const std::string& what) {
  const bool ok = std::isfinite(got) && std::fabs(got - expected) <= tolerance;
  check(ok, what + ": expected " + std::to_string(expected) + " within " + std::to_string(tolerance) +
                ", got " + std::to_string(got));
}

// Runs every registered case; returns the exit status.
inline int run_all() {
  int passed = 0, failed = 0;
  for (const auto& test : cases()) {
    failures() = 0;
    try {
      test.body();
    } catch (const std::exception& error) {
      check(false, std::string("threw: ") + error.what());
    }
    (failures() == 0 ? passed : failed) += 1;
    if (failures() != 0) std::printf("  FAILED %s\n", test.name.c_str());
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace l4r::test
