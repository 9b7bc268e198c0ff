// Samplers of training batches.
#include "addon/environment.h"

namespace l4r::addon {

namespace {

std::vector<std::int32_t> owned(std::span<const std::int32_t> values) {
  return {values.begin(), values.end()};
}

Napi::Value sampler_create(const Napi::CallbackInfo& info) {
  constexpr std::int64_t kMost = 2147483647;
  auto made = std::make_shared<PairSampler>(
      static_cast<std::int32_t>(integer(info, 0, "userCount", 0, kMost)),
      static_cast<std::int32_t>(integer(info, 1, "itemCount", 0, kMost)),
      owned(array<std::int32_t>(info, 2, "offsets")), owned(array<std::int32_t>(info, 3, "items")),
      owned(array<std::int32_t>(info, 4, "extra")),
      static_cast<std::int32_t>(integer(info, 5, "negatives", 0, 1 << 20)), id(info, 6, "seed"));
  return handle(info, Environment::of(info).samplers.add(std::move(made)));
}

std::shared_ptr<PairSampler> sampler(const Napi::CallbackInfo& info) {
  return Environment::of(info).samplers.get(id(info, 0, "sampler"));
}

Napi::Value sampler_start_epoch(const Napi::CallbackInfo& info) {
  constexpr std::int64_t kMost = std::int64_t{1} << 52;
  sampler(info)->start_epoch(integer(info, 1, "epoch", 0, kMost), integer(info, 2, "start", 0, kMost));
  return info.Env().Undefined();
}

Napi::Value sampler_examples(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(sampler(info)->examples()));
}

Napi::Value sampler_next(const Napi::CallbackInfo& info) {
  const auto source = sampler(info);
  const auto users = array<std::int32_t>(info, 1, "users");
  const auto positives = array<std::int32_t>(info, 2, "positives");
  const auto negatives = array<std::int32_t>(info, 3, "negatives");
  const auto each = static_cast<std::size_t>(source->negatives());
  require(users.size() == positives.size() && users.size() * each == negatives.size(),
          "users, positives, negatives: expected one length, that of negatives times ", each, ", got ",
          users.size(), ", ", positives.size(), ", ", negatives.size());
  require(!users.empty(), "users, positives, negatives: expected room for one example at least");
  const auto count =
      source->next(static_cast<std::int64_t>(users.size()), users.data(), positives.data(), negatives.data());
  return Napi::Number::New(info.Env(), static_cast<double>(count));
}

Napi::Value sampler_release(const Napi::CallbackInfo& info) {
  Environment::of(info).samplers.release(id(info, 0, "sampler"));
  return info.Env().Undefined();
}

Napi::Value sequences_create(const Napi::CallbackInfo& info) {
  auto made = std::make_shared<SequenceSampler>(
      static_cast<std::int32_t>(integer(info, 0, "itemCount", 0, 2147483647)),
      owned(array<std::int32_t>(info, 1, "offsets")), owned(array<std::int32_t>(info, 2, "items")),
      static_cast<std::int32_t>(integer(info, 3, "length", 1, 1 << 20)),
      static_cast<std::int32_t>(integer(info, 4, "negatives", 0, 1 << 20)), id(info, 5, "seed"));
  return handle(info, Environment::of(info).sequences.add(std::move(made)));
}

std::shared_ptr<SequenceSampler> sequences(const Napi::CallbackInfo& info) {
  return Environment::of(info).sequences.get(id(info, 0, "sampler"));
}

Napi::Value sequences_start_epoch(const Napi::CallbackInfo& info) {
  constexpr std::int64_t kMost = std::int64_t{1} << 52;
  sequences(info)->start_epoch(integer(info, 1, "epoch", 0, kMost), integer(info, 2, "start", 0, kMost));
  return info.Env().Undefined();
}

Napi::Value sequences_examples(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(sequences(info)->examples()));
}

Napi::Value sequences_next(const Napi::CallbackInfo& info) {
  const auto source = sequences(info);
  const SequenceBatch batch{array<std::int32_t>(info, 1, "offsets"), array<std::int32_t>(info, 2, "inputs"),
                            array<std::int32_t>(info, 3, "positions"),
                            array<std::int32_t>(info, 4, "targets"),
                            array<std::int32_t>(info, 5, "negatives")};
  return Napi::Number::New(info.Env(), static_cast<double>(source->next(batch)));
}

Napi::Value sequences_release(const Napi::CallbackInfo& info) {
  Environment::of(info).sequences.release(id(info, 0, "sampler"));
  return info.Env().Undefined();
}

}  // namespace

void export_sampling(Napi::Object exports) {
  export_function<sampler_create>(exports, "samplerCreate");
  export_function<sampler_start_epoch>(exports, "samplerStartEpoch");
  export_function<sampler_examples>(exports, "samplerExamples");
  export_function<sampler_next>(exports, "samplerNext");
  export_function<sampler_release>(exports, "samplerRelease");
  export_function<sequences_create>(exports, "sequencesCreate");
  export_function<sequences_start_epoch>(exports, "sequencesStartEpoch");
  export_function<sequences_examples>(exports, "sequencesExamples");
  export_function<sequences_next>(exports, "sequencesNext");
  export_function<sequences_release>(exports, "sequencesRelease");
}

}  // namespace l4r::addon
