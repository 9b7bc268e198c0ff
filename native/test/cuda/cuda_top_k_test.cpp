// The exact top-k on a device against a float64 brute force: the same ids, scores and counts.
#include <cmath>

#include "check_cuda.h"
#include "device/gpu.h"
#include "top_k_reference.h"

namespace {

using namespace l4r;
using test::backend;
using test::check;
using test::OwnedFilter;
using test::Problem;
using test::Random;
using test::random_filter;
using test::random_problem;
using test::succeed;

struct Answer {
  std::vector<std::int32_t> ids, counts;
  std::vector<double> scores;
  bool operator==(const Answer&) const = default;
};

struct Resident {
  cuda::DeviceCatalogue* catalogue = nullptr;
  explicit Resident(const Problem& p) {
    const cuda::ItemsView view{p.items.data(), p.biases.empty() ? nullptr : p.biases.data(), p.n, p.d};
    succeed([&](cuda::Report* report) {
      return backend().catalogue_create(test::device(), &view, &catalogue, report);
    });
  }
  ~Resident() { backend().catalogue_destroy(catalogue); }
};

Answer device_top_k(const Resident& resident, const Problem& p, std::int64_t k, const ItemFilter& items) {
  Answer answer{std::vector<std::int32_t>(static_cast<std::size_t>(p.batch * k), -1),
                std::vector<std::int32_t>(static_cast<std::size_t>(p.batch), 0),
                std::vector<double>(static_cast<std::size_t>(p.batch * k), 0.0)};
  const cuda::TopKCall call = top_k_call(p.queries, k, items, {answer.ids, answer.scores, answer.counts});
  succeed([&](cuda::Report* report) { return backend().catalogue_top_k(resident.catalogue, &call, report); });
  return answer;
}

void check_device(const Resident& resident, const Problem& p, std::int64_t k, const TopKFilter& filter,
                  const std::string& what) {
  const TopKResult expected = test::brute_top_k(test::brute_scores(p), p.batch, p.n, k, filter);
  const std::string name = what + ": " + test::shape(p, k);
  const ItemFilter items(filter, p.batch, p.n);
  const Answer found = test::repeated([&] { return device_top_k(resident, p, k, items); }, name);
  check(found.ids == expected.ids, name + ": ids");
  check(found.scores == expected.scores, name + ": scores");
  check(found.counts == expected.counts, name + ": counts");
}

void check_device(const Problem& p, std::int64_t k, const TopKFilter& filter, const std::string& what) {
  check_device(Resident(p), p, k, filter, what);
}

const test::Add shapes("few items, every shape", [] {
  Random random(1);
  for (const std::int64_t n : {0, 1, 2, 31, 32, 33, 500})
    for (const std::int64_t d : {1, 3, 4, 15, 16, 33, 64})
      for (const std::int64_t batch : {0, 1, 3}) {
        const std::int64_t ks[]{1, 10, std::max<std::int64_t>(n, 1), n + 5};
        check_device(random_problem(random, n, d, batch, random.below(2) == 0), ks[random.below(4)], {},
                     "few");
      }
});

const test::Add scanned("so many that they are scanned", [] {
  Random random(2);
  for (const std::int64_t d : {1, 7, 33, 64})
    for (const std::int64_t batch : {1, 2, 5, 9}) {
      const std::int64_t n = 4097 + random.below(1000);
      check_device(random_problem(random, n, d, batch, batch % 2 == 0), 1 + random.below(20), {}, "scanned");
    }
});

const test::Add tiled("so many queries that tensor cores scan", [] {
  Random random(7);
  for (const std::int64_t d : {5, 33, 64})
    for (const std::int64_t batch : {16, 70}) {
      const Problem p = random_problem(random, 4100 + random.below(40), d, batch, d != 64);
      const OwnedFilter filter = random_filter(random, p.n, batch, d == 33 ? 3 : 0);
      check_device(p, 10, filter.view(), "tiled");
    }
});

const test::Add filters("excluded, denied and not allowed items never come back", [] {
  Random random(3);
  for (const std::int64_t n : {40, 4500}) {
    const Problem p = random_problem(random, n, 8, 3, n > 40);
    const Resident resident(p);
    for (int kinds = 0; kinds < 16; ++kinds) {
      const OwnedFilter filter = random_filter(random, n, 3, kinds);
      check_device(resident, p, 10, filter.view(), "filter " + std::to_string(kinds));
    }
  }
});

const test::Add ties("equal scores come by lower id, also when there is no room for all of them", [] {
  Random random(4);
  for (const std::int64_t distinct : {1, 3}) {
    Problem p = random_problem(random, 4500, 9, 2, false);
    for (std::int64_t i = 0; i < p.n; ++i)
      for (std::int64_t j = 0; j < p.d; ++j)
        p.items[static_cast<std::size_t>(i * p.d + j)] =
            p.items[static_cast<std::size_t>(i % distinct * p.d + j)];
    check_device(p, 10, {}, "ties");
    std::fill(p.queries.begin(), p.queries.end(), 0.0f);
    check_device(p, 7, {}, "zero queries");
  }
});

const test::Add long_lists("lists longer than a block sorts, and longer than the catalogue", [] {
  Random random(5);
  const Problem p = random_problem(random, 5000, 5, 2, true);
  const Resident resident(p);
  for (const std::int64_t k : {70, 2048, 2049, 6000}) check_device(resident, p, k, {}, "long");
});

// What codes leave, all of it in the query's direction, hides the best item: only its error bound keeps it.
const test::Add bounds("the best item is found where codes make it the worst", [] {
  constexpr std::int64_t n = 4200, d = 16, best = 777;
  std::vector<float> uneven(d, 0.9849f);  // 98.49 times the scale that the first number sets
  uneven[0] = 1.27f;
  for (const std::int64_t batch : {1, 16}) {
    // Of the item: all numbers of another one are alike, which codes hold exactly.
    Problem p{n, d, batch, {}, {}, std::vector<float>(static_cast<std::size_t>(batch * d), 1.0f)};
    for (std::int64_t i = 0; i < n * d; ++i) p.items.push_back(1.0f - 1e-4f * static_cast<float>(i / d));
    std::copy(uneven.begin(), uneven.end(), p.items.begin() + best * d);
    check_device(p, 1, {}, "item");
    // Of the query: it has none where the other items are.
    for (std::int64_t i = 0; i < n * d; ++i)
      p.items[static_cast<std::size_t>(i)] = i % d == 0 ? 11.6f - 1e-3f * static_cast<float>(i / d) : 0.0f;
    std::fill_n(p.items.begin() + best * d, d, 1.0f);
    p.items[static_cast<std::size_t>(best * d)] = 0.0f;
    for (std::int64_t b = 0; b < batch; ++b)
      std::copy(uneven.begin(), uneven.end(), p.queries.begin() + b * d);
    check_device(p, 1, {}, "query");
  }
});

const test::Add hard("scores that float32 cannot tell apart, or cannot hold", [] {
  Random random(6);
  for (const std::int64_t batch : {2, 16}) {
    Problem close = random_problem(random, 4200, 17, batch, true);
    for (std::int64_t i = 1; i < close.n; ++i)
      for (std::int64_t j = 0; j < close.d; ++j) {
        float& x = close.items[static_cast<std::size_t>(i * close.d + j)];
        x = close.items[static_cast<std::size_t>(j)];
        if (random.below(3) == 0) x = std::nextafter(x, 2.0f);
      }
    for (float& bias : close.biases) bias = 0.25f;
    check_device(close, 10, {}, "one unit apart");
  }
  for (const int exponent : {-140, -72, 60, 127}) {
    Problem p = random_problem(random, 5000, 3, 2, true);
    for (auto* values : {&p.items, &p.queries, &p.biases})
      for (float& x : *values) x = std::ldexp(x, exponent);
    check_device(p, 10, {}, "magnitude " + std::to_string(exponent));
  }
  Problem cancelling = random_problem(random, 5000, 5, 2, false);
  for (std::int64_t i = 0; i < cancelling.n; ++i) {
    cancelling.items[static_cast<std::size_t>(i * 5)] = 1e8f;
    cancelling.items[static_cast<std::size_t>(i * 5 + 3)] = -1e8f;
  }
  for (std::int64_t b = 0; b < 2; ++b)
    cancelling.queries[static_cast<std::size_t>(b * 5)] =
        cancelling.queries[static_cast<std::size_t>(b * 5 + 3)] = 3;
  check_device(cancelling, 10, {}, "cancellation");
});

}  // namespace

int main() { return l4r::test::run_on_device(); }
