// The table that the engine gets. No exception leaves it.
#include "cuda/backend.h"

#include <cstring>
#include <exception>
#include <memory>

#include "base/status.h"
#include "cuda/device.h"
#include "lookup/lookup.cuh"
#include "serving/device_catalogue.cuh"

namespace l4r::cuda {

namespace {

Outcome outcome_of(Code code) {
  switch (code) {
    case Code::argument:
      return Outcome::argument;
    case Code::no_memory:
      return Outcome::no_memory;
    case Code::device:
      return Outcome::device;
    default:
      return Outcome::internal;
  }
}

template <typename Body>
Outcome guarded(Report* report, const Body& body) noexcept {
  const auto tell = [report](const char* what) {
    std::strncpy(report->text, what, sizeof(report->text) - 1);
    report->text[sizeof(report->text) - 1] = 0;
  };
  try {
    body();
    return Outcome::ok;
  } catch (const Error& error) {
    tell(error.what());
    return outcome_of(error.code());
  } catch (const std::bad_alloc&) {
    tell("no memory on the host");
    return Outcome::no_memory;
  } catch (const std::exception& error) {
    tell(error.what());
    return Outcome::internal;
  } catch (...) {
    tell("an unknown error");
    return Outcome::internal;
  }
}

// The caller's pieces are given back in turn with the device's calls.
template <typename T>
void destroy(T* object) noexcept {
  if (object == nullptr) return;
  object->device().hold([object] { std::unique_ptr<T>(object).reset(); });
}

template <typename T, typename View>
Outcome create(Device* device, const View* view, T** out, Report* report) noexcept {
  return guarded(report, [&] { device->run([&] { *out = std::make_unique<T>(*device, *view).release(); }); });
}

constexpr Backend kBackend{
    .abi = kAbi,
    .size = sizeof(Backend),
    .device_count =
        [](std::int32_t* count, Report* report) noexcept {
          return guarded(report, [&] { *count = runtime::device_count(); });
        },
    .facts = [](std::int32_t index, DeviceFacts* out,
                Report* report) noexcept { return guarded(report, [&] { *out = runtime::facts(index); }); },
    .open =
        [](std::int32_t index, std::int64_t budget, Device** out, Report* report) noexcept {
          return guarded(report, [&] { *out = std::make_unique<Device>(index, budget).release(); });
        },
    .memory = [](Device* device,
                 MemoryFacts* out) noexcept { device->hold([&] { *out = device->memory().facts(); }); },
    .trim = [](Device* device) noexcept { device->hold([&] { device->memory().trim(); }); },
    .rows_create = create<DeviceRows, RowsView>,
    .rows_destroy = destroy<DeviceRows>,
    .lookup =
        [](DeviceRows* rows, const std::int32_t* ids, std::int64_t count, float* out,
           Report* report) noexcept {
          return guarded(report, [&] { rows->device().run([&] { rows->lookup(ids, count, out); }); });
        },
    .bag =
        [](DeviceRows* rows, const BagCall* call, Report* report) noexcept {
          return guarded(report, [&] { rows->device().run([&] { rows->bag(*call); }); });
        },
    .catalogue_create = create<DeviceCatalogue, ItemsView>,
    .catalogue_destroy = destroy<DeviceCatalogue>,
    .catalogue_top_k =
        [](DeviceCatalogue* catalogue, const TopKCall* call, Report* report) noexcept {
          return guarded(report, [&] { catalogue->device().run([&] { catalogue->top_k(*call); }); });
        },
};

}  // namespace

}  // namespace l4r::cuda

extern "C"
#ifdef _WIN32
    __declspec(dllexport)
#else
    __attribute__((visibility("default")))
#endif
        const l4r::cuda::Backend* llama4rec_cuda() {
  return &l4r::cuda::kBackend;
}
