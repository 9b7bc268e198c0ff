// The backend's table as tests call it: every refusal is an exception, and on the emulated device each call
// is made again with other orders of threads, which must not change a bit.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include "base/rng.h"
#include "check.h"
#include "cuda/backend.h"

extern "C" const l4r::cuda::Backend* llama4rec_cuda();

#ifdef L4R_EMULATED
#include "cuda/emulation/control.h"
#endif

namespace l4r::test {

inline const cuda::Backend& backend() { return *llama4rec_cuda(); }

inline std::string text_of(cuda::Outcome outcome, const cuda::Report& report) {
  return "outcome " + std::to_string(static_cast<int>(outcome)) + ": " + report.text;
}

// Checks that body(report) succeeds.
template <typename Body>
void succeed(const Body& body) {
  cuda::Report report{};
  const cuda::Outcome outcome = body(&report);
  check(outcome == cuda::Outcome::ok, text_of(outcome, report));
}
// Checks that body(report) ends so, and that the report holds `part`.
template <typename Body>
void refuse(cuda::Outcome expected, const std::string& part, const Body& body) {
  cuda::Report report{};
  const cuda::Outcome outcome = body(&report);
  check(outcome == expected && std::string(report.text).find(part) != std::string::npos,
        "expected \"" + part + "\", got " + text_of(outcome, report));
}

// The first device, with guards around every piece of its memory.
inline cuda::Device* device() {
  static cuda::Device* const one = [] {
    setenv("LLAMA4REC_CUDA_GUARDS", "1", 0);
    cuda::Device* opened = nullptr;
    succeed([&](cuda::Report* report) { return backend().open(0, 0, &opened, report); });
    return opened;
  }();
  return one;
}

// body() several times, each with another order of threads where that can be had; results must be equal.
template <typename Body>
auto repeated(const Body& body, const std::string& what) {
  const auto first = body();
  for (int again = 0; again < 2; ++again) {
#ifdef L4R_EMULATED
    ++cuda::emulation::control().seed;
#endif
    check(body() == first, what + ": a repeated run gives other bits");
  }
  return first;
}

// Runs every case; says so when there is nothing to run them on, with exit status 77.
inline int run_on_device() {
  cuda::Report report{};
  std::int32_t count = 0;
  const cuda::Outcome outcome = backend().device_count(&count, &report);
  if (outcome != cuda::Outcome::ok || count == 0) {
    std::printf("not run: %s\n", count == 0 && outcome == cuda::Outcome::ok ? "no device" : report.text);
    return 77;
  }
  return run_all();
}

}  // namespace l4r::test
