// The sequence encoder held against a float64 reference written in the plainest way, at every
// instruction-set level of this machine.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/cpu.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "check.h"
#include "encoder_reference.h"
#include "serving/sequence_encoder.h"

namespace {

using namespace l4r;
using test::Add;
using test::check;

using test::at;
using test::Doubles;
using test::Floats;
using test::Items;
using test::masked;
using test::Model;
using test::Random;
using test::random_model;
using test::reference_state;
using test::shape_of;

// ---- batches ----

struct Batch {
  Items offsets{0}, items;
  void add(const Items& history) {
    items.insert(items.end(), history.begin(), history.end());
    offsets.push_back(static_cast<std::int32_t>(items.size()));
  }
  std::int64_t size() const { return static_cast<std::int64_t>(offsets.size()) - 1; }
  Items history(std::int64_t b) const {
    return {items.begin() + offsets[at(b)], items.begin() + offsets[at(b) + 1]};
  }
  Histories view() const { return {offsets, items}; }
};

Batch random_batch(Random& random, const std::vector<std::int64_t>& lengths, std::int64_t n) {
  Batch batch;
  for (const std::int64_t length : lengths) batch.add(random.items(length, n));
  return batch;
}

Floats encode(const SequenceEncoder& encoder, const Batch& batch) {
  Floats states(at(batch.size() * encoder.dimension()), std::numeric_limits<float>::quiet_NaN());
  encoder.encode(batch.view(), states);
  return states;
}

bool same_bits(const Floats& a, const Floats& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// Leaves the workspace of this thread full of NaN: tokens are infinite, whose norm is no number.
void poison_workspace() {
  static const SequenceEncoder encoder = [] {
    Random random(99);
    Model m = random_model(random, shape_of(128, 256, 2, 2, 80), 3);
    std::fill(m.items.begin(), m.items.end(), std::numeric_limits<float>::max());
    return SequenceEncoder(m.shape, m.weights());
  }();
  ThreadPool& pool = ThreadPool::shared();
  const int before = pool.threads();
  pool.set_threads(1);
  Batch batch;
  batch.add(Items(80, 1));
  for (int b = 0; b < 64; ++b) batch.add({2});
  check(std::isnan(encode(encoder, batch).back()), "the workspace is poisoned");
  pool.set_threads(before);
}

// |error| <= limit * norm of the state, for every history.
void check_states(const Model& m, const Batch& batch, double limit, const std::string& what) {
  std::vector<Doubles> expected;
  for (std::int64_t b = 0; b < batch.size(); ++b)
    expected.push_back(batch.history(b).empty() ? Doubles(at(m.shape.dimension), 0.0)
                                                : reference_state(m, batch.history(b)));
  for (const Level level : available_levels()) {
    const SequenceEncoder encoder(m.shape, m.weights(), encoder_kernels(level));
    poison_workspace();
    const Floats states = encode(encoder, batch);
    for (std::int64_t b = 0; b < batch.size(); ++b) {
      double norm = 0, error = 0;
      for (std::int64_t j = 0; j < m.shape.dimension; ++j) {
        const double right = expected[at(b)][at(j)], got = states[at(b * m.shape.dimension + j)];
        norm += right * right;
        error = std::max(error, std::isfinite(got) ? std::fabs(got - right) : 1e30);
      }
      check(error <= limit * std::sqrt(norm),
            what + " at " + level_name(level) + ": history " + std::to_string(b) + " of " +
                std::to_string(batch.history(b).size()) + " items, error " + std::to_string(error) +
                ", norm " + std::to_string(std::sqrt(norm)));
    }
  }
}

template <typename Body>
void check_refused(const std::string& part, const Body& body) {
  try {
    body();
    check(false, "expected an error that says \"" + part + "\"");
  } catch (const Error& error) {
    check(error.code() == Code::argument && std::string(error.what()).find(part) != std::string::npos,
          "expected \"" + part + "\" in \"" + error.what() + "\"");
  }
}

// ---- cases ----

const Add shapes("the states of the reference for every shape", [] {
  Random random(1);
  const Activation activations[] = {Activation::none, Activation::relu, Activation::gelu};
  const std::int64_t widths[] = {1, 5, 16, 64, 100, 256}, lengths[] = {1, 2, 7, 16, 31, 50, 70};
  for (const auto& [d, heads] : {std::pair{1, 1},
                                 {8, 1},
                                 {8, 2},
                                 {8, 4},
                                 {20, 1},
                                 {20, 2},
                                 {20, 4},
                                 {64, 1},
                                 {64, 2},
                                 {64, 4},
                                 {65, 1},
                                 {65, 5}})
    for (const std::int64_t blocks : {1, 2, 3})
      for (const bool causal : {true, false}) {
        const std::int64_t length = lengths[random.below(7)];
        const EncoderShape shape =
            shape_of(d, widths[random.below(6)], blocks, heads, length, causal, activations[random.below(3)]);
        const Batch batch =
            random_batch(random, {random.below(length + 1), length, 0, 1, random.below(length + 4)}, 30);
        const std::string what = "d " + std::to_string(d) + ", heads " + std::to_string(heads) + ", blocks " +
                                 std::to_string(blocks) + ", hidden " + std::to_string(shape.hidden) +
                                 (causal ? ", causal" : "");
        const Model m = random_model(random, shape, 30);
        check_states(m, batch, 1e-5, what);
        check_states(masked(random, m), batch, 1e-5, what + ", mask token");
      }
});

const Add every_length("every length of a history", [] {
  Random random(2);
  for (const std::int64_t heads : {1, 2})
    for (const bool causal : {true, false}) {
      const Model m = random_model(random, shape_of(16, 24, 2, heads, 70, causal), 40);
      std::vector<std::int64_t> lengths;
      for (std::int64_t length = 0; length <= 71; ++length) lengths.push_back(length);
      const Batch batch = random_batch(random, lengths, 40);
      check_states(m, batch, 1e-5, "heads " + std::to_string(heads));
      check_states(masked(random, m), batch, 1e-5, "mask token, heads " + std::to_string(heads));
    }
});

const Add many_heads("heads as narrow as one number", [] {
  Random random(3);
  for (const std::int64_t heads : {6, 12})
    check_states(random_model(random, shape_of(12, 9, 2, heads, 20), 40),
                 random_batch(random, {20, 3, 11}, 40), 1e-5, std::to_string(heads) + " heads");
});

const Add large_weights("weights so large that attention is all but a choice", [] {
  Random random(4);
  for (const double scale : {3.0, 6.0})
    for (const std::int64_t heads : {1, 4})
      for (const bool causal : {true, false})
        check_states(
            random_model(random, shape_of(64, 64, 2, heads, 50, causal, Activation::gelu), 100, scale),
            random_batch(random, {50, 33, 1, 8}, 100), 1e-5, "scale " + std::to_string(scale));
});

const Add extremes("weights as small and as large as float32 allows without overflow", [] {
  Random random(5);
  for (const double factor : {1e-30, 1e12}) {
    Model m = random_model(random, shape_of(20, 16, 2, 2, 12), 10);
    for (auto* values : {&m.items, &m.positions, &m.blocks[0].up, &m.blocks[1].up_bias})
      for (float& value : *values) value *= static_cast<float>(factor);
    check_states(m, random_batch(random, {12, 5}, 10), 1e-5, "factor " + std::to_string(factor));
  }
});

const Add repeated("one item again and again", [] {
  Random random(6);
  Batch batch;
  for (const std::size_t count : {1, 2, 9, 30}) batch.add(Items(count, 4));
  check_states(random_model(random, shape_of(20, 40, 2, 2, 30), 5), batch, 1e-5, "repeated");
});

const Add longer("a history longer than counts is its last items, an empty one a state of zeros", [] {
  Random random(7);
  const Model m = random_model(random, shape_of(20, 12, 2, 1, 10), 50);
  const SequenceEncoder encoder(m.shape, m.weights());
  const Items history = random.items(200, 50);
  Batch whole, end;
  whole.add(history);
  whole.add({});
  end.add({history.end() - 10, history.end()});
  const Floats states = encode(encoder, whole), expected = encode(encoder, end);
  check(same_bits({states.begin(), states.begin() + 20}, expected), "the last ten");
  check(same_bits({states.begin() + 20, states.end()}, Floats(20, 0.0f)), "zeros");
  check(encode(encoder, Batch{}).empty(), "no history, no state");
});

const Add mask_token("a mask token takes one place of a history and is no item of the catalogue", [] {
  Random random(14);
  const Model m = masked(random, random_model(random, shape_of(20, 12, 2, 2, 10, false), 50));
  const SequenceEncoder encoder(m.shape, m.weights());
  check(encoder.size() == 50, "size");
  const Items history = random.items(30, 50);
  Batch whole, end;
  whole.add({});
  whole.add(history);
  end.add({history.end() - 9, history.end()});
  const Floats states = encode(encoder, whole);
  check(same_bits({states.begin(), states.begin() + 20}, Floats(20, 0.0f)), "zeros");
  check(same_bits({states.begin() + 20, states.end()}, encode(encoder, end)), "the last nine");
  const TopKResult best = encoder.top_k(whole.view(), 50);
  check(best.counts == Items({0, 50}), "nothing after no item, then the whole catalogue");
  check(std::all_of(best.ids.begin(), best.ids.end(), [](std::int32_t id) { return id < 50; }), "items only");
  const Batch outside{{0, 1}, {50}};
  check_refused("histories[0]: expected an item in 0..49, got 50", [&] { encode(encoder, outside); });
  // As an item of its own behind the others, scored by nobody, it is what it is as a mask token.
  Model plain = m;
  plain.items.insert(plain.items.end(), m.mask_token.begin(), m.mask_token.end());
  plain.mask_token.clear();
  const SequenceEncoder longer(plain.shape, plain.weights());
  Items with_token(history.end() - 9, history.end());
  with_token.push_back(50);
  Batch spelt;
  spelt.add(with_token);
  check(same_bits(encode(longer, spelt), encode(encoder, end)), "the bits of an item in its place");
});

const Add batches("a batch has the bits of its histories one by one, at any number of threads", [] {
  Random random(8);
  ThreadPool& pool = ThreadPool::shared();
  const int before = pool.threads();
  for (const auto& [heads, filling] : {std::pair{1, false}, {4, false}, {1, true}, {4, true}}) {
    const Model plain = random_model(random, shape_of(64, 64, 2, heads, 50, !filling), 300);
    const Model m = filling ? masked(random, plain) : plain;
    std::vector<std::int64_t> lengths;
    for (int b = 0; b < 150; ++b)
      lengths.push_back(random.below(4) == 0 ? random.below(3) : random.below(60));
    const Batch batch = random_batch(random, lengths, 300);
    for (const Level level : available_levels()) {
      const SequenceEncoder encoder(m.shape, m.weights(), encoder_kernels(level));
      pool.set_threads(1);
      Floats singles;
      for (std::int64_t b = 0; b < batch.size(); ++b) {
        Batch one;
        one.add(batch.history(b));
        const Floats state = encode(encoder, one);
        singles.insert(singles.end(), state.begin(), state.end());
      }
      for (const int threads : {1, 2, 3}) {
        pool.set_threads(threads);
        check(same_bits(encode(encoder, batch), singles), std::string(level_name(level)) + ", heads " +
                                                              std::to_string(heads) + ", threads " +
                                                              std::to_string(threads));
      }
    }
  }
  pool.set_threads(before);
});

const Add concurrent("several threads ask one encoder at once", [] {
  Random random(9);
  const Model m = random_model(random, shape_of(32, 32, 2, 2, 30), 200);
  const SequenceEncoder encoder(m.shape, m.weights());
  std::vector<std::int64_t> lengths;
  for (int b = 0; b < 60; ++b) lengths.push_back(random.below(40));
  const Batch batch = random_batch(random, lengths, 200);
  const Floats expected = encode(encoder, batch);
  const TopKResult best = encoder.top_k(batch.view(), 5);
  std::vector<int> wrong(4);
  std::vector<std::thread> threads;
  for (int& count : wrong)
    threads.emplace_back([&] {
      for (int round = 0; round < 5; ++round)
        count +=
            !same_bits(encode(encoder, batch), expected) + (encoder.top_k(batch.view(), 5).ids != best.ids);
    });
  for (std::thread& thread : threads) thread.join();
  check(wrong == std::vector<int>(4), "every answer is right");
});

// Lists of the histories one by one, each against the catalogue; empty histories have none.
TopKResult reference_lists(const Model& m, const SequenceEncoder& encoder, const Batch& batch, std::int64_t k,
                           const TopKFilter& filter) {
  const Catalogue catalogue(m.items, {}, m.n, m.shape.dimension);
  TopKResult lists;
  for (std::int64_t b = 0; b < batch.size(); ++b) {
    Batch one;
    one.add(batch.history(b));
    TopKFilter own = filter;
    Items offsets;
    if (!filter.exclude_offsets.empty()) {
      const auto from = filter.exclude_offsets[at(b)], to = filter.exclude_offsets[at(b) + 1];
      offsets = {0, to - from};
      own.exclude_offsets = offsets;
      own.exclude = filter.exclude.subspan(at(from), at(to - from));
    }
    TopKResult list = catalogue.top_k(encode(encoder, one), 1, k, own);
    if (batch.history(b).empty()) list = {Items(at(k), -1), Doubles(at(k), 0.0), {0}};
    lists.ids.insert(lists.ids.end(), list.ids.begin(), list.ids.end());
    lists.scores.insert(lists.scores.end(), list.scores.begin(), list.scores.end());
    lists.counts.push_back(list.counts[0]);
  }
  return lists;
}

const Add shared("over a catalogue of its items it has the same bits, and shares that", [] {
  Random random(17);
  const Model m = random_model(random, shape_of(20, 12, 2, 1, 10), 50);
  const SequenceEncoder own(m.shape, m.weights());
  EncoderWeights weights = m.weights();
  auto catalogue = std::make_shared<const Catalogue>(weights.items, std::span<const float>{}, 50, 20);
  weights.items = {};
  const SequenceEncoder over(catalogue, m.shape, weights);
  check(catalogue.use_count() == 2, "it holds the catalogue");
  catalogue.reset();
  const Batch batch = random_batch(random, {4, 12, 0, 1}, 50);
  check(over.size() == 50 && same_bits(encode(over, batch), encode(own, batch)), "states");
  check(over.top_k(batch.view(), 7).ids == own.top_k(batch.view(), 7).ids, "lists");
  const Floats zeros(50 * 20);
  check_refused("20 dimensions, got 10", [&] {
    SequenceEncoder(std::make_shared<const Catalogue>(zeros, std::span<const float>{}, 100, 10), m.shape,
                    weights);
  });
  check_refused("without biases", [&] {
    SequenceEncoder(std::make_shared<const Catalogue>(zeros, Floats(50), 50, 20), m.shape, weights);
  });
});

const Add lists("top_k is the catalogue's for the encoded states, filters included", [] {
  Random random(10);
  const Model m = random_model(random, shape_of(20, 12, 2, 1, 10), 50);
  const SequenceEncoder encoder(m.shape, m.weights());
  check(encoder.size() == 50 && encoder.dimension() == 20, "sizes");
  for (const std::vector<std::int64_t>& lengths :
       std::vector<std::vector<std::int64_t>>{{4}, {4, 12, 1}, {0, 5, 0, 0, 3, 2, 0}, {0}, {0, 0}, {}})
    for (int kind = 0; kind < 4; ++kind) {
      const Batch batch = random_batch(random, lengths, 50);
      Items offsets{0}, exclude;
      for (std::int64_t b = 0; b < batch.size(); ++b) {
        const Items seen = random.items(b % 2 == 0 ? 49 : random.below(40), 50);
        exclude.insert(exclude.end(), seen.begin(), seen.end());
        offsets.push_back(static_cast<std::int32_t>(exclude.size()));
      }
      std::vector<std::uint8_t> deny(50);
      for (auto& byte : deny) byte = random.below(3) == 0;
      const Items allow = random.items(30, 50);
      TopKFilter filter;
      if (kind & 1) filter.exclude_offsets = offsets, filter.exclude = exclude;
      if (kind & 2) filter.deny = deny, filter.allow = allow, filter.has_allow = true;
      const TopKResult got = encoder.top_k(batch.view(), 7, filter),
                       expected = reference_lists(m, encoder, batch, 7, filter);
      check(got.ids == expected.ids && got.scores == expected.scores && got.counts == expected.counts,
            std::to_string(batch.size()) + " histories, filter " + std::to_string(kind));
    }
});

const Add refused_batches("batches that do not fit are refused by name", [] {
  Random random(11);
  const Model m = random_model(random, shape_of(4, 3, 1, 2, 5), 6);
  const SequenceEncoder encoder(m.shape, m.weights());
  Floats states(8);
  const auto ask = [&](const Items& offsets, const Items& items) {
    encoder.encode({offsets, items},
                   std::span(states).first(4 * (std::max<std::size_t>(offsets.size(), 1) - 1)));
  };
  ask({0, 1, 3}, {5, 0, 3});
  check_refused("histories[2]: expected an item in 0..5, got 6", [&] { ask({0, 1, 3}, {5, 0, 6}); });
  check_refused("histories[0]: expected an item in 0..5, got -1", [&] {
    ask({0, 7}, {-1, 0, 0, 0, 0, 0, 0});
  });
  check_refused("history offsets: expected at least one number", [&] { ask({}, {}); });
  check_refused("history offsets: expected ascending numbers from 0 to 3", [&] { ask({0, 4}, {1, 2, 3}); });
  check_refused("history offsets: expected ascending", [&] { ask({0, 2}, {1, 2, 3}); });
  check_refused("history offsets: expected ascending", [&] { ask({1, 3}, {1, 2, 3}); });
  check_refused("history offsets: expected ascending", [&] { ask({0, 3, 2}, {1, 2}); });
  const Items one{0, 1}, two{0, 0, 1}, item{3}, bad{6};
  check_refused("states: expected room for 1 x 4 numbers, got 8", [&] {
    encoder.encode({one, item}, states);
  });
  check_refused("histories[0]", [&] { encoder.top_k({one, bad}, 1); });
  check_refused("k: expected", [&] { encoder.top_k({one, item}, 0); });
  check_refused("k: expected", [&] { encoder.top_k({two, item}, 0); });
  check_refused("excluded.offsets: expected 3 numbers for 2 queries", [&] {
    encoder.top_k({two, item}, 1, {.exclude_offsets = one, .exclude = item});
  });
  const Items first{0, 1, 1};  // excluded from the empty history alone
  check_refused("excluded.items[0]: expected an item in 0..5, got 6", [&] {
    encoder.top_k({two, item}, 1, {.exclude_offsets = first, .exclude = bad});
  });
});

const Add refused_weights("weights that do not fit are refused by name", [] {
  Random random(12);
  const Model good = masked(random, random_model(random, shape_of(4, 3, 2, 2, 5), 6));
  const auto refused = [&](const std::string& part, const auto& spoil) {
    Model m = good;
    spoil(m);
    check_refused(part, [&] { SequenceEncoder(m.shape, m.weights()); });
  };
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  refused("items: item 1, dimension 2 is not finite", [&](Model& m) { m.items[6] = nan; });
  refused("items: expected", [](Model& m) { m.items.pop_back(); });
  refused("positions: expected 5 x 4 numbers, got 24", [](Model& m) { m.positions.resize(24); });
  refused("norm_gain: row 0, column 3 is not finite", [&](Model& m) { m.norm_gain[3] = inf; });
  refused("norm_bias: expected 1 x 4", [](Model& m) { m.norm_bias.clear(); });
  refused("mask_token: expected 1 x 4 numbers, got 3", [](Model& m) { m.mask_token.pop_back(); });
  refused("mask_token: row 0, column 2 is not finite", [&](Model& m) { m.mask_token[2] = nan; });
  refused("blocks: expected weights of 2 blocks, got 1", [](Model& m) { m.blocks.pop_back(); });
  Floats Model::Block::*const tensors[] = {
      &Model::Block::norm1_gain, &Model::Block::norm1_bias, &Model::Block::qkv,
      &Model::Block::qkv_bias,   &Model::Block::out,        &Model::Block::out_bias,
      &Model::Block::norm2_gain, &Model::Block::norm2_bias, &Model::Block::up,
      &Model::Block::up_bias,    &Model::Block::down,       &Model::Block::down_bias};
  const std::string names[] = {"norm1_gain", "norm1_bias", "qkv", "qkv_bias", "out",  "out_bias",
                               "norm2_gain", "norm2_bias", "up",  "up_bias",  "down", "down_bias"};
  for (std::size_t i = 0; i < std::size(tensors); ++i) {
    refused("blocks[1]." + names[i] + ": expected",
            [&](Model& m) { (m.blocks[1].*tensors[i]).push_back(0); });
    refused("blocks[0]." + names[i] + ": row", [&](Model& m) { (m.blocks[0].*tensors[i]).back() = nan; });
  }
  refused("blocks[0].qkv: row 1, column 2 is not finite", [&](Model& m) { m.blocks[0].qkv[14] = -inf; });
  refused("dimension: expected an integer in 1..", [](Model& m) { m.shape.dimension = 0; });
  refused("hidden: expected an integer in 1..", [](Model& m) { m.shape.hidden = 0; });
  refused("blocks: expected an integer in 1..", [](Model& m) { m.shape.blocks = 0; });
  refused("length: expected an integer in 1..", [](Model& m) { m.shape.length = -1; });
  refused("heads: expected an integer in 1..", [](Model& m) { m.shape.heads = 0; });
  refused("heads: expected a divisor of dimension 4, got 3", [](Model& m) { m.shape.heads = 3; });
  refused("epsilon: expected", [](Model& m) { m.shape.epsilon = 0; });
  refused("input scale: expected", [&](Model& m) { m.shape.input_scale = nan; });
});

// Atomic: pool threads of earlier cases may still allocate.
std::atomic<std::size_t> allocations{0};

const Add steady("encode() allocates nothing once it has seen a batch as large", [] {
  ThreadPool& pool = ThreadPool::shared();
  const int before = pool.threads();
  pool.set_threads(1);
  Random random(13);
  std::size_t counted = 0;
  // On a thread of its own, whose workspace starts empty.
  std::thread([&] {
    for (const std::int64_t heads : {1, 2}) {
      const Model m = masked(random, random_model(random, shape_of(32, 48, 2, heads, 30), 100));
      const SequenceEncoder encoder(m.shape, m.weights());
      std::vector<std::int64_t> lengths;
      for (int b = 0; b < 64; ++b) lengths.push_back(random.below(40));
      const Batch large = random_batch(random, lengths, 100), small = random_batch(random, {17}, 100);
      Floats many(at(64 * 32)), one(32);
      encoder.encode(large.view(), many);
      const std::size_t start = allocations;
      for (int round = 0; round < 5; ++round) {
        encoder.encode(large.view(), many);
        encoder.encode(small.view(), one);
      }
      counted += allocations - start;
      check(start > 0, "allocations are counted");
    }
  }).join();
  check(counted == 0, std::to_string(counted) + " allocations");
  pool.set_threads(before);
});

}  // namespace

// Counts the allocations of this program, those of Buffer included. Not inlined: the compiler would see
// malloc paired with delete and warn.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
extern "C" [[gnu::noinline]] void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  ++allocations;
  void* memory = nullptr;
  return posix_memalign(&memory, alignment, bytes) == 0 ? memory : nullptr;
}

int main() { return l4r::test::run_all(); }
