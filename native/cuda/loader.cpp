#include "cuda/loader.h"

#include <charconv>
#include <cstdlib>
#include <string_view>

#include "base/status.h"

#ifndef _WIN32
#include <dlfcn.h>
#endif

namespace l4r::cuda {

namespace {

Backend none(std::string reason) { return {nullptr, std::move(reason), 0}; }

#ifdef _WIN32

Backend find_backend() { return none("the CUDA backend is not built for this system"); }

#else

// Of the library that this code is in.
std::string own_folder() {
  Dl_info info;
  if (dladdr(reinterpret_cast<const void*>(&backend), &info) == 0 || info.dli_fname == nullptr) return ".";
  const std::string path = info.dli_fname;
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

std::string linker_error() {
  const char* text = dlerror();
  return text == nullptr ? "no reason given" : text;
}

Backend find_backend() {
  // For tests, and for a backend that lies elsewhere.
  if (const char* path = std::getenv("LLAMA4REC_CUDA_LIBRARY"); path != nullptr && *path != '\0')
    return open_backend(path);
  const char* driver = "libcuda.so.1";
  if (dlopen(driver, RTLD_NOW | RTLD_LOCAL) == nullptr) return none("no CUDA driver: " + linker_error());
  return open_backend(own_folder() + "/llama4rec-cuda.so");
}

#endif

}  // namespace

Backend open_backend(const std::string& path) {
#ifdef _WIN32
  return none("the CUDA backend is not built for this system: " + path);
#else
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return none("no CUDA backend: " + linker_error());
  using Entry = const Table* (*)();
  const auto entry = reinterpret_cast<Entry>(dlsym(library, kEntry));
  if (entry == nullptr) return none("no CUDA backend: " + path + " has no " + kEntry);
  const Table* table = entry();
  if (table == nullptr || table->abi != kAbi || table->size != sizeof(Table))
    return none(
        "the CUDA backend " + path + " is of another version: expected " + std::to_string(kAbi) + " with " +
        std::to_string(sizeof(Table)) + " bytes, got " +
        (table == nullptr ? "nothing" : std::to_string(table->abi) + " with " + std::to_string(table->size)));
  Reason reason{};
  const std::int32_t devices = table->device_count(&reason);
  if (devices < 1) return none(std::string("no CUDA device: ") + reason.text);
  return {table, "", devices};
#endif
}

const Backend& backend() {
  static const Backend* found = new Backend(find_backend());
  return *found;
}

std::int32_t device_of(const std::string& name) {
  if (name == "cpu") return -1;
  const Backend& found = backend();
  if (name == "auto") return found.table == nullptr ? -1 : 0;
  constexpr std::string_view prefix = "cuda";
  std::int32_t index = 0;
  const char* end = name.data() + name.size();
  bool known = name == prefix;
  if (name.size() > prefix.size() + 1 && name.starts_with("cuda:")) {
    const auto [rest, error] = std::from_chars(name.data() + prefix.size() + 1, end, index);
    known = error == std::errc() && rest == end && index >= 0;
  }
  require(known, "device: expected \"auto\", \"cpu\", \"cuda\" or \"cuda:<number>\", got \"", name, "\"");
  if (found.table == nullptr)
    throw Error(Code::device, "device: " + name + " cannot be had: " + found.reason);
  if (index >= found.devices)
    throw Error(Code::device, "device: " + name + " is not there: " + std::to_string(found.devices) +
                                  " CUDA device(s), from cuda:0");
  return index;
}

void check(Status status, const Reason& reason) {
  if (status == kOk) return;
  const std::string text = std::string("CUDA: ") + reason.text;
  if (status == kNoMemory) throw Error(Code::no_memory, text);
  if (status == kLost || status == kNoDevice) throw Error(Code::device, text);
  throw Error(Code::internal, text);
}

}  // namespace l4r::cuda
