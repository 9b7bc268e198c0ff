// The step scope and the ops of the autograd engine: one call per op, tensors are numbers.
#include "addon/environment.h"
#include "ops/attention/attention.h"
#include "ops/bag/bag.h"
#include "ops/bce/bce.h"
#include "ops/bpr/bpr.h"
#include "ops/bpr/bpr_rows.h"
#include "ops/cross/cross.h"
#include "ops/dropout/dropout.h"
#include "ops/elementwise/elementwise.h"
#include "ops/embed/embed.h"
#include "ops/gather/gather.h"
#include "ops/hop_mix/hop_mix.h"
#include "ops/interaction/interaction.h"
#include "ops/l2/l2.h"
#include "ops/layer_norm/layer_norm.h"
#include "ops/linear/linear.h"
#include "ops/log_softmax/log_softmax.h"
#include "ops/matmul/matmul.h"
#include "ops/normalize/normalize.h"
#include "ops/outer/outer.h"
#include "ops/pool/pool.h"
#include "ops/propagate/propagate.h"
#include "ops/rms_norm/rms_norm.h"
#include "ops/rope/rope.h"
#include "ops/row_dot/row_dot.h"
#include "ops/segment_attention/segment_attention.h"
#include "ops/softmax/softmax.h"
#include "ops/swiglu/swiglu.h"
#include "ops/take/take.h"
#include "ops/transpose/transpose.h"
#include "ops/view/view.h"

namespace l4r::addon {

namespace {

Tape& tape(const Napi::CallbackInfo& info) { return Environment::of(info).tape; }

std::shared_ptr<Parameter> parameter(const Napi::CallbackInfo& info) {
  return Environment::of(info).parameters.get(id(info, 0, "parameter"));
}

Handle tensor(const Napi::CallbackInfo& info, std::size_t index, const char* name) {
  return id(info, index, name);
}

Napi::Value reset(const Napi::CallbackInfo& info) {
  tape(info).reset();
  return info.Env().Undefined();
}

Napi::Value randomize(const Napi::CallbackInfo& info) {
  tape(info).randomize(id(info, 0, "seed"), id(info, 1, "step"));
  return info.Env().Undefined();
}

Napi::Value input(const Napi::CallbackInfo& info) {
  return handle(info, tape(info).input(array<float>(info, 0, "values"), integer(info, 1, "rows", 0, 1 << 30),
                                       integer(info, 2, "columns", 0, 1 << 30)));
}

Napi::Value use(const Napi::CallbackInfo& info) { return handle(info, tape(info).use(parameter(info))); }

Napi::Value use_frozen(const Napi::CallbackInfo& info) {
  return handle(info, tape(info).use_frozen(parameter(info)));
}

Napi::Value shape(const Napi::CallbackInfo& info) {
  const Shape found = tape(info).shape(tensor(info, 0, "tensor"));
  Napi::Array result = Napi::Array::New(info.Env(), 2);
  result.Set(0u, static_cast<double>(found.rows));
  result.Set(1u, static_cast<double>(found.cols));
  return result;
}

Napi::Value value(const Napi::CallbackInfo& info) {
  const Handle of = tensor(info, 0, "tensor");
  auto result = new_array<float>(info.Env(), tape(info).shape(of).size());
  copy_into(result, tape(info).value(of));
  return result;
}

Napi::Value gradient(const Napi::CallbackInfo& info) {
  const Handle of = tensor(info, 0, "tensor");
  auto result = new_array<float>(info.Env(), tape(info).shape(of).size());
  copy_into(result, tape(info).gradient(of));
  return result;
}

Napi::Value item(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), tape(info).item(tensor(info, 0, "tensor")));
}

Napi::Value backward(const Napi::CallbackInfo& info) {
  tape(info).backward(tensor(info, 0, "loss"));
  return info.Env().Undefined();
}

Napi::Value gather_js(const Napi::CallbackInfo& info) {
  return handle(info, gather(tape(info), parameter(info), array<std::int32_t>(info, 1, "rows")));
}

Napi::Value embed_js(const Napi::CallbackInfo& info) {
  const auto positions = Environment::of(info).parameters.get(id(info, 3, "positions"));
  return handle(
      info, embed(tape(info), parameter(info), array<std::int32_t>(info, 1, "rows"),
                  static_cast<float>(number(info, 2, "scale")), positions,
                  array<std::int32_t>(info, 4, "places"), static_cast<float>(number(info, 5, "dropout"))));
}

