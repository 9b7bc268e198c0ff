// What a catalogue's file holds, opening one, and the checksum of headers.
#include <limits>
#include <optional>

#include "addon/environment.h"
#include "base/sha256.h"

namespace l4r::addon {

namespace {

constexpr std::int64_t kMostItems = 1 << 30, kMostDimensions = 65536;

// Four arguments: items, dimensions, whether there are biases, whether there is a coarse shadow.
CatalogueSizes sizes_from(const Napi::CallbackInfo& info, std::size_t first) {
  return {.n = integer(info, first, "items", 0, kMostItems),
          .d = integer(info, first + 1, "dimension", 1, kMostDimensions),
          .biased = boolean(info, first + 2, "biased"),
          .coarse = boolean(info, first + 3, "coarse")};
}

Napi::Value sizes(const Napi::CallbackInfo& info) {
  const auto catalogue = Environment::of(info).catalogues.get(id(info, 0, "catalogue"));
  const CatalogueSizes& sizes = catalogue->layout().sizes;
  const auto result = Napi::Object::New(info.Env());
  result.Set("items", static_cast<double>(sizes.n));
  result.Set("dimension", static_cast<double>(sizes.d));
  result.Set("biased", sizes.biased);
  result.Set("coarse", sizes.coarse);
  return result;
}

Napi::Value layout(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const CatalogueLayout layout(sizes_from(info, 0));
  const auto sections = Napi::Array::New(env);
  for (const Section& section : layout.sections) {
    const auto shape = Napi::Array::New(env);
    for (const auto length : section.shape) shape.Set(shape.Length(), static_cast<double>(length));
    const auto entry = Napi::Object::New(env);
    entry.Set("name", section.name);
    entry.Set("dtype", section.dtype);
    entry.Set("shape", shape);
    sections.Set(sections.Length(), entry);
  }
  const auto result = Napi::Object::New(env);
  result.Set("version", kCatalogueVersion);
  result.Set("panelItems", kPanelItems);
  result.Set("codeBlock", kCodeBlock);
  result.Set("sections", sections);
  return result;
}

Napi::Value read(const Napi::CallbackInfo& info) {
  const auto catalogue = Environment::of(info).catalogues.get(id(info, 0, "catalogue"));
  const auto bytes = catalogue->bytes();
  const auto begin =
      static_cast<std::size_t>(integer(info, 1, "begin", 0, static_cast<std::int64_t>(bytes.size())));
  const auto into = array<std::uint8_t>(info, 2, "into");
  require(into.size() <= bytes.size() - begin, "into: expected at most ", bytes.size() - begin,
          " bytes, got ", into.size());
  const auto from = bytes.subspan(begin, into.size());
  std::copy(from.begin(), from.end(), into.begin());
  return info.Env().Undefined();
}

// Opens a file off the JavaScript thread. The caller keeps it open until the promise settles.
class OpenWorker final : public Napi::AsyncWorker {
 public:
  OpenWorker(Napi::Env env, const CatalogueSizes& sizes, int file, std::int64_t begin, bool map)
      : Napi::AsyncWorker(env),
        promise_(Napi::Promise::Deferred::New(env)),
        sizes_(sizes),
        file_(file),
        begin_(begin),
        map_(map) {}

  Napi::Promise promise() const { return promise_.Promise(); }

 protected:
  void Execute() override {
    try {
      opened_ = std::make_shared<Catalogue>(sizes_, file_, begin_, map_);
    } catch (...) {
      fault_ = current_fault();
    }
  }

  void OnOK() override {
    try {
      if (fault_.has_value()) throw Error(fault_->code, fault_->message);
      const Id id = Env().GetInstanceData<Environment>()->catalogues.add(std::move(opened_));
      promise_.Resolve(Napi::Number::New(Env(), static_cast<double>(id)));
    } catch (...) {
      const Fault fault = current_fault();
      promise_.Reject(to_js(Env(), fault.code, fault.message).Value());
    }
  }

 private:
  Napi::Promise::Deferred promise_;
  CatalogueSizes sizes_;
  int file_;
  std::int64_t begin_;
  bool map_;
  std::shared_ptr<Catalogue> opened_;
  std::optional<Fault> fault_;
};

Napi::Value open(const Napi::CallbackInfo& info) {
  constexpr std::int64_t kLongestHeader = 1 << 30;
  const CatalogueSizes sizes = sizes_from(info, 2);
  const auto file = static_cast<int>(integer(info, 0, "file", 0, std::numeric_limits<int>::max()));
  const auto begin = integer(info, 1, "begin", 0, kLongestHeader);
  const bool map = boolean(info, 6, "map");
  // Owns itself: Napi::AsyncWorker deletes the worker when it is done.
  auto* worker = std::make_unique<OpenWorker>(info.Env(), sizes, file, begin, map).release();
  worker->Queue();
  return worker->promise();
}

Napi::Value digest(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), sha256(array<std::uint8_t>(info, 0, "bytes")));
}

}  // namespace

void export_catalogue_file(Napi::Object exports) {
  export_function<sizes>(exports, "catalogueSizes");
  export_function<layout>(exports, "catalogueLayout");
  export_function<read>(exports, "catalogueRead");
  export_function<open>(exports, "catalogueOpen");
  export_function<digest>(exports, "sha256");
}

}  // namespace l4r::addon
