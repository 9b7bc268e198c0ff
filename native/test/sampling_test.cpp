// The pair sampler: what an epoch holds, that negatives are unseen and uniform, and that nothing but seed and
// epoch decides.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/cpu.h"
#include "base/rng.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "check.h"
#include "sampling/absent_items.h"
#include "sampling/draws.h"
#include "sampling/pair_sampler.h"

namespace {

using namespace l4r;
using test::Add;
using test::check;

using Numbers = std::vector<std::int32_t>;
using Triple = std::array<std::int32_t, 3>;

std::vector<Triple> epoch(PairSampler& sampler, std::int64_t number, std::int64_t batch,
                          std::int64_t start = 0) {
  sampler.start_epoch(number, start);
  std::vector<Triple> all;
  const auto size = static_cast<std::size_t>(batch);
  Numbers users(size), positives(size), negatives(size);
  while (const std::int64_t got = sampler.next(batch, users.data(), positives.data(), negatives.data()))
    for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i)
      all.push_back({users[i], positives[i], negatives[i]});
  return all;
}

// 40 users; user u has the items of 0..29 that are multiples of u % 7 + 2: lists of many lengths.
struct Lists {
  Numbers offsets{0}, items;
  Lists() {
    for (std::int32_t user = 0; user < 40; ++user) {
      for (std::int32_t item = 0; item < 30; item += user % 7 + 2) items.push_back(item);
      offsets.push_back(static_cast<std::int32_t>(items.size()));
    }
  }
  bool has(std::int32_t user, std::int32_t item) const {
    const auto u = static_cast<std::size_t>(user);
    return std::binary_search(items.begin() + offsets[u], items.begin() + offsets[u + 1], item);
  }
};

const Add absent_case("each absent item is found by its rank, in lists of any length", [] {
  // Trees of one to three levels, full and ragged ones; items at the beginning, at the end and spread.
  std::vector<std::pair<std::int32_t, std::int32_t>> sizes;
  for (std::int32_t length = 0; length < 45; ++length) sizes.emplace_back(length, 45);
  for (const std::int32_t length : {255, 256, 257, 300, 4095, 4096, 4097, 4500})
    sizes.emplace_back(length, length + 60);
  std::vector<Numbers> lists, expected;
  for (const auto& [length, items] : sizes)
    for (std::int32_t kind = 0; kind < 3; ++kind) {
      Numbers& list = lists.emplace_back();
      for (std::int64_t i = 0; i < length; ++i)
        list.push_back(static_cast<std::int32_t>(kind == 0   ? i
                                                 : kind == 1 ? items - length + i
                                                             : i * items / length));
      Numbers& absent = expected.emplace_back();
      for (std::int32_t item = 0; item < items; ++item)
        if (!std::ranges::binary_search(list, item)) absent.push_back(item);
    }
  AbsentItems absent;
  for (const Numbers& list : lists) absent.add(list);
  for (const Level level : available_levels()) {
    AbsentSearch search(absent, sampling_kernels(level));
    std::vector<Numbers> found;
    for (std::size_t l = 0; l < lists.size(); ++l) {
      const auto list = static_cast<std::int32_t>(l);
      check(absent.length(list) == std::ssize(lists[l]), "length of list " + std::to_string(l));
      Numbers& to = found.emplace_back(expected[l].size(), -1);
      for (std::int32_t rank = 0; rank < std::ssize(to); ++rank) search.add(list, rank, to.data() + rank);
    }
    search.finish();
    for (std::size_t l = 0; l < lists.size(); ++l)
      check(found[l] == expected[l], std::string(level_name(level)) + ": list " + std::to_string(l));
  }
});

const Add draws_case("draws are those of Philox, in any order and at every level", [] {
  const Philox expected(7, 9);
  for (const Level level : available_levels()) {
    Draws draws(7, 9, sampling_kernels(level));
    for (const std::uint64_t counter :
         {0ull, 1ull, 63ull, 64ull, 62ull, 4294967295ull, 4294967296ull, 4294967297ull, 1ull << 60})
      for (const std::uint64_t bound : {1ull, 3706ull, 1ull << 40})
        check(draws.below(counter, bound) == expected.below(counter, bound),
              std::string(level_name(level)) + ": counter " + std::to_string(counter));
  }
});

