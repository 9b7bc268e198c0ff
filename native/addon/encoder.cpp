// Inference of sequence models: histories to states, and on to the best items.
#include "addon/environment.h"
#include "addon/top_k.h"
#include "serving/encoder_weights.h"

namespace l4r::addon {

namespace {

constexpr std::int64_t kMost = 1 << 30;
constexpr std::size_t kOuterWeights = 4, kBlockWeights = 12;

EncoderShape shape_of(const Napi::Value& value) {
  require(value.IsObject(), "shape: expected an object");
  const auto object = value.As<Napi::Object>();
  const auto whole = [&](const char* name) {
    return integer(object.Get(name), (std::string("shape.") + name).c_str(), 1, 1 << 20);
  };
  const auto real = [&](const char* name) {
    return static_cast<float>(number(object.Get(name), (std::string("shape.") + name).c_str()));
  };
  EncoderShape shape;
  shape.dimension = whole("dimension");
  shape.hidden = whole("hidden");
  shape.blocks = whole("blocks");
  shape.heads = whole("heads");
  shape.length = whole("length");
  shape.causal = boolean(object.Get("causal"), "shape.causal");
  shape.activation = activation(object.Get("activation"));
  shape.input_scale = real("inputScale");
  shape.epsilon = real("epsilon");
  return shape;
}

// Views of the caller's arrays, in the order of lib/native/sequenceEncoder.ts.
EncoderWeights weights_of(const Napi::Value& value, std::int64_t blocks) {
  const std::size_t count = kOuterWeights + kBlockWeights * static_cast<std::size_t>(blocks);
  require(value.IsArray() && value.As<Napi::Array>().Length() == count, "weights: expected an array of ",
          count, " Float32Arrays");
  const auto arrays = value.As<Napi::Array>();
  std::vector<Napi::Value> values;  // all of them before the first view: a getter could detach one
  for (std::uint32_t i = 0; i < count; ++i) values.push_back(arrays.Get(i));
  std::size_t next = 0;
  const auto take = [&]() -> std::span<const float> { return array<float>(values[next++], "weights"); };
  EncoderWeights weights;
  weights.items = take();
  weights.positions = take();
  for (std::int64_t b = 0; b < blocks; ++b) {
    EncoderWeights::Block block;
    for (std::span<const float>* to :
         {&block.norm1_gain, &block.norm1_bias, &block.qkv, &block.qkv_bias, &block.out, &block.out_bias,
          &block.norm2_gain, &block.norm2_bias, &block.up, &block.up_bias, &block.down, &block.down_bias})
      *to = take();
    weights.blocks.push_back(block);
  }
  weights.norm_gain = take();
  weights.norm_bias = take();
  return weights;
}

Napi::Value create(const Napi::CallbackInfo& info) {
  const EncoderShape shape = checked(shape_of(info[0]));
  EncoderWeights weights = weights_of(info[1], shape.blocks);
  weights.mask_token = optional_array<float>(info[2], "maskToken");
  auto made = std::make_shared<SequenceEncoder>(shape, weights);
  return handle(info, Environment::of(info).encoders.add(std::move(made)));
}

Napi::Value acquire(const Napi::CallbackInfo& info) {
  Environment::of(info).encoders.acquire(id(info, 0, "encoder"));
  return info.Env().Undefined();
}

Napi::Value release(const Napi::CallbackInfo& info) {
  Environment::of(info).encoders.release(id(info, 0, "encoder"));
  return info.Env().Undefined();
}

std::shared_ptr<SequenceEncoder> encoder(const Napi::CallbackInfo& info) {
  return Environment::of(info).encoders.get(id(info, 0, "encoder"));
}

Histories histories(const Napi::CallbackInfo& info) {
  return {array<std::int32_t>(info, 1, "offsets"), array<std::int32_t>(info, 2, "items")};
}

Napi::Value encode(const Napi::CallbackInfo& info) {
  const auto source = encoder(info);
  const auto count = static_cast<std::int64_t>(histories(info).offsets.size()) - 1;
  require(count >= 0, "offsets: expected at least one number");
  auto states = new_array<float>(info.Env(), count * source->dimension());
  source->encode(histories(info), {states.Data(), states.ElementLength()});
  return states;
}

Napi::Value top_k(const Napi::CallbackInfo& info) {
  const auto source = encoder(info);
  // First of all: the getters of the filter may run JavaScript.
  const TopKFilter filter = filter_of(info[4]);
  source->top_k(histories(info), integer(info, 3, "k", 1, kMost), filter, rows_of(info, 5));
  return info.Env().Undefined();
}

}  // namespace

void export_encoder(Napi::Object exports) {
  export_function<create>(exports, "encoderCreate");
  export_function<acquire>(exports, "encoderAcquire");
  export_function<release>(exports, "encoderRelease");
  export_function<encode>(exports, "encoderEncode");
  export_function<top_k>(exports, "encoderTopK");
}

}  // namespace l4r::addon