Napi::Value bag_js(const Napi::CallbackInfo& info) {
  const auto indices = array<std::int32_t>(info, 1, "indices");
  const auto weights = optional_array<float>(info[3], "weights");
  // An empty or detached array is not the same as none.
  require(info[3].IsNull() || info[3].IsUndefined() || weights.size() == indices.size(),
          "weights: expected none or ", indices.size(), ", got ", weights.size());
  return handle(info, bag(tape(info), parameter(info), indices, array<std::int32_t>(info, 2, "offsets"),
                          weights, boolean(info, 4, "mean") ? BagMode::mean : BagMode::sum));
}

Napi::Value row_dot_js(const Napi::CallbackInfo& info) {
  return handle(info, row_dot(tape(info), tensor(info, 0, "a"), tensor(info, 1, "b")));
}

Napi::Value matmul_js(const Napi::CallbackInfo& info) {
  return handle(info, matmul(tape(info), tensor(info, 0, "a"), tensor(info, 1, "b"),
                             boolean(info, 2, "transposeA"), boolean(info, 3, "transposeB")));
}

Napi::Value bpr_loss_js(const Napi::CallbackInfo& info) {
  return handle(info, bpr_loss(tape(info), tensor(info, 0, "positive"), tensor(info, 1, "negative")));
}

Napi::Value bpr_rows_js(const Napi::CallbackInfo& info) {
  const auto items = Environment::of(info).parameters.get(id(info, 1, "items"));
  const PairRows rows{array<std::int32_t>(info, 2, "userRows"), array<std::int32_t>(info, 3, "positives"),
                      array<std::int32_t>(info, 4, "negatives")};
  return handle(
      info, bpr_rows(tape(info), parameter(info), items, rows, static_cast<float>(number(info, 5, "l2"))));
}

Napi::Value l2_js(const Napi::CallbackInfo& info) {
  return handle(info, l2(tape(info), tensor(info, 0, "x")));
}

Napi::Value add_js(const Napi::CallbackInfo& info) {
  return handle(info, add(tape(info), tensor(info, 0, "a"), tensor(info, 1, "b")));
}

Napi::Value scale_js(const Napi::CallbackInfo& info) {
  return handle(info, scale(tape(info), tensor(info, 0, "x"), static_cast<float>(number(info, 1, "factor"))));
}

Napi::Value linear_js(const Napi::CallbackInfo& info) {
  LinearOptions options{.activation = activation(info[3]),
                        .dropout = static_cast<float>(number(info, 4, "dropout")),
                        .residual = {}};
  if (!info[5].IsNull()) options.residual = tensor(info, 5, "residual");
  return handle(info, linear(tape(info), tensor(info, 0, "x"), tensor(info, 1, "weight"),
                             tensor(info, 2, "bias"), options));
}

Napi::Value layer_norm_js(const Napi::CallbackInfo& info) {
  return handle(info, layer_norm(tape(info), tensor(info, 0, "x"), tensor(info, 1, "gain"),
                                 tensor(info, 2, "bias"), static_cast<float>(number(info, 3, "epsilon"))));
}

Napi::Value dropout_js(const Napi::CallbackInfo& info) {
  return handle(info, dropout(tape(info), tensor(info, 0, "x"), static_cast<float>(number(info, 1, "rate"))));
}

Napi::Value add_dropout_js(const Napi::CallbackInfo& info) {
  return handle(info, add_dropout(tape(info), tensor(info, 0, "residual"), tensor(info, 1, "x"),
                                  static_cast<float>(number(info, 2, "rate"))));
}

Napi::Value attention_js(const Napi::CallbackInfo& info) {
  AttentionOptions options;
  options.heads = integer(info, 2, "heads", 1, 1 << 20);
  options.causal = boolean(info, 3, "causal");
  options.dropout = static_cast<float>(number(info, 4, "dropout"));
  return handle(
      info, attention(tape(info), tensor(info, 0, "qkv"), array<std::int32_t>(info, 1, "offsets"), options));
}

