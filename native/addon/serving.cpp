// Exact top-k: over a catalogue of vectors, over vectors of the caller and over dense scores; attention over
// the caller's sequences.
#include "addon/environment.h"
#include "addon/top_k.h"
#include "serving/attention.h"
#include "serving/brute_force.h"
#include "serving/select.h"

namespace l4r::addon {

namespace {

constexpr std::int64_t kMost = 1 << 30;

Napi::Value create(const Napi::CallbackInfo& info) {
  auto made = std::make_shared<Catalogue>(
      array<float>(info, 0, "items"), optional_array<float>(info[1], "biases"),
      integer(info, 2, "count", 0, kMost), integer(info, 3, "dimension", 1, 65536));
  return handle(info, Environment::of(info).catalogues.add(std::move(made)));
}

Napi::Value acquire(const Napi::CallbackInfo& info) {
  Environment::of(info).catalogues.acquire(id(info, 0, "catalogue"));
  return info.Env().Undefined();
}

Napi::Value release(const Napi::CallbackInfo& info) {
  Environment::of(info).catalogues.release(id(info, 0, "catalogue"));
  return info.Env().Undefined();
}

Napi::Value top_k(const Napi::CallbackInfo& info) {
  const auto catalogue = Environment::of(info).catalogues.get(id(info, 0, "catalogue"));
  // First of all: the getters of the filter may run JavaScript.
  const TopKFilter filter = filter_of(info[4]);
  catalogue->top_k(array<float>(info, 1, "queries"), integer(info, 2, "batch", 0, kMost),
                   integer(info, 3, "k", 1, kMost), filter, rows_of(info, 5));
  return info.Env().Undefined();
}

Napi::Value brute_force(const Napi::CallbackInfo& info) {
  const TopKFilter filter = filter_of(info[5]);
  const auto items = array<float>(info, 0, "items"), biases = optional_array<float>(info[1], "biases"),
             queries = array<float>(info, 3, "queries");
  const std::int64_t d = integer(info, 2, "dimension", 1, kMost), k = integer(info, 4, "k", 1, kMost);
  const TopKRows rows = rows_of(info, 6);
  if (const int device = device_index(info, 9); device != kCpu)
    GpuCatalogue(device, items, biases, d).top_k(queries, k, filter, rows);
  else
    brute_force_top_k(items, biases, d, queries, k, filter, rows);
  return info.Env().Undefined();
}

Napi::Value attention(const Napi::CallbackInfo& info) {
  sequence_attention({.queries = array<float>(info, 0, "queries"),
                      .keys = array<float>(info, 1, "keys"),
                      .values = array<float>(info, 2, "values"),
                      .offsets = array<std::int32_t>(info, 3, "offsets"),
                      .d = integer(info, 4, "dimension", 1, kMost),
                      .heads = integer(info, 5, "heads", 1, kMost),
                      .scale = static_cast<float>(number(info, 6, "scale")),
                      .causal = boolean(info, 7, "causal")},
                     array<float>(info, 8, "into"));
  return info.Env().Undefined();
}

class CatalogueTopK final : public TopKWork {
 public:
  CatalogueTopK(std::shared_ptr<Catalogue> catalogue, std::span<const float> queries, std::int64_t batch,
                std::int64_t k, const TopKFilter& filter, const TopKRows& rows)
      : TopKWork(batch, catalogue->size(), k, filter, rows), catalogue_(std::move(catalogue)) {
    catalogue_->check(queries, batch);
    queries_.assign(queries.begin(), queries.end());
  }

 protected:
  void search(const TopKFilter& filter, const TopKRows& out) override {
    catalogue_->top_k(queries_, batch_, k_, filter, out);
  }

 private:
  std::shared_ptr<Catalogue> catalogue_;
  std::vector<float> queries_;
};

Napi::Value top_k_async(const Napi::CallbackInfo& info) {
  auto catalogue = Environment::of(info).catalogues.get(id(info, 0, "catalogue"));
  // First of all: the getters of the filter may run JavaScript.
  const TopKFilter filter = filter_of(info[4]);
  return start_top_k(
      info, 5,
      std::make_unique<CatalogueTopK>(std::move(catalogue), array<float>(info, 1, "queries"),
                                      integer(info, 2, "batch", 0, kMost), integer(info, 3, "k", 1, kMost),
                                      filter, rows_of(info, 5)));
}

Napi::Value select(const Napi::CallbackInfo& info) {
  const TopKFilter filter = filter_of(info[4]);
  select_top_k(array<double>(info, 0, "scores"), integer(info, 1, "batch", 0, kMost),
               integer(info, 2, "items", 0, kMost), integer(info, 3, "k", 1, kMost), filter,
               rows_of(info, 5));
  return info.Env().Undefined();
}

}  // namespace

void export_serving(Napi::Object exports) {
  export_function<create>(exports, "catalogueCreate");
  export_function<acquire>(exports, "catalogueAcquire");
  export_function<release>(exports, "catalogueRelease");
  export_function<top_k>(exports, "catalogueTopK");
  export_function<top_k_async>(exports, "catalogueTopKAsync");
  export_function<select>(exports, "selectTopK");
  export_function<brute_force>(exports, "bruteForceTopK");
  export_function<attention>(exports, "sequenceAttention");
}

}  // namespace l4r::addon
