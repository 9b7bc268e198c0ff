// What the engine says when the backend cannot be used. The driver is stood in for by a library that every
// program has; the real one is asked for on a machine that may have none.
#include <string>

#include "base/status.h"
#include "check.h"
#include "device/gpu.h"
#include "device/loader.h"

namespace {

using namespace l4r;
using test::check;

constexpr const char* kDriver = "libm.so.6";

void check_reason(const LoadedBackend& loaded, const std::string& part) {
  check(loaded.table == nullptr && loaded.reason.find(part) != std::string::npos,
        "expected \"" + part + "\", got \"" + loaded.reason + "\"");
}

const test::Add reasons("each thing that can be missing has its reason", [] {
  check_reason(load_backend("libno-such-driver.so.1", OTHER_VERSION),
               "no CUDA driver: libno-such-driver.so.1");
  check_reason(load_backend(kDriver, "/nowhere/llama4rec_cuda.so"), "no CUDA backend in this build: ");
  check_reason(load_backend(kDriver, OTHER_VERSION), "of another version: expected table ");
  check_reason(load_backend(kDriver, NO_TABLE_LIBRARY), "gives no table");
  check_reason(load_backend(kDriver, OTHER_LIBRARY), "is another library");
});

const test::Add report("what there is and why not more is one report", [] {
  const GpuReport found = gpu_report();
  check(found.available == !found.devices.empty() && found.available == found.reason.empty(), found.reason);
  if (found.available) return;
  try {
    gpu(0);
    check(false, "a device that is not there was opened");
  } catch (const Error& error) {
    check(error.code() == Code::device && std::string(error.what()).find(found.reason) != std::string::npos,
          error.what());
  }
});

}  // namespace

int main() { return l4r::test::run_all(); }