Napi::Value take_js(const Napi::CallbackInfo& info) {
  return handle(info, take(tape(info), tensor(info, 0, "x"), array<std::int32_t>(info, 1, "rows")));
}

Napi::Value reshape_js(const Napi::CallbackInfo& info) {
  return handle(info, reshape(tape(info), tensor(info, 0, "x"), integer(info, 1, "rows", 0, 1 << 30),
                              integer(info, 2, "columns", 0, 1 << 30)));
}

Napi::Value slice_js(const Napi::CallbackInfo& info) {
  return handle(info, slice(tape(info), tensor(info, 0, "x"), integer(info, 1, "first", 0, 1 << 30),
                            integer(info, 2, "rows", 0, 1 << 30)));
}

Napi::Value normalize_rows_js(const Napi::CallbackInfo& info) {
  return handle(info, normalize_rows(tape(info), tensor(info, 0, "x")));
}

Napi::Value propagate_js(const Napi::CallbackInfo& info) {
  const auto graph = Environment::of(info).graphs.get(id(info, 0, "graph"));
  return handle(info, propagate(tape(info), graph, tensor(info, 1, "x")));
}

Napi::Value multiply_js(const Napi::CallbackInfo& info) {
  return handle(info, multiply(tape(info), tensor(info, 0, "a"), tensor(info, 1, "b")));
}

Napi::Value relu_js(const Napi::CallbackInfo& info) {
  return handle(info, relu(tape(info), tensor(info, 0, "x")));
}

Napi::Value bi_interaction_js(const Napi::CallbackInfo& info) {
  return handle(info,
                bi_interaction(tape(info), tensor(info, 0, "x"), integer(info, 1, "fields", 0, 1 << 30)));
}

Napi::Value pair_products_js(const Napi::CallbackInfo& info) {
  return handle(info,
                pair_products(tape(info), tensor(info, 0, "x"), integer(info, 1, "fields", 0, 1 << 30)));
}

Napi::Value cross_js(const Napi::CallbackInfo& info) {
  return handle(info, cross(tape(info), tensor(info, 0, "first"), tensor(info, 1, "x"),
                            tensor(info, 2, "weight"), tensor(info, 3, "bias")));
}

Napi::Value outer_rows_js(const Napi::CallbackInfo& info) {
  return handle(info, outer_rows(tape(info), tensor(info, 0, "a"), tensor(info, 1, "b")));
}

Napi::Value sum_groups_js(const Napi::CallbackInfo& info) {
  return handle(info, sum_groups(tape(info), tensor(info, 0, "x"), integer(info, 1, "size", 0, 1 << 30)));
}

Napi::Value softmax_pool_js(const Napi::CallbackInfo& info) {
  return handle(info, softmax_pool(tape(info), tensor(info, 0, "scores"), tensor(info, 1, "x"),
                                   integer(info, 2, "size", 0, 1 << 30)));
}

Napi::Value transpose_blocks_js(const Napi::CallbackInfo& info) {
  return handle(info,
                transpose_blocks(tape(info), tensor(info, 0, "x"), integer(info, 1, "rows", 0, 1 << 30)));
}

Napi::Value hop_mix_js(const Napi::CallbackInfo& info) {
  return handle(
      info, hop_mix(tape(info), tensor(info, 0, "x"), tensor(info, 1, "users"),
                    array<std::int32_t>(info, 2, "positives"), array<std::int32_t>(info, 3, "candidates")));
}

Napi::Value bce_loss_js(const Napi::CallbackInfo& info) {
  return handle(info, bce_loss(tape(info), tensor(info, 0, "positive"), tensor(info, 1, "negative")));
}

Napi::Value softmax_loss_js(const Napi::CallbackInfo& info) {
  // An empty or detached array is not the same as none.
  std::optional<std::span<const float>> weights;
  if (!info[3].IsNull() && !info[3].IsUndefined()) weights = array<float>(info, 3, "weights");
  return handle(info, softmax_loss(tape(info), tensor(info, 0, "states"), tensor(info, 1, "table"),
                                   array<std::int32_t>(info, 2, "targets"), weights));
}

Napi::Value log_softmax_js(const Napi::CallbackInfo& info) {
  return handle(info, log_softmax(tape(info), tensor(info, 0, "states"), tensor(info, 1, "table"),
                                  array<std::int32_t>(info, 2, "targets")));
}

