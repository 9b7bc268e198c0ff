// Float64 linear algebra for closed-form models.
#include <vector>

#include "addon/environment.h"
#include "linalg/gram.h"
#include "linalg/sparse_scores.h"
#include "linalg/spd_inverse.h"

namespace l4r::addon {

namespace {

constexpr std::int64_t kMostItems = 1 << 20;

// Inverts a copy of the matrix off the JavaScript thread.
class InverseWorker final : public Napi::AsyncWorker {
 public:
  InverseWorker(Napi::Env env, std::span<const double> matrix, std::int64_t size)
      : Napi::AsyncWorker(env),
        promise_(Napi::Promise::Deferred::New(env)),
        matrix_(matrix.begin(), matrix.end()),
        size_(size) {}

  Napi::Promise promise() const { return promise_.Promise(); }

 protected:
  void Execute() override {
    try {
      spd_inverse(matrix_, size_);
    } catch (const Error& error) {
      code_ = error.code();
      SetError(error.what());
    } catch (const std::bad_alloc&) {
      code_ = Code::no_memory;
      SetError("out of memory");
    } catch (const std::exception& error) {
      SetError(error.what());
    }
  }

  void OnOK() override {
    try {
      promise_.Resolve(copied<double>(Env(), matrix_));
    } catch (const Error& error) {
      promise_.Reject(to_js(Env(), error.code(), error.what()).Value());
    }
  }

  void OnError(const Napi::Error& error) override {
    promise_.Reject(to_js(Env(), code_, error.Message()).Value());
  }

 private:
  Napi::Promise::Deferred promise_;
  std::vector<double> matrix_;
  std::int64_t size_;
  Code code_ = Code::internal;
};

Napi::Value inverse(const Napi::CallbackInfo& info) {
  const auto matrix = array<double>(info, 0, "matrix");
  const auto size = integer(info, 1, "size", 0, kMostItems);
  require(static_cast<std::int64_t>(matrix.size()) == size * size, "matrix: expected ", size * size,
          " numbers, got ", matrix.size());
  // Owns itself: Napi::AsyncWorker deletes the worker when it is done.
  auto* worker = std::make_unique<InverseWorker>(info.Env(), matrix, size).release();
  worker->Queue();
  return worker->promise();
}

CsrView rows_of(const Napi::CallbackInfo& info, std::int64_t columns) {
  const auto offsets = array<std::int32_t>(info, 0, "offsets");
  require(!offsets.empty(), "offsets: expected at least one number, got none");
  return {.rows = static_cast<std::int64_t>(offsets.size()) - 1,
          .columns = columns,
          .offsets = offsets,
          .indices = array<std::int32_t>(info, 1, "items"),
          .values = optional_array<double>(info[2], "weights")};
}

Napi::Value gram_js(const Napi::CallbackInfo& info) {
  const auto items = integer(info, 3, "itemCount", 0, kMostItems);
  auto result = new_array<double>(info.Env(), items * items);
  gram(rows_of(info, items), {result.Data(), result.ElementLength()});
  return result;
}

Napi::Value sparse_scores_js(const Napi::CallbackInfo& info) {
  const auto items = integer(info, 4, "itemCount", 0, kMostItems);
  auto result = new_array<double>(info.Env(), rows_of(info, items).rows * items);
  sparse_scores(rows_of(info, items), array<double>(info, 3, "matrix"),
                {result.Data(), result.ElementLength()});
  return result;
}

}  // namespace

void export_linalg(Napi::Object exports) {
  export_function<inverse>(exports, "spdInverse");
  export_function<gram_js>(exports, "gram");
  export_function<sparse_scores_js>(exports, "sparseScores");
}

}  // namespace l4r::addon
