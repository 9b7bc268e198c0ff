// Embedding tables for serving: rows by number, and pooled rows.
#pragma once

#include <cstdint>
#include <span>

#include "base/buffer.h"
#include "lookup/lookup_kernels.h"

namespace l4r {

// Many rows that become one: bag b holds ids[offsets[b]] .. ids[offsets[b + 1] - 1].
struct Bags {
  std::span<const std::int32_t> offsets;  // bags + 1 numbers rising from 0 to ids.size()
  std::span<const std::int32_t> ids;
  std::span<const float> weights;  // one an id, or none: all 1
  bool mean;                       // divided by the number of ids; an empty bag stays zeros
};

// Rows in the caller's memory, read during a call.
class EmbeddingRows {
 public:
  // values [n x d]. Throws Error(argument) for sizes that do not fit.
  EmbeddingRows(std::span<const float> values, std::int64_t d);

  std::int64_t size() const noexcept { return n_; }
  std::int64_t dimension() const noexcept { return rows_.d; }
  Storage storage() const noexcept { return storage_; }
  // Where and how they lie.
  const StoredRows& rows() const noexcept { return rows_; }

  // out [ids.size() x d] = rows ids[i]. Throws Error(argument) for an id outside 0..n - 1, with its place,
  // and for an `out` of another size or one that shares memory with what is read. Each row of a result has
  // the same bits whatever else is asked for and at any number of threads.
  void lookup(std::span<const std::int32_t> ids, std::span<float> out) const;
  // out [bags x d]: sums in float32 in the order of the ids. Throws as lookup, and for offsets that do not
  // rise from 0 to ids.size() or a wrong number of weights.
  void bag(const Bags& bags, std::span<float> out) const;
  // Throw as these do, and do nothing else.
  void check_lookup(std::span<const std::int32_t> ids, std::span<float> out) const;
  void check_bags(const Bags& bags, std::span<float> out) const;

 protected:
  EmbeddingRows(Storage storage, std::int64_t n, std::int64_t d, const LookupKernels& kernels)
      : storage_(storage), n_(n), rows_{nullptr, nullptr, d}, kernels_(kernels) {}
  void check_ids(std::span<const std::int32_t> ids) const;
  void check_out(std::span<const float> out, std::int64_t rows, std::span<const std::int32_t> ids) const;

  Storage storage_ = Storage::float32;
  std::int64_t n_;
  StoredRows rows_;
  const LookupKernels& kernels_;
};

// Rows in memory of their own: on huge pages where they are many, and smaller where asked for. Immutable
// after construction; any number of threads may call it at once.
class EmbeddingTable : public EmbeddingRows {
 public:
  // Copies values [n x d]. bf16 keeps 8 bits of each number (relative error at most 2^-8 of normal ones, to
  // nearest, ties to even); int8 keeps each as a multiple of its row's largest / 127 (absolute error at most
  // half of that). Throws Error(argument) for sizes that do not fit or a number that is not finite.
  EmbeddingTable(std::span<const float> values, std::int64_t d, Storage storage)
      : EmbeddingTable(values, d, storage, lookup_kernels()) {}
  // The same with the kernels of one instruction-set level, for tests.
  EmbeddingTable(std::span<const float> values, std::int64_t d, Storage storage,
                 const LookupKernels& kernels);

  // Bytes that the rows take.
  std::int64_t bytes() const noexcept;

 private:
  Buffer<float> floats_, scales_;
  Buffer<std::uint16_t> halves_;
  Buffer<std::int8_t> codes_;
};

}  // namespace l4r
