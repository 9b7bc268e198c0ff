// Finds and opens the CUDA backend: a library of its own beside this one, so that nothing here depends on a
// driver.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "cuda/table.h"

namespace l4r::cuda {

// The backend, or why there is none. Opened once, when first asked for, and never closed: its threads and the
// driver's may outlive whoever asked.
struct Backend {
  const Table* table;  // null: none
  std::string reason;  // why not
  std::int32_t devices;
};
const Backend& backend();

// A library of that path as backend; for tests. `path` empty: none.
Backend open_backend(const std::string& path);

// "auto", "cpu", "cuda" or "cuda:N": the device's number, -1 for the processor, which auto takes as well
// where there is no device. Throws Error(device) with the reason for a device that cannot be had,
// Error(argument) for another word.
std::int32_t device_of(const std::string& name);

// Throws Error(no_memory), Error(device) or Error(internal) for what the backend could not do.
void check(Status status, const Reason& reason);

}  // namespace l4r::cuda
