// The sequence sampler: what an epoch holds, that negatives are unseen and uniform, and that nothing but seed
// and epoch decides.
#include "sampling/sequence_sampler.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/thread_pool.h"
#include "check.h"

namespace {

using namespace l4r;
using test::Add;
using test::check;

using Numbers = std::vector<std::int32_t>;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

struct Token {
  std::int32_t input, position, target;
  Numbers negatives;
  bool operator==(const Token&) const = default;
};
using Sequence = std::vector<Token>;

constexpr std::int32_t kItems = 60, kLength = 8;

// 30 users; user u has u items in a scattered order.
struct Rows {
  Numbers offsets{0}, items;
  Rows() {
    for (std::int32_t user = 0; user < 30; ++user) {
      for (std::int32_t i = 0; i < user; ++i) items.push_back((user * 7 + i * 37) % kItems);
      offsets.push_back(static_cast<std::int32_t>(items.size()));
    }
  }
};

std::vector<Sequence> rest(SequenceSampler& sampler, std::int64_t batch, std::int32_t negatives) {
  const auto room = at(batch * kLength);
  Numbers offsets(at(batch) + 1), inputs(room), positions(room), targets(room),
      drawn(room * at(negatives), -7);
  std::vector<Sequence> all;
  while (const std::int64_t count = sampler.next({offsets, inputs, positions, targets, drawn}))
    for (std::int64_t s = 0; s < count; ++s) {
      all.emplace_back();
      for (auto t = at(offsets[at(s)]); t < at(offsets[at(s) + 1]); ++t)
        all.back().push_back({inputs[t],
                              positions[t],
                              targets[t],
                              {drawn.begin() + static_cast<std::ptrdiff_t>(t * at(negatives)),
                               drawn.begin() + static_cast<std::ptrdiff_t>((t + 1) * at(negatives))}});
    }
  return all;
}

std::vector<Sequence> epoch(SequenceSampler& sampler, std::int64_t number, std::int64_t batch,
                            std::int32_t negatives) {
  sampler.start_epoch(number, 0);
  return rest(sampler, batch, negatives);
}

const Add windows_case("an epoch holds every step of every history once, cut from the end", [] {
  const Rows rows;
  SequenceSampler sampler(kItems, rows.offsets, rows.items, kLength, 0, 5);
  std::multiset<std::pair<std::int32_t, std::int32_t>> wanted, got;
  std::size_t sequences = 0;
  for (std::int32_t user = 0; user < 30; ++user) {
    for (auto e = at(rows.offsets[at(user)]); e + 1 < at(rows.offsets[at(user) + 1]); ++e)
      wanted.insert({rows.items[e], rows.items[e + 1]});
    sequences += at((std::max(user - 1, 0) + kLength - 1) / kLength);
  }
  const auto all = epoch(sampler, 3, 4, 0);
  check(all.size() == sequences && sampler.examples() == static_cast<std::int64_t>(sequences),
        "number of sequences");
  for (const Sequence& sequence : all) {
    check(!sequence.empty() && sequence.back().position == kLength - 1, "the last token has the last place");
    for (std::size_t t = 0; t < sequence.size(); ++t) {
      got.insert({sequence[t].input, sequence[t].target});
      check(t == 0 || (sequence[t].input == sequence[t - 1].target &&
                       sequence[t].position == sequence[t - 1].position + 1),
            "tokens follow each other");
    }
  }
  check(wanted == got, "each step once");
});

const Add negatives_case("negatives are uniform over the items that the user does not have", [] {
  Numbers items(20), offsets{0, 20};
  for (std::int32_t i = 0; i < 20; ++i) items[at(i)] = 2 * i;  // of 0..39 only the odd ones are absent
  SequenceSampler sampler(40, offsets, items, kLength, 3, 5);
  std::map<std::int32_t, int> counts;
  int total = 0;
  for (std::int64_t number = 0; number < 400; ++number)
    for (const Sequence& sequence : epoch(sampler, number, 2, 3))
      for (const Token& token : sequence)
        for (const std::int32_t negative : token.negatives) ++counts[negative], ++total;
  check(total == 400 * 19 * 3 && counts.size() == 20, "all absent items are drawn");
  for (const auto& [item, count] : counts) {
    check(item % 2 == 1, "an absent item");
    check(count > total / 20 * 0.85 && count < total / 20 * 1.15, "drawn at the rate of the others");
  }
});

const Add repeats_case("a history may repeat an item", [] {
  const Numbers offsets{0, 4}, items{3, 3, 1, 3};
  SequenceSampler sampler(5, offsets, items, kLength, 4, 5);
  for (const Sequence& sequence : epoch(sampler, 0, 1, 4))
    for (const Token& token : sequence)
      for (const std::int32_t negative : token.negatives)
        check(negative == 0 || negative == 2 || negative == 4, "an absent item");
});

const Add decided_case("seed and epoch decide, not batch size, threads, start or earlier epochs", [] {
  const Rows rows;
  SequenceSampler one(kItems, rows.offsets, rows.items, kLength, 2, 5);
  SequenceSampler same(kItems, rows.offsets, rows.items, kLength, 2, 5);
  SequenceSampler other(kItems, rows.offsets, rows.items, kLength, 2, 6);
  const auto first = epoch(one, 1, 64, 2);
  epoch(same, 9, 3, 2);
  for (const int threads : {1, 2, 3}) {
    ThreadPool::shared().set_threads(threads);
    check(epoch(same, 1, 5, 2) == first, "the same bits");
  }
  check(epoch(one, 2, 64, 2) != first, "another epoch");
  check(epoch(other, 1, 64, 2) != first, "another seed");
  same.start_epoch(1, 7);
  const auto tail = rest(same, 3, 2);
  check(std::equal(tail.begin(), tail.end(), first.begin() + 7, first.end()), "from the eighth on");
  same.start_epoch(1, same.examples());
  check(rest(same, 3, 2).empty(), "nothing after the end");
});

const Add left_out_case("users without a step or without an absent item are left out", [] {
  const Numbers offsets{0, 0, 1, 4}, items{2, 0, 1, 2};
  SequenceSampler with(3, offsets, items, kLength, 1, 5), without(3, offsets, items, kLength, 0, 5);
  check(with.examples() == 0, "nobody has a negative");
  check(without.examples() == 1, "one has two steps");
});

template <typename Body>
void expect_argument(const std::string& part, Body&& body) {
  try {
    body();
    check(false, "expected an error about \"" + part + "\"");
  } catch (const Error& error) {
    check(error.code() == Code::argument && std::string(error.what()).find(part) != std::string::npos,
          "expected \"" + part + "\", got \"" + error.what() + "\"");
  }
}

const Add errors_case("malformed rows are refused by name", [] {
  const auto make = [](Numbers offsets, Numbers items, std::int32_t length = 4, std::int32_t negatives = 1) {
    return SequenceSampler(5, std::move(offsets), std::move(items), length, negatives, 1);
  };
  expect_argument("offsets", [&] { make({}, {}); });
  expect_argument("offsets", [&] { make({0, 2}, {1}); });
  expect_argument("offsets[1]", [&] { make({0, -1, 1}, {1}); });
  expect_argument("items[1]", [&] { make({0, 2}, {1, 5}); });
  expect_argument("items[0]", [&] { make({0, 2}, {-1, 3}); });
  expect_argument("length", [&] { make({0, 1}, {1}, 0); });
  expect_argument("negatives", [&] { make({0, 1}, {1}, 1, -1); });
  SequenceSampler sampler = make({0, 3}, {1, 2, 3});
  expect_argument("epoch", [&] { sampler.start_epoch(-1, 0); });
  expect_argument("start", [&] { sampler.start_epoch(0, -1); });
  expect_argument("start", [&] { sampler.start_epoch(0, 2); });
  Numbers offsets(2), small(3), room(4);
  expect_argument("expected room for 1 sequences", [&] {
    (void)sampler.next({offsets, small, room, room, room});
  });
  expect_argument("one sequence", [&] { (void)sampler.next({{}, room, room, room, room}); });
});

const Add overlap_case("arrays that overlap are refused", [] {
  SequenceSampler sampler(5, {0, 3}, {1, 2, 3}, 4, 0, 1);
  sampler.start_epoch(0, 0);
  Numbers all(13);
  const std::span<std::int32_t> room(all);
  const auto next = [&](std::size_t inputs) {
    Numbers targets(4);
    return sampler.next({room.first(2), room.subspan(inputs, 4), room.subspan(6, 4), targets, {}});
  };
  for (const std::size_t inputs : {0, 1, 3, 5, 6, 9}) expect_argument("overlap", [&] { (void)next(inputs); });
  check(next(2) == 1, "side by side is fine");
});

}  // namespace

int main() { return test::run_all(); }
