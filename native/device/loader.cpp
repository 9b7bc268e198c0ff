#include "device/loader.h"

#include <cstdlib>

#ifndef _WIN32
#include <dlfcn.h>
#endif

namespace l4r {

#ifdef _WIN32

LoadedBackend load_backend(const char*, const std::string&) {
  return {nullptr, "this version has no CUDA backend for Windows"};
}

const LoadedBackend& loaded_backend() {
  static const LoadedBackend none = load_backend("", "");
  return none;
}

#else

namespace {

std::string said_by_loader() {
  const char* const said = dlerror();
  return said == nullptr ? "no reason given" : said;
}

// The folder of the file that holds this function, with its last slash.
std::string own_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&loaded_backend), &info) == 0 || info.dli_fname == nullptr)
    return "";
  const std::string file = info.dli_fname;
  const std::size_t slash = file.rfind('/');
  return slash == std::string::npos ? "" : file.substr(0, slash + 1);
}

}  // namespace

LoadedBackend load_backend(const char* driver, const std::string& library) {
  if (dlopen(driver, RTLD_NOW | RTLD_LOCAL) == nullptr)
    return {nullptr, "no CUDA driver: " + said_by_loader()};
  void* const opened = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (opened == nullptr) return {nullptr, "no CUDA backend in this build: " + said_by_loader()};
  const auto entry = reinterpret_cast<cuda::Entry>(dlsym(opened, cuda::kEntry));
  if (entry == nullptr) return {nullptr, "the CUDA backend is another library: " + said_by_loader()};
  const cuda::Backend* const table = entry();
  if (table == nullptr) return {nullptr, "the CUDA backend gives no table"};
  if (table->abi != cuda::kAbi || table->size != sizeof(cuda::Backend))
    return {nullptr, "the CUDA backend is of another version: expected table " + std::to_string(cuda::kAbi) +
                         " of " + std::to_string(sizeof(cuda::Backend)) + " bytes, got " +
                         std::to_string(table->abi) + " of " + std::to_string(table->size)};
  return {table, ""};
}

const LoadedBackend& loaded_backend() {
  static const LoadedBackend loaded = [] {
    const char* const named = std::getenv("LLAMA4REC_CUDA_BACKEND");
    return load_backend("libcuda.so.1",
                        named != nullptr && *named != 0 ? named : own_folder() + "llama4rec_cuda.so");
  }();
  return loaded;
}

#endif

}  // namespace l4r
