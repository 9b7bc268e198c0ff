// The one way to start a kernel: names it and the place of the call when it fails.
#pragma once

#include <source_location>
#include <string>
#include <tuple>
#include <utility>

#include "cuda/kernel.h"
#include "cuda/runtime.h"
#ifdef __CUDACC__
#include "cuda/failure.h"
#endif

namespace l4r::cuda {

// Which kernel, and where it is asked for.
struct Site {
  const char* kernel;
  std::source_location where;
  Site(const char* kernel, std::source_location where = std::source_location::current())
      : kernel(kernel), where(where) {}
  std::string text() const {
    return std::string(kernel) + " at " + where.file_name() + ":" + std::to_string(where.line());
  }
};

// Threads of a block are a multiple of a warp; `shared` bytes are all the shared memory of a block.
struct Grid {
  dim3 blocks, threads;
  std::size_t shared = 0;
};

inline constexpr std::size_t kSharedByDefault = std::size_t{48} << 10;

template <typename... Formal, typename... Actual>
void launch(const Site& site, Stream stream, const Grid& grid, void (*kernel)(Formal...),
            const Actual&... actual) {
  std::tuple<Formal...> arguments(actual...);
#ifdef __CUDACC__
  const auto* function = reinterpret_cast<const void*>(kernel);
  if (grid.shared > kSharedByDefault)
    check(cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(grid.shared)),
          site.text());
  std::apply(
      [&](auto&... each) {
        void* pointers[] = {&each...};
        check(cudaLaunchKernel(function, grid.blocks, grid.threads, pointers, grid.shared, stream),
              site.text());
      },
      arguments);
  if (launches_wait()) check(cudaStreamSynchronize(stream), site.text());
#else
  static_cast<void>(stream);
  emulation::run(site.text(), grid.blocks, grid.threads, grid.shared, [&] { std::apply(kernel, arguments); });
#endif
}

// Blocks of `size` that cover `count`, at least one.
inline unsigned blocks_for(std::int64_t count, std::int64_t size, std::int64_t most = 65535) {
  const std::int64_t blocks = (count + size - 1) / size;
  return static_cast<unsigned>(blocks < 1 ? 1 : blocks > most ? most : blocks);
}

}  // namespace l4r::cuda