const Add each_once_case("an epoch holds each interaction once, each with an unseen negative", [] {
  const Lists lists;
  PairSampler sampler(40, 30, lists.offsets, lists.items, {}, 1, 11);
  const auto all = epoch(sampler, 0, 7);
  check(sampler.examples() == static_cast<std::int64_t>(lists.items.size()), "examples()");
  std::set<std::pair<std::int32_t, std::int32_t>> seen;
  for (const auto& [user, positive, negative] : all) {
    check(lists.has(user, positive), "a training interaction");
    check(negative >= 0 && negative < 30 && !lists.has(user, negative), "an unseen negative");
    seen.insert({user, positive});
  }
  check(seen.size() == all.size() && all.size() == lists.items.size(), "each exactly once");
});

const Add uniform_case("negatives are uniform over the unseen items", [] {
  const Lists lists;
  PairSampler sampler(40, 30, lists.offsets, lists.items, {}, 1, 12);
  std::map<std::pair<std::int32_t, std::int32_t>, int> counts;
  std::map<std::int32_t, int> totals;
  for (std::int64_t e = 0; e < 400; ++e)
    for (const auto& [user, positive, negative] : epoch(sampler, e, 1000)) {
      ++counts[{user, negative}];
      ++totals[user];
    }
  double chi2 = 0, freedom = 0;
  for (std::int32_t user = 0; user < 40; ++user) {
    int unseen = 0;
    for (std::int32_t item = 0; item < 30; ++item) unseen += lists.has(user, item) ? 0 : 1;
    const double expected = static_cast<double>(totals[user]) / unseen;
    for (std::int32_t item = 0; item < 30; ++item)
      if (!lists.has(user, item))
        chi2 += (counts[{user, item}] - expected) * (counts[{user, item}] - expected) / expected;
    freedom += unseen - 1;
  }
  // Mean `freedom`, standard deviation sqrt(2 freedom): four of those on either side.
  check(std::fabs(chi2 - freedom) < 4 * std::sqrt(2 * freedom),
        "chi-square " + std::to_string(chi2) + " with " + std::to_string(freedom) + " degrees of freedom");
});

const Add repeat_case("seed and epoch decide, not batch size, threads or the epochs before", [] {
  const Lists lists;
  PairSampler first(40, 30, lists.offsets, lists.items, {}, 1, 13),
      second(40, 30, lists.offsets, lists.items, {}, 1, 13);
  const auto expected = epoch(first, 5, 1);
  ThreadPool& pool = ThreadPool::shared();
  const int before = pool.threads();
  for (const int threads : {1, 2, 3}) {
    pool.set_threads(threads);
    epoch(second, 1, 64);
    check(epoch(second, 5, 4096) == expected, std::to_string(threads) + " threads");
  }
  pool.set_threads(before);
  check(epoch(first, 6, 64) != expected, "another epoch differs");
  PairSampler other(40, 30, lists.offsets, lists.items, {}, 1, 14);
  check(epoch(other, 5, 64) != expected, "another seed differs");
});

const Add start_case("an epoch begun later is the rest of the same epoch", [] {
  const Lists lists;
  PairSampler sampler(40, 30, lists.offsets, lists.items, {}, 1, 13);
  const auto whole = epoch(sampler, 5, 64);
  for (const std::int64_t start : {std::int64_t{0}, std::int64_t{1}, std::int64_t{64}, sampler.examples()}) {
    const std::vector<Triple> rest(whole.begin() + start, whole.end());
    check(epoch(sampler, 5, 64, start) == rest, "from " + std::to_string(start));
  }
  for (const std::int64_t start : {std::int64_t{-1}, sampler.examples() + 1}) try {
      sampler.start_epoch(5, start);
      check(false, "expected an error for start " + std::to_string(start));
    } catch (const Error& error) {
      check(error.code() == Code::argument, error.what());
    }
});

