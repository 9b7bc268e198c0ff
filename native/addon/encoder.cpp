// Inference of sequence models: histories to states, and on to the best items.
#include "addon/environment.h"
#include "addon/top_k.h"
#include "serving/encoder_weights.h"

namespace l4r::addon {

namespace {

constexpr std::int64_t kMost = 1 << 30;
constexpr std::size_t kOuterWeights = 3, kBlockWeights = 12;  // without the items

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
EncoderWeights weights_of(const Napi::Value& value, std::int64_t blocks, bool with_items) {
  const std::size_t count =
      (with_items ? 1 : 0) + kOuterWeights + kBlockWeights * static_cast<std::size_t>(blocks);
  require(value.IsArray() && value.As<Napi::Array>().Length() == count, "weights: expected an array of ",
          count, " Float32Arrays");
  const auto arrays = value.As<Napi::Array>();
  std::vector<Napi::Value> values;  // all of them before the first view: a getter could detach one
  for (std::uint32_t i = 0; i < count; ++i) values.push_back(arrays.Get(i));
  std::size_t next = 0;
  const auto take = [&]() -> std::span<const float> { return array<float>(values[next++], "weights"); };
  EncoderWeights weights;
  if (with_items) weights.items = take();
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
  EncoderWeights weights = weights_of(info[1], shape.blocks, true);
  weights.mask_token = optional_array<float>(info[2], "maskToken");
  auto made = std::make_shared<SequenceEncoder>(shape, weights);
  return handle(info, Environment::of(info).encoders.add(std::move(made)));
}

Napi::Value over(const Napi::CallbackInfo& info) {
  const EncoderShape shape = checked(shape_of(info[1]));
  EncoderWeights weights = weights_of(info[2], shape.blocks, false);
  weights.mask_token = optional_array<float>(info[3], "maskToken");
  auto catalogue = Environment::of(info).catalogues.get(id(info, 0, "catalogue"));
  auto made = std::make_shared<SequenceEncoder>(std::move(catalogue), shape, weights);
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

std::int64_t count_of(const Histories& histories) {
  require(!histories.offsets.empty(), "history offsets: expected at least one number");
  return static_cast<std::int64_t>(histories.offsets.size()) - 1;
}

Napi::Value encode(const Napi::CallbackInfo& info) {
  const auto source = encoder(info);
  auto states = new_array<float>(info.Env(), count_of(histories(info)) * source->dimension());
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

// Histories with memory of their own.
struct OwnHistories {
  // Throws Error(argument) unless they are histories for this encoder.
  OwnHistories(const SequenceEncoder& encoder, const Histories& from) {
    encoder.check(from);
    offsets.assign(from.offsets.begin(), from.offsets.end());
    items.assign(from.items.begin(), from.items.end());
  }
  Histories view() const { return {offsets, items}; }
  std::int64_t count() const { return static_cast<std::int64_t>(offsets.size()) - 1; }

  std::vector<std::int32_t> offsets, items;
};

class EncoderStates final : public AsyncWork {
 public:
  EncoderStates(std::shared_ptr<SequenceEncoder> encoder, const Histories& histories,
                std::span<const float> states)
      : encoder_(std::move(encoder)),
        histories_(*encoder_, histories),
        count_(histories_.count() * encoder_->dimension()) {
    require(static_cast<std::int64_t>(states.size()) == count_, "states: expected ", count_, " places, got ",
            states.size());
  }

  void run() override {
    states_.resize(static_cast<std::size_t>(count_));
    encoder_->encode(histories_.view(), states_);
  }
  void deliver(std::span<const Napi::Value> into) const override {
    const auto to = array<float>(into[0], "states");
    require(to.size() == states_.size(), "states: expected ", states_.size(), " places, got ", to.size());
    std::copy(states_.begin(), states_.end(), to.begin());
  }

 private:
  std::shared_ptr<SequenceEncoder> encoder_;
  OwnHistories histories_;
  std::int64_t count_;
  std::vector<float> states_;
};

class EncoderTopK final : public TopKWork {
 public:
  EncoderTopK(std::shared_ptr<SequenceEncoder> encoder, const Histories& histories, std::int64_t k,
              const TopKFilter& filter, const TopKRows& rows)
      : TopKWork(count_of(histories), encoder->size(), k, filter, rows),
        encoder_(std::move(encoder)),
        histories_(*encoder_, histories) {}

 protected:
  void search(const TopKFilter& filter, const TopKRows& out) override {
    encoder_->top_k(histories_.view(), k_, filter, out);
  }

 private:
  std::shared_ptr<SequenceEncoder> encoder_;
  OwnHistories histories_;
};

Napi::Value encode_async(const Napi::CallbackInfo& info) {
  auto work =
      std::make_unique<EncoderStates>(encoder(info), histories(info), array<float>(info, 3, "states"));
  return handle(info, Environment::of(info).async_calls.start(info.Env(), std::move(work), {info[3]},
                                                              function(info, 4, "done")));
}

Napi::Value top_k_async(const Napi::CallbackInfo& info) {
  auto source = encoder(info);
  // First of all: the getters of the filter may run JavaScript.
  const TopKFilter filter = filter_of(info[4]);
  return start_top_k(
      info, 5,
      std::make_unique<EncoderTopK>(std::move(source), histories(info), integer(info, 3, "k", 1, kMost),
                                    filter, rows_of(info, 5)));
}

}  // namespace

void export_encoder(Napi::Object exports) {
  export_function<create>(exports, "encoderCreate");
  export_function<over>(exports, "encoderOver");
  export_function<acquire>(exports, "encoderAcquire");
  export_function<release>(exports, "encoderRelease");
  export_function<encode>(exports, "encoderEncode");
  export_function<top_k>(exports, "encoderTopK");
  export_function<encode_async>(exports, "encoderEncodeAsync");
  export_function<top_k_async>(exports, "encoderTopKAsync");
}

}  // namespace l4r::addon
