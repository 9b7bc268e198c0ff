// Embedding lookups: over a table of ours or the caller's own numbers.
#include "addon/environment.h"
#include "device/gpu.h"

namespace l4r::addon {

namespace {

constexpr std::int64_t kLargestDimension = std::int64_t{1} << 30;

Storage storage(const Napi::Value& value) {
  const std::string name = value.IsString() ? value.As<Napi::String>().Utf8Value() : "";
  if (name == "float32") return Storage::float32;
  if (name == "bf16") return Storage::bf16;
  require(name == "int8", "storage: expected \"float32\", \"bf16\" or \"int8\"");
  return Storage::int8;
}

Napi::Value create(const Napi::CallbackInfo& info) {
  const auto values = array<float>(info, 0, "values");
  auto made = std::make_shared<SharedTable>(values, integer(info, 1, "dimension", 1, kLargestDimension),
                                            storage(info[2]));
  return handle(info, Environment::of(info).embeddings.add(std::move(made)));
}

Napi::Value release(const Napi::CallbackInfo& info) {
  Environment::of(info).embeddings.release(id(info, 0, "table"));
  return info.Env().Undefined();
}

Napi::Value bytes(const Napi::CallbackInfo& info) {
  const auto table = Environment::of(info).embeddings.get(id(info, 0, "table"));
  return Napi::Number::New(info.Env(), static_cast<double>(table->bytes()));
}

// body(rows, gpu): the table that argument 0 names, or its numbers as rows of argument 1; and the same on the
// device of argument `at`, null for the CPU. Numbers of the caller go there for this call alone.
template <typename Body>
Napi::Value with_rows(const Napi::CallbackInfo& info, std::size_t at, const Body& body) {
  const std::int64_t d = integer(info, 1, "dimension", 1, kLargestDimension);
  const int device = device_index(info, at);
  if (info[0].IsTypedArray()) {
    const EmbeddingRows rows(array<float>(info, 0, "values"), d);
    if (device == kCpu) {
      body(rows, nullptr);
    } else {
      const GpuRows copy(device, rows);
      body(rows, &copy);
    }
  } else {
    const auto table = Environment::of(info).embeddings.get(id(info, 0, "table"));
    require(table->dimension() == d, "dimension: expected ", table->dimension(), ", got ", d);
    body(*table, device == kCpu ? nullptr : &table->on(device));
  }
  return info.Env().Undefined();
}

Napi::Value lookup(const Napi::CallbackInfo& info) {
  return with_rows(info, 4, [&](const EmbeddingRows& rows, const GpuRows* gpu) {
    const auto ids = array<std::int32_t>(info, 2, "ids");
    const auto into = array<float>(info, 3, "into");
    gpu == nullptr ? rows.lookup(ids, into) : gpu->lookup(rows, ids, into);
  });
}

Napi::Value bag(const Napi::CallbackInfo& info) {
  return with_rows(info, 7, [&](const EmbeddingRows& rows, const GpuRows* gpu) {
    const Bags bags{array<std::int32_t>(info, 3, "offsets"), array<std::int32_t>(info, 2, "ids"),
                    optional_array<float>(info[4], "weights"), boolean(info, 5, "mean")};
    const auto into = array<float>(info, 6, "into");
    gpu == nullptr ? rows.bag(bags, into) : gpu->bag(rows, bags, into);
  });
}

}  // namespace

void export_lookup(Napi::Object exports) {
  export_function<create>(exports, "embeddingCreate");
  export_function<release>(exports, "embeddingRelease");
  export_function<bytes>(exports, "embeddingBytes");
  export_function<lookup>(exports, "embeddingLookup");
  export_function<bag>(exports, "embeddingBag");
}

}  // namespace l4r::addon