const Add shuffle_case("the order is shuffled evenly", [] {
  // 10 users with one item each: where does user 0 come?
  Numbers offsets{0}, items;
  for (std::int32_t user = 0; user < 10; ++user) {
    items.push_back(0);
    offsets.push_back(user + 1);
  }
  PairSampler sampler(10, 3, offsets, items, {}, 1, 15);
  std::vector<int> places(10);
  for (std::int64_t e = 0; e < 5000; ++e) {
    const auto all = epoch(sampler, e, 100);
    for (std::size_t i = 0; i < 10; ++i)
      if (all[i][0] == 0) ++places[i];
  }
  double chi2 = 0;
  for (const int count : places) chi2 += (count - 500.0) * (count - 500.0) / 500.0;
  check(chi2 < 27.9, "chi-square, 9 degrees of freedom, 0.1 %: " + std::to_string(chi2));
});

const Add extra_case("extra triples come as they are, once an epoch, beside the interactions", [] {
  const Numbers extra{0, 4, 1, 1, 2, 3, 0, 4, 1};
  PairSampler sampler(2, 5, {0, 2, 3}, {0, 3, 1}, extra, 1, 16);
  const auto all = epoch(sampler, 0, 2);
  check(sampler.examples() == 6 && all.size() == 6, "3 interactions and 3 triples");
  check(std::count(all.begin(), all.end(), Triple{0, 4, 1}) == 2, "a repeated triple, twice");
  check(std::count(all.begin(), all.end(), Triple{1, 2, 3}) == 1, "the other");
});

// Negatives of each example of an epoch, by (user, positive).
std::multimap<std::pair<std::int32_t, std::int32_t>, Numbers> epoch_lists(PairSampler& sampler,
                                                                          std::int64_t batch) {
  sampler.start_epoch(1);
  std::multimap<std::pair<std::int32_t, std::int32_t>, Numbers> all;
  const auto size = static_cast<std::size_t>(batch), each = static_cast<std::size_t>(sampler.negatives());
  Numbers users(size), positives(size), negatives(size * each);
  while (const std::int64_t got = sampler.next(batch, users.data(), positives.data(), negatives.data()))
    for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
      const auto first = negatives.begin() + static_cast<std::ptrdiff_t>(i * each);
      all.insert({{users[i], positives[i]}, Numbers(first, first + static_cast<std::ptrdiff_t>(each))});
    }
  return all;
}

const Add many_case(
    "several negatives: unseen ones, uniform, whatever the batch; the first of one is as ever", [] {
      const Lists lists;
      PairSampler sampler(40, 30, lists.offsets, lists.items, {}, 5, 11);
      const auto all = epoch_lists(sampler, 7);
      check(all == epoch_lists(sampler, 64), "batches of another size");
      check(all.size() == lists.items.size(), "each interaction once");
      Numbers counts(30);
      for (const auto& [example, negatives] : all)
        for (const std::int32_t negative : negatives) {
          check(negative >= 0 && negative < 30 && !lists.has(example.first, negative), "unseen");
          ++counts[static_cast<std::size_t>(negative)];
        }
      // Item 29 is nobody's and item 0 everybody's.
      check(counts[0] == 0 && counts[29] > 50, "unseen items of all kinds");
      PairSampler single(40, 30, lists.offsets, lists.items, {}, 1, 11);
      check(epoch_lists(single, 7).begin()->second.size() == 1, "one");
    });

