// Exact top-k by inner product over an immutable catalogue of item vectors.
#pragma once

#include <cstdint>
#include <span>

#include "base/buffer.h"
#include "serving/scan_kernels.h"
#include "serving/top_k.h"

namespace l4r {

// score(q, i) = ((q[0] x[i][0] + q[1] x[i][1]) + ... ) + bias[i] in float64, summed from 0 in ascending
// dimension, the bias last. Products of two float32 are exact in float64, so a plain loop in any language
// gives the same bits.
//
// top_k returns the ids that this float64 brute force would return, always. It gets there faster: a float32
// scan with a rigorous bound of its own rounding error leaves the few items that can be among the best, and
// these are scored again in float64.
//
// Immutable after construction; any number of threads may call top_k at once. Work runs on the shared thread
// pool unless it is too small to share; results do not depend on the number of threads.
class Catalogue {
 public:
  // items: [n x d] row-major, biases: n or empty (all 0); both are copied. Throws Error(argument) on a value
  // that is not finite and on sizes that do not fit.
  Catalogue(std::span<const float> items, std::span<const float> biases, std::int64_t n, std::int64_t d);
  // The same with the kernels of one instruction-set level, for tests and benchmarks.
  Catalogue(std::span<const float> items, std::span<const float> biases, std::int64_t n, std::int64_t d,
            const ScanKernels& kernels);

  std::int64_t size() const noexcept { return n_; }
  std::int64_t dimension() const noexcept { return d_; }

  // queries: [batch x d]. k may exceed the number of items left: the lists are then short. Throws
  // Error(argument) for k < 1, for a query value that is not finite, and for a filter that does not fit.
  TopKResult top_k(std::span<const float> queries, std::int64_t batch, std::int64_t k,
                   const TopKFilter& filter = {}) const;

 private:
  struct Search;

  const ScanKernels& kernels_;
  std::int64_t n_, d_;
  Buffer<float> panels_;  // [panels x d x lanes]: item i is lane i % lanes of panel i / lanes; padded with 0
  Buffer<float> norms_;   // [panels x lanes], Euclidean norm of each item, rounded up
  Buffer<float> biases_;  // [panels x lanes]
  double largest_norm_ = 0, largest_bias_ = 0;
};

}  // namespace l4r
