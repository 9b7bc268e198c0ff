// Exact top-k by inner product over an immutable catalogue of item vectors.
#pragma once

#include <cstdint>
#include <span>

#include "base/buffer.h"
#include "base/mapped_file.h"
#include "serving/catalogue_layout.h"
#include "serving/result.h"
#include "serving/shadow.h"
#include "serving/top_k.h"

namespace l4r {

// score(q, i) = ((q[0] x[i][0] + q[1] x[i][1]) + ... ) + bias[i] in float64, summed from 0 in ascending
// dimension, the bias last. Products of two float32 are exact in float64, so a plain loop in any language
// gives the same bits.
//
// top_k returns the ids that this float64 brute force would return, always. It gets there faster: a scan of
// an int8 shadow (shadow.h), whose scores come with a proved bound of their error, leaves the few items that
// can be among the best, and these are scored in float64.
//
// Immutable after construction; any number of threads may call top_k at once. Work runs on the shared thread
// pool unless it is too small to share; results do not depend on the number of threads.
class Catalogue {
 public:
  // items: [n x d] row-major, biases: n or empty (all 0); both are copied. Throws Error(argument) on a value
  // that is not finite and on sizes that do not fit.
  Catalogue(std::span<const float> items, std::span<const float> biases, std::int64_t n, std::int64_t d);
  // The same with the kernels of one instruction-set level, and a shadow of 4 bits beside one of 8 from so
  // many bytes on, for tests and benchmarks.
  Catalogue(std::span<const float> items, std::span<const float> biases, std::int64_t n, std::int64_t d,
            const ScanKernels& kernels, std::int64_t many_bytes = kManyBytes);
  // One whose bytes() are those of a file from byte `begin` to its end: mapped, if `map` and the system has
  // it (see MappedFile for what may happen to the file meanwhile), or read. Throws Error(argument), as a part
  // of a sentence about the file, for a file of another size and for bytes that could do harm, Error(file)
  // when it cannot be read.
  Catalogue(const CatalogueSizes& sizes, int file, std::int64_t begin, bool map,
            const ScanKernels& kernels = scan_kernels());

  const CatalogueLayout& layout() const noexcept { return layout_; }
  // All that it holds, in that layout.
  std::span<const std::uint8_t> bytes() const noexcept {
    return {memory_, static_cast<std::size_t>(layout_.bytes)};
  }

  // [n x d] row-major.
  std::span<const float> rows() const noexcept { return rows_; }
  std::int64_t size() const noexcept { return n_; }
  std::int64_t dimension() const noexcept { return d_; }

  // queries: [batch x d]. k may exceed the number of items left: the lists are then short. Throws
  // Error(argument) for k < 1, for a query value that is not finite, and for a filter that does not fit.
  void top_k(std::span<const float> queries, std::int64_t batch, std::int64_t k, const TopKFilter& filter,
             const TopKRows& out) const;
  TopKResult top_k(std::span<const float> queries, std::int64_t batch, std::int64_t k,
                   const TopKFilter& filter = {}) const {
    TopKResult result = new_rows(batch, n_, k);
    top_k(queries, batch, k, filter, result.rows());
    return result;
  }

  // Throws Error(argument) unless `queries` are batch x d finite numbers.
  void check(std::span<const float> queries, std::int64_t batch) const;

 private:
  // More than caches hold.
  static constexpr std::int64_t kManyBytes = std::int64_t{1} << 25;

  struct Search;

  // The row will be read soon.
  void prefetch(std::int32_t id) const noexcept;

  // Views of the memory.
  void look();

  const ScanKernels& kernels_;
  CatalogueLayout layout_;
  std::int64_t n_, d_;
  // One of the two holds what memory_ points to.
  Buffer<std::uint8_t> own_;
  MappedFile mapped_;
  const std::uint8_t* memory_ = nullptr;
  std::span<const float> rows_;    // [n x d]
  std::span<const float> biases_;  // [n], or empty: all 0
  Shadow shadow_;
  Shadow coarse_;  // of 4 bits, for one query against a large catalogue; else without panels
};

}  // namespace l4r