const Add many_extra_case(
    "a triple keeps its negative; those drawn beside it are never the preferred item", [] {
      // User 0 has 0 and 3, user 1 all but item 4.
      const Numbers extra{0, 4, 1, 1, 4, 2, 0, 3, 4};
      PairSampler sampler(2, 5, {0, 2, 6}, {0, 3, 0, 1, 2, 3}, extra, 400, 16);
      const auto all = epoch_lists(sampler, 2);
      const auto list = [&](std::int32_t user, std::int32_t preferred) {
        return all.find({user, preferred})->second;
      };
      const auto kinds = [](const Numbers& drawn) {
        return std::set<std::int32_t>(drawn.begin() + 1, drawn.end());
      };
      check(list(0, 4).front() == 1, "the first is the other");
      check(kinds(list(0, 4)) == std::set<std::int32_t>{1, 2}, "unseen, but not the preferred item");
      check(list(1, 4) == Numbers(400, 2), "nothing to draw: the other again");
      for (auto [at, end] = all.equal_range({0, 3}); at != end; ++at)
        check(kinds(at->second) == std::set<std::int32_t>{1, 2, 4}, "all unseen where the preferred is seen");
    });

const Add none_case("no negatives: every interaction counts, also of a user who has every item", [] {
  PairSampler sampler(3, 3, {0, 3, 3, 5}, {0, 1, 2, 0, 2}, {2, 1, 0}, 0, 17);
  check(sampler.examples() == 6, "5 interactions and a pair");
  const auto all = epoch_lists(sampler, 4);
  check(all.size() == 6 && all.contains({0, 1}) && all.contains({2, 1}), "all of them");
});

const Add full_user_case("a user who has every item is left out", [] {
  PairSampler sampler(3, 3, {0, 3, 3, 5}, {0, 1, 2, 0, 2}, {}, 1, 17);
  const auto all = epoch(sampler, 0, 10);
  check(all.size() == 2 && sampler.examples() == 2, "two examples");
  for (const auto& [user, positive, negative] : all)
    check(user == 2 && negative == 1, "of user 2, whose negative is 1");
});

const Add empty_case("nothing in, nothing out; and nothing before an epoch begins", [] {
  PairSampler empty(0, 0, {0}, {}, {}, 1, 1);
  check(epoch(empty, 0, 4).empty(), "empty");
  PairSampler sampler(1, 2, {0, 1}, {0}, {}, 1, 1);
  Numbers one(1);
  check(sampler.next(1, one.data(), one.data(), one.data()) == 0, "no epoch yet");
});

const Add errors_case("lists that are not as described are refused, naming the place", [] {
  const auto expect = [](const std::string& part, std::int32_t users, std::int32_t items, Numbers offsets,
                         Numbers list, Numbers extra) {
    try {
      const PairSampler sampler(users, items, std::move(offsets), std::move(list), std::move(extra), 1, 1);
      check(false, "expected an error about " + part);
    } catch (const Error& error) {
      check(error.code() == Code::argument && std::string(error.what()).find(part) != std::string::npos,
            "expected \"" + part + "\", got \"" + error.what() + "\"");
    }
  };
  try {
    const PairSampler sampler(1, 2, {0, 1}, {0}, {}, -1, 1);
    check(false, "expected an error about negatives");
  } catch (const Error& error) {
    check(std::string(error.what()).find("negatives") != std::string::npos, error.what());
  }
  expect("counts", -1, 2, {0}, {}, {});
  expect("offsets: expected 3 numbers", 2, 4, {0, 1}, {0}, {});
  expect("begin with 0", 1, 4, {1, 1}, {0}, {});
  expect("end with 2", 1, 4, {0, 1}, {0, 1}, {});
  expect("offsets[2]: expected at least 2", 3, 4, {0, 2, 1, 2}, {0, 1}, {});
  expect("items[1]: expected 0..3, got 4", 1, 4, {0, 2}, {0, 4}, {});
  expect("items[1]: expected more than 2", 1, 4, {0, 2}, {2, 2}, {});
  expect("triples", 1, 4, {0, 1}, {0}, {0, 1});
  expect("extra[3]: expected 0..0, got 1", 1, 4, {0, 1}, {0}, {0, 1, 2, 1, 0, 1});
  expect("extra[2]: expected 0..3, got 4", 1, 4, {0, 1}, {0}, {0, 1, 4});
});

}  // namespace

int main() { return l4r::test::run_all(); }
