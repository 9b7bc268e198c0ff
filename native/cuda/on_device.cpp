#include "cuda/on_device.h"

#include "base/status.h"
#include "cuda/host_filter.h"
#include "cuda/loader.h"
#include "serving/brute_force.h"
#include "serving/filter.h"
#include "serving/result.h"

namespace l4r::cuda {

namespace {

Rows rows_of(const EmbeddingRows& rows) {
  const StoredRows& stored = rows.stored();
  constexpr Storage kStorages[] = {kFloat32, kBf16, kInt8};
  return {stored.values, stored.scales, rows.size(), stored.d, kStorages[static_cast<int>(rows.storage())]};
}

// A catalogue of one call.
class OwnCatalogue {
 public:
  OwnCatalogue(const Table& table, std::int32_t device, std::span<const float> items,
               std::span<const float> biases, std::int64_t d)
      : table_(table) {
    Reason reason{};
    check(table.catalogue_create(device, items.data(), biases.empty() ? nullptr : biases.data(),
                                 std::ssize(items) / d, d, &made_, &reason),
          reason);
  }
  OwnCatalogue(const OwnCatalogue&) = delete;
  OwnCatalogue& operator=(const OwnCatalogue&) = delete;
  ~OwnCatalogue() { table_.catalogue_release(made_); }
  void* get() const noexcept { return made_; }

 private:
  const Table& table_;
  void* made_ = nullptr;
};

}  // namespace

void lookup_on(std::int32_t device, const EmbeddingRows& rows, std::span<const std::int32_t> ids,
               std::span<float> out) {
  rows.check_lookup(ids, out);
  const Rows stored = rows_of(rows);
  Reason reason{};
  check(backend().table->lookup(device, &stored, ids.data(), std::ssize(ids), out.data(), &reason), reason);
}

void bag_on(std::int32_t device, const EmbeddingRows& rows, const Bags& bags, std::span<float> out) {
  rows.check_bag(bags, out);
  const Rows stored = rows_of(rows);
  const BagList list{bags.offsets.data(), bags.ids.data(),
                     bags.weights.empty() ? nullptr : bags.weights.data(), std::ssize(bags.offsets) - 1,
                     bags.mean};
  Reason reason{};
  check(backend().table->bag(device, &stored, &list, out.data(), &reason), reason);
}

void top_k_on(std::int32_t device, std::span<const float> items, std::span<const float> biases,
              std::int64_t d, std::span<const float> queries, std::int64_t k, const TopKFilter& filter,
              const TopKRows& out) {
  check_brute_force(items, biases, d, queries, k, filter, out);
  require(k <= kMostOfList, "k: expected at most ", kMostOfList, " on a CUDA device, got ", k);
  require(d <= kMostDimensions, "dimension: expected at most ", kMostDimensions, " on a CUDA device, got ",
          d);
  const std::int64_t n = std::ssize(items) / d, batch = std::ssize(queries) / d;
  const ItemFilter allowed(filter, batch, n);
  clear_rows(out);
  if (n == 0 || batch == 0) return;
  const HostFilter host = host_filter(allowed, n, batch);
  const Filter view = host.view();
  const Table& table = *backend().table;
  const OwnCatalogue catalogue(table, device, items, biases, d);
  const Lists lists{out.ids.data(), out.scores.data(), out.counts.data()};
  Reason reason{};
  check(table.catalogue_top_k(catalogue.get(), queries.data(), batch, k, &view, &lists, &reason), reason);
}

}  // namespace l4r::cuda
