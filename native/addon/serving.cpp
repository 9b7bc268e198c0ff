// Exact top-k: over a catalogue of vectors and over dense scores.
#include "addon/environment.h"
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

Napi::Value release(const Napi::CallbackInfo& info) {
  Environment::of(info).catalogues.release(id(info, 0, "catalogue"));
  return info.Env().Undefined();
}

TopKFilter filter_of(const Napi::Value& value) {
  require(value.IsObject(), "filter: expected an object");
  const auto object = value.As<Napi::Object>();
  // Getters may run JavaScript that detaches a buffer: all are read before the first view is taken.
  const Napi::Value offsets = object.Get("excludedOffsets"), excluded = object.Get("excluded"),
                    denied = object.Get("denied"), allowed = object.Get("allowed");
  TopKFilter filter;
  filter.exclude_offsets = optional_array<std::int32_t>(offsets, "excludedOffsets");
  filter.exclude = optional_array<std::int32_t>(excluded, "excluded");
  filter.deny = optional_array<std::uint8_t>(denied, "denied");
  filter.has_allow = !allowed.IsNull() && !allowed.IsUndefined();
  filter.allow = optional_array<std::int32_t>(allowed, "allowed");
  return filter;
}

Napi::Value result_of(const Napi::CallbackInfo& info, const TopKResult& found) {
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("ids", copied<std::int32_t>(info.Env(), found.ids));
  result.Set("scores", copied<double>(info.Env(), found.scores));
  result.Set("counts", copied<std::int32_t>(info.Env(), found.counts));
  return result;
}

Napi::Value top_k(const Napi::CallbackInfo& info) {
  const auto catalogue = Environment::of(info).catalogues.get(id(info, 0, "catalogue"));
  // First of all: the getters of the filter may run JavaScript.
  const TopKFilter filter = filter_of(info[4]);
  return result_of(info,
                   catalogue->top_k(array<float>(info, 1, "queries"), integer(info, 2, "batch", 0, kMost),
                                    integer(info, 3, "k", 1, kMost), filter));
}

Napi::Value select(const Napi::CallbackInfo& info) {
  const TopKFilter filter = filter_of(info[4]);
  return result_of(
      info, select_top_k(array<double>(info, 0, "scores"), integer(info, 1, "batch", 0, kMost),
                         integer(info, 2, "items", 0, kMost), integer(info, 3, "k", 1, kMost), filter));
}

}  // namespace

void export_serving(Napi::Object exports) {
  export_function<create>(exports, "catalogueCreate");
  export_function<release>(exports, "catalogueRelease");
  export_function<top_k>(exports, "catalogueTopK");
  export_function<select>(exports, "selectTopK");
}

}  // namespace l4r::addon
