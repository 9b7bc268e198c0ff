// Parameters that a step uses without training them.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "autograd/optimizer.h"
#include "autograd/parameter.h"
#include "check.h"
#include "graph/graph.h"
#include "op_case.h"
#include "ops/attention/attention.h"
#include "ops/bce/bce.h"
#include "ops/bpr/bpr.h"
#include "ops/cross/cross.h"
#include "ops/dropout/dropout.h"
#include "ops/elementwise/elementwise.h"
#include "ops/hop_mix/hop_mix.h"
#include "ops/interaction/interaction.h"
#include "ops/l2/l2.h"
#include "ops/layer_norm/layer_norm.h"
#include "ops/linear/linear.h"
#include "ops/outer/outer.h"
#include "ops/pool/pool.h"
#include "ops/propagate/propagate.h"
#include "ops/rms_norm/rms_norm.h"
#include "ops/rope/rope.h"
#include "ops/segment_attention/segment_attention.h"
#include "ops/softmax/softmax.h"
#include "ops/swiglu/swiglu.h"
#include "ops/take/take.h"
#include "ops/transpose/transpose.h"
#include "ops/view/view.h"

namespace {

using namespace l4r;
using namespace l4r::test;
using test::Add;  // not the kernel of that name

std::shared_ptr<Parameter> random_parameter(std::int64_t rows, std::int64_t cols) {
  auto parameter = std::make_shared<Parameter>("p", rows, cols);
  fill_normal(*parameter, 0, 0.5f, 3, static_cast<std::uint64_t>(rows * 1000 + cols));
  return parameter;
}

std::vector<float> copy(std::span<const float> values) { return {values.begin(), values.end()}; }

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// An op of x [6 x 4] and a parameter.
struct Use {
  std::string name;
  Shape parameter;
  std::function<Handle(Tape&, Handle x, Handle p)> run;
};

Handle zeros(Tape& tape, std::int64_t cols) {
  return tape.input(std::vector<float>(at(cols), 0.0f), 1, cols);
}
Handle ones(Tape& tape, std::int64_t cols) { return tape.input(std::vector<float>(at(cols), 1.0f), 1, cols); }

// Of 6 nodes: 2 users with 3 and 2 of 4 items.
std::shared_ptr<const Graph> small_graph() {
  return std::make_shared<const Graph>(2, 4, std::vector<std::int32_t>{0, 3, 5},
                                       std::vector<std::int32_t>{0, 1, 3, 1, 2});
}

const std::vector<Use>& uses() {
  static const std::vector<std::int32_t> rows{5, 0, 0, 3};
  static const std::vector<std::int32_t> targets{0, 1, 2, 3, 6, 6};
  static const std::vector<std::int32_t> segments{0, 2, 3, 6}, sequences{0, 2, 3}, places{3, 0, 9, 2, 2, 1};
  static const std::vector<std::int32_t> places_of_six{3, 0, 5, 2, 2, 1},
      pairs{1, 4, 0, 5, 3, 3, 2, 0, 5, 1, 4, 2};
  static const std::vector<Use> all{
      {"right of a product",
       {4, 3},
       [](Tape& t, Handle x, Handle p) { return matmul(t, x, p, false, false); }},
      {"right, transposed", {3, 4}, [](Tape& t, Handle x, Handle p) { return matmul(t, x, p, false, true); }},
      {"left of a product",
       {3, 6},
       [](Tape& t, Handle x, Handle p) { return matmul(t, p, x, false, false); }},
      {"left, transposed", {6, 3}, [](Tape& t, Handle x, Handle p) { return matmul(t, p, x, true, false); }},
      {"weight of linear",
       {4, 3},
       [](Tape& t, Handle x, Handle p) {
         return linear(t, x, p, zeros(t, 3), {.activation = Activation::gelu});
       }},
      {"bias of linear",
       {1, 4},
       [](Tape& t, Handle x, Handle p) {
         return linear(t, x, matmul(t, x, x, true, false), p, {.activation = Activation::relu});
       }},
      {"residual of linear",
       {6, 4},
       [](Tape& t, Handle x, Handle p) {
         return linear(t, x, matmul(t, x, x, true, false), zeros(t, 4), {.dropout = 0.3f, .residual = p});
       }},
      {"all of linear but the residual",
       {6, 4},
       [](Tape& t, Handle x, Handle p) {
         return linear(t, p, matmul(t, p, p, true, false), zeros(t, 4), {.dropout = 0.3f, .residual = x});
       }},
      {"gain of rms_norm", {1, 4}, [](Tape& t, Handle x, Handle p) { return rms_norm(t, x, p, 1e-5f); }},
      {"gain of layer_norm",
       {1, 4},
       [](Tape& t, Handle x, Handle p) { return layer_norm(t, x, p, zeros(t, 4), 1e-5f); }},
      {"bias of layer_norm",
       {1, 4},
       [](Tape& t, Handle x, Handle p) { return layer_norm(t, x, ones(t, 4), p, 1e-5f); }},
      {"table of softmax_loss",
       {7, 4},
       [](Tape& t, Handle x, Handle p) { return softmax_loss(t, x, p, targets); }},
      {"states of softmax_loss",
       {6, 4},
       [](Tape& t, Handle x, Handle p) {
         return softmax_loss(t, p, x, std::vector<std::int32_t>{0, 1, 2, 3, 5, 5});
       }},
      {"take",
       {6, 4},
       [](Tape& t, Handle x, Handle p) { return add(t, take(t, x, rows), take(t, p, rows)); }},
      {"propagate",
       {6, 4},
       [](Tape& t, Handle x, Handle p) {
         return row_dot(t, propagate(t, small_graph(), x), propagate(t, small_graph(), p));
       }},
      {"hop_mix",
       {6, 4},
       [](Tape& t, Handle x, Handle p) { return add(t, x, hop_mix(t, p, x, places_of_six, pairs)); }},
      {"row_dot", {6, 4}, [](Tape& t, Handle x, Handle p) { return row_dot(t, x, p); }},
      {"multiply and relu",
       {6, 4},
       [](Tape& t, Handle x, Handle p) { return add(t, multiply(t, x, p), multiply(t, relu(t, p), x)); }},
      {"bi_interaction",
       {6, 4},
       [](Tape& t, Handle x, Handle p) {
         return row_dot(t, bi_interaction(t, x, 2), bi_interaction(t, p, 2));
       }},
      {"pair_products",
       {6, 4},
       [](Tape& t, Handle x, Handle p) {
         return row_dot(t, pair_products(t, x, 2), pair_products(t, p, 2));
       }},
      {"first of cross",
       {6, 4},
       [](Tape& t, Handle x, Handle p) { return cross(t, p, x, ones(t, 4), zeros(t, 4)); }},
      {"x of cross",
       {6, 4},
       [](Tape& t, Handle x, Handle p) { return cross(t, x, p, ones(t, 4), zeros(t, 4)); }},
      {"weight of cross", {1, 4}, [](Tape& t, Handle x, Handle p) { return cross(t, x, x, p, zeros(t, 4)); }},
      {"bias of cross", {1, 4}, [](Tape& t, Handle x, Handle p) { return cross(t, x, x, ones(t, 4), p); }},
      {"left of outer_rows", {6, 3}, [](Tape& t, Handle x, Handle p) { return outer_rows(t, p, x); }},
      {"right of outer_rows", {6, 3}, [](Tape& t, Handle x, Handle p) { return outer_rows(t, x, p); }},
      {"sum_groups",
       {6, 4},
       [](Tape& t, Handle x, Handle p) { return row_dot(t, sum_groups(t, x, 2), sum_groups(t, p, 2)); }},
      {"scores of softmax_pool",
       {6, 1},
       [](Tape& t, Handle x, Handle p) { return softmax_pool(t, p, x, 3); }},
      {"softmax_pool",
       {6, 4},
       [](Tape& t, Handle x, Handle p) {
         return row_dot(t, softmax_pool(t, row_dot(t, x, x), p, 3), sum_groups(t, x, 3));
       }},
      {"transpose_blocks",
       {6, 4},
       [](Tape& t, Handle x, Handle p) {
         return row_dot(t, transpose_blocks(t, x, 3), transpose_blocks(t, p, 3));
       }},
      {"swiglu and l2",
       {6, 4},
       [](Tape& t, Handle x, Handle p) { return add(t, l2(t, swiglu(t, p)), l2(t, swiglu(t, x))); }},
      {"rms_norm of it",
       {6, 4},
       [](Tape& t, Handle x, Handle p) { return add(t, x, rms_norm(t, p, ones(t, 4), 1e-5f)); }},
      {"rope",
       {6, 4},
       [](Tape& t, Handle x, Handle p) {
         const RopeOptions options{.heads = 1, .width = 4};
         return row_dot(t, rope(t, x, places, options), rope(t, p, places, options));
       }},
      {"attention",
       {6, 3},
       [](Tape& t, Handle x, Handle p) {
         return matmul(t, attention(t, p, segments, {.dropout = 0.3f}), x, true, false);
       }},
      {"segment_attention",
       {6, 4},
       [](Tape& t, Handle x, Handle p) {
         const auto attended = [&](Handle of) {
           return segment_attention(t, of, segments, sequences, {.heads = 2, .dropout = 0.3f});
         };
         return row_dot(t, attended(x), attended(p));
       }},
      {"dropout",
       {6, 4},
       [](Tape& t, Handle x, Handle p) { return row_dot(t, dropout(t, x, 0.3f), dropout(t, p, 0.3f)); }},
      {"residual of add_dropout",
       {6, 4},
       [](Tape& t, Handle x, Handle p) { return add_dropout(t, p, x, 0.3f); }},
      {"what add_dropout drops",
       {6, 4},
       [](Tape& t, Handle x, Handle p) { return add_dropout(t, x, p, 0.3f); }},
      {"positives of bce",
       {6, 1},
       [](Tape& t, Handle x, Handle p) { return bce_loss(t, p, row_dot(t, x, x)); }},
      {"negatives of bce",
       {6, 1},
       [](Tape& t, Handle x, Handle p) { return bce_loss(t, row_dot(t, x, x), p); }},
      {"positives of bpr",
       {6, 1},
       [](Tape& t, Handle x, Handle p) { return bpr_loss(t, p, row_dot(t, x, x)); }},
      {"negatives of bpr",
       {6, 1},
       [](Tape& t, Handle x, Handle p) { return bpr_loss(t, row_dot(t, x, x), p); }},
  };
  return all;
}

const Add gradient_case(
    "freezing a parameter changes no value and no other gradient, and leaves it none", [] {
      for (const Use& use : uses()) {
        const auto parameter = random_parameter(use.parameter.rows, use.parameter.cols);
        const auto values = random_floats(24, 1);
        const auto step = [&](bool frozen) {
          Tape tape;
          poison(tape);
          tape.randomize(1, 2);
          const Handle x = tape.input(values, 6, 4),
                       p = frozen ? tape.use_frozen(parameter) : tape.use(parameter);
          check(tape.wants_gradient(x) && tape.wants_gradient(p) != frozen, use.name + ": wants_gradient");
          const Handle y = use.run(tape, x, p);
          tape.backward(weigh(tape, y, random_floats(tape.shape(y).size(), 2)));
          const std::vector<float> ours = copy(tape.gradient(p));
          const bool none = std::all_of(ours.begin(), ours.end(), [](float g) { return g == 0; });
          check(none == frozen, use.name + (frozen ? ": no gradient" : ": the same, trained, has one"));
          check((tape.dense_gradient(*parameter) == nullptr) == frozen,
                use.name + ": nothing for an optimizer");
          std::vector<float> found = copy(tape.value(y));
          for (const float g : tape.gradient(x)) found.push_back(g);
          return found;
        };
        check(same_bits(step(true), step(false)), use.name + ": the rest");
      }
    });

const Add chain_case("what follows from frozen parameters alone is frozen as well", [] {
  const auto parameter = random_parameter(6, 4), gain = random_parameter(1, 4);
  const std::vector<std::int32_t> rows{5, 0, 0, 3, 1, 2}, segments{0, 2, 6}, sequences{0, 2};
  using Step = std::function<Handle(Tape&, Handle)>;
  const auto bias = [](Tape& t, Handle p) { return slice(t, p, 0, 1); };
  const std::vector<std::pair<std::string, Step>> steps{
      {"take", [&](Tape& t, Handle p) { return take(t, p, rows); }},
      {"propagate", [&](Tape& t, Handle p) { return propagate(t, small_graph(), p); }},
      {"hop_mix", [&](Tape& t, Handle p) { return hop_mix(t, p, p, rows, rows); }},
      {"rope", [&](Tape& t, Handle p) { return rope(t, p, rows, {.heads = 1, .width = 4}); }},
      {"rms_norm", [&](Tape& t, Handle p) { return rms_norm(t, p, t.use_frozen(gain), 1e-5f); }},
      {"swiglu", [&](Tape& t, Handle p) { return swiglu(t, p); }},
      {"segment_attention",
       [&](Tape& t, Handle p) { return segment_attention(t, p, segments, sequences, {.heads = 2}); }},
      {"attention",
       [&](Tape& t, Handle p) { return attention(t, matmul(t, p, p, false, true), segments, {}); }},
      {"dropout", [&](Tape& t, Handle p) { return dropout(t, p, 0.3f); }},
      {"multiply and relu", [&](Tape& t, Handle p) { return multiply(t, p, relu(t, p)); }},
      {"bi_interaction", [&](Tape& t, Handle p) { return bi_interaction(t, p, 2); }},
      {"pair_products", [&](Tape& t, Handle p) { return pair_products(t, p, 2); }},
      {"outer_rows", [&](Tape& t, Handle p) { return outer_rows(t, p, p); }},
      {"sum_groups", [&](Tape& t, Handle p) { return sum_groups(t, p, 2); }},
      {"softmax_pool",
       [&](Tape& t, Handle p) { return softmax_pool(t, slice(t, reshape(t, p, 24, 1), 0, 6), p, 2); }},
      {"transpose_blocks", [&](Tape& t, Handle p) { return transpose_blocks(t, p, 2); }},
      {"row_dot", [&](Tape& t, Handle p) { return row_dot(t, p, scale(t, p, 2)); }},
      {"linear",
       [&](Tape& t, Handle p) {
         return linear(t, matmul(t, p, p, false, true), p, bias(t, p), {.activation = Activation::gelu});
       }},
      {"matmul", [&](Tape& t, Handle p) { return matmul(t, p, p, true, false); }},
      {"add and scale", [&](Tape& t, Handle p) { return add(t, p, scale(t, p, 2)); }},
  };
  for (const auto& [name, run] : steps)
    for (const bool frozen : {false, true}) {
      Tape tape;
      tape.randomize(1, 2);
      const Handle y = run(tape, frozen ? tape.use_frozen(parameter) : tape.use(parameter));
      check(tape.wants_gradient(y) != frozen, name);
      tape.backward(l2(tape, y));
      check((tape.dense_gradient(*parameter) == nullptr) == frozen, name + ": gradient of the parameter");
      if (!frozen) continue;
      for (const float g : tape.gradient(y)) check(g == 0, name + ": gradient");
    }
  Tape tape;
  check(tape.wants_gradient(rms_norm(tape, tape.use_frozen(parameter), tape.use(gain), 1e-5f)),
        "a trained gain of a frozen tensor");
});

const Add both_case("a parameter both frozen and trained in a step learns from the second use alone", [] {
  const auto parameter = random_parameter(3, 4);
  Tape tape;
  const Handle trained = tape.use(parameter), frozen = tape.use_frozen(parameter);
  check(trained != frozen, "two leaves");
  check(tape.use_frozen(parameter) == frozen && tape.use(parameter) == trained, "each given again");
  tape.backward(add(tape, scale(tape, l2(tape, frozen), 100), l2(tape, trained)));
  Tape alone;
  const Handle only = alone.use(parameter);
  alone.backward(l2(alone, only));
  check(same_bits(copy(tape.gradient(trained)), copy(alone.gradient(only))), "gradient");
  check(tape.dense_gradient(*parameter) == tape.gradient(trained).data(), "what an optimizer sees");
});

const Add optimizer_case("an optimizer leaves a parameter as it is that was only used frozen", [] {
  const auto parameter = random_parameter(4, 3);
  const std::vector<float> before = copy({parameter->value.data(), 12});
  Adam adam({parameter}, AdamOptions{.weight_decay = 0.5f});
  Tape tape;
  const Handle x = tape.input(random_floats(24, 1), 6, 4);
  tape.backward(l2(tape, matmul(tape, x, tape.use_frozen(parameter), false, false)));
  check(adam.step(tape) == 0, "no gradient, no norm");
  check(same_bits(before, copy({parameter->value.data(), 12})), "value");
});

const Add loss_case("a frozen 1 x 1 tensor may be the loss: nothing follows from it", [] {
  const auto parameter = random_parameter(1, 1);
  Tape tape;
  const Handle loss = tape.use_frozen(parameter);
  tape.backward(loss);
  check(tape.gradient(loss)[0] == 0, "gradient");
});

const Add memory_case("what would end in a frozen leaf is not computed, and takes no memory", [] {
  const std::int64_t wide = 1 << 12;
  const std::vector<std::int32_t> targets{0, 1, 2, 3, 4, 5};
  const std::vector<Use> large{
      {"matmul", {4, wide}, [](Tape& t, Handle x, Handle p) { return matmul(t, x, p, false, false); }},
      {"matmul, left", {wide, 6}, [](Tape& t, Handle x, Handle p) { return matmul(t, p, x, false, false); }},
      {"linear",
       {4, wide},
       [&](Tape& t, Handle x, Handle p) {
         return linear(t, x, p, zeros(t, wide), {.activation = Activation::none});
       }},
      {"softmax_loss",
       {wide, 4},
       [&](Tape& t, Handle x, Handle p) { return softmax_loss(t, x, p, targets); }},
      {"take", {wide, 4}, [&](Tape& t, Handle, Handle p) { return take(t, p, targets); }},
  };
  for (const Use& use : large) {
    const auto parameter = random_parameter(use.parameter.rows, use.parameter.cols);
    const auto bytes = [&](bool frozen) {
      Tape tape;
      const Handle x = tape.input(random_floats(24, 1), 6, 4);
      tape.backward(l2(tape, use.run(tape, x, frozen ? tape.use_frozen(parameter) : tape.use(parameter))));
      return tape.bytes_used();
    };
    const auto gradient = static_cast<std::size_t>(use.parameter.size()) * sizeof(float);
    const std::size_t least =
        use.name == "softmax_loss" ? 2 * gradient : gradient;  // it keeps one of its own
    check(bytes(false) >= bytes(true) + least, use.name);
  }
});

}  // namespace

int main() { return l4r::test::run_all(); }