Napi::Value rms_norm_js(const Napi::CallbackInfo& info) {
  return handle(info, rms_norm(tape(info), tensor(info, 0, "x"), tensor(info, 1, "gain"),
                               static_cast<float>(number(info, 2, "epsilon"))));
}

Napi::Value swiglu_js(const Napi::CallbackInfo& info) {
  return handle(info, swiglu(tape(info), tensor(info, 0, "x")));
}

Napi::Value rope_js(const Napi::CallbackInfo& info) {
  RopeOptions options;
  options.heads = integer(info, 2, "heads", 0, 1 << 20);
  options.width = integer(info, 3, "width", 2, 1 << 20);
  options.base = static_cast<float>(number(info, 4, "base"));
  return handle(info,
                rope(tape(info), tensor(info, 0, "x"), array<std::int32_t>(info, 1, "positions"), options));
}

Napi::Value segment_attention_js(const Napi::CallbackInfo& info) {
  SegmentAttentionOptions options;
  options.heads = integer(info, 3, "heads", 1, 1 << 20);
  options.kv_heads = integer(info, 4, "kvHeads", 1, 1 << 20);
  options.dropout = static_cast<float>(number(info, 5, "dropout"));
  return handle(info,
                segment_attention(tape(info), tensor(info, 0, "x"), array<std::int32_t>(info, 1, "segments"),
                                  array<std::int32_t>(info, 2, "sequences"), options));
}

}  // namespace

void export_tape(Napi::Object exports) {
  export_function<reset>(exports, "tapeReset");
  export_function<randomize>(exports, "tapeRandomize");
  export_function<input>(exports, "tapeInput");
  export_function<use>(exports, "tapeUse");
  export_function<use_frozen>(exports, "tapeUseFrozen");
  export_function<shape>(exports, "tapeShape");
  export_function<value>(exports, "tapeValue");
  export_function<gradient>(exports, "tapeGradient");
  export_function<item>(exports, "tapeItem");
  export_function<backward>(exports, "tapeBackward");
  export_function<gather_js>(exports, "gather");
  export_function<embed_js>(exports, "embed");
  export_function<bag_js>(exports, "bag");
  export_function<row_dot_js>(exports, "rowDot");
  export_function<matmul_js>(exports, "matmul");
  export_function<bpr_loss_js>(exports, "bprLoss");
  export_function<bpr_rows_js>(exports, "bprRows");
  export_function<l2_js>(exports, "l2");
  export_function<add_js>(exports, "add");
  export_function<scale_js>(exports, "scale");
  export_function<linear_js>(exports, "linear");
  export_function<layer_norm_js>(exports, "layerNorm");
  export_function<dropout_js>(exports, "dropout");
  export_function<add_dropout_js>(exports, "addDropout");
  export_function<attention_js>(exports, "attention");
  export_function<take_js>(exports, "take");
  export_function<reshape_js>(exports, "reshape");
  export_function<slice_js>(exports, "slice");
  export_function<normalize_rows_js>(exports, "normalizeRows");
  export_function<propagate_js>(exports, "propagate");
  export_function<multiply_js>(exports, "multiply");
  export_function<relu_js>(exports, "relu");
  export_function<bi_interaction_js>(exports, "biInteraction");
  export_function<pair_products_js>(exports, "pairProducts");
  export_function<cross_js>(exports, "cross");
  export_function<outer_rows_js>(exports, "outerRows");
  export_function<sum_groups_js>(exports, "sumGroups");
  export_function<softmax_pool_js>(exports, "softmaxPool");
  export_function<transpose_blocks_js>(exports, "transposeBlocks");
  export_function<hop_mix_js>(exports, "hopMix");
  export_function<bce_loss_js>(exports, "bceLoss");
  export_function<softmax_loss_js>(exports, "softmaxLoss");
  export_function<log_softmax_js>(exports, "logSoftmax");
  export_function<rms_norm_js>(exports, "rmsNorm");
  export_function<swiglu_js>(exports, "swiglu");
  export_function<rope_js>(exports, "rope");
  export_function<segment_attention_js>(exports, "segmentAttention");
}

}  // namespace l4r::addon
