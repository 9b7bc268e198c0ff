// Embedding lookups and attention without a model, held against float64 loops at every instruction-set level.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "base/rng.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "check.h"
#include "lookup/embedding_table.h"
#include "lookup/probe.h"
#include "serving/attention.h"

namespace {

using l4r::EmbeddingTable;
using l4r::Philox;
using l4r::Storage;
using l4r::test::Add;
using l4r::test::check;

constexpr float kPoison = 1e30f;
constexpr Storage kAll[] = {Storage::float32, Storage::bf16, Storage::int8};
const char* const kNames[] = {"float32", "bf16", "int8"};

std::vector<float> random_values(std::int64_t count, std::uint64_t seed) {
  const Philox philox(seed, 0);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 4 * Philox::unit(philox.block(i)[0]) - 2;
  return values;
}

std::vector<std::int32_t> random_ids(std::int64_t count, std::int64_t n, std::uint64_t seed) {
  const Philox philox(seed, 1);
  std::vector<std::int32_t> ids(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < ids.size(); ++i)
    ids[i] = static_cast<std::int32_t>(philox.below(i, static_cast<std::uint64_t>(n)));
  return ids;
}

// What a storage may lose of x in a row whose largest number is `largest`.
double loss(Storage storage, double x, double largest) {
  if (storage == Storage::bf16) return std::fabs(x) * 0x1p-8 + 1e-40;
  if (storage == Storage::int8) return largest / 254 * (1 + 1e-6) + 1e-40;
  return 0;
}

template <typename Body>
void fails(const Body& body, const std::string& words) {
  try {
    body();
    check(false, "expected an error with \"" + words + "\"");
  } catch (const l4r::Error& error) {
    check(std::string(error.what()).find(words) != std::string::npos,
          std::string("message: ") + error.what());
  }
}

const Add lookups("rows by number are the rows, as far as their storage keeps them", [] {
  for (const auto level : l4r::available_levels())
    for (const auto storage : kAll)
      for (const std::int64_t d : {1, 3, 8, 15, 16, 17, 33, 64, 70, 129}) {
        const std::int64_t n = 37;
        const auto values = random_values(n * d, static_cast<std::uint64_t>(d));
        const EmbeddingTable table(values, d, storage, l4r::lookup_kernels(level));
        const auto ids = random_ids(101, n, static_cast<std::uint64_t>(d));
        std::vector<float> out(ids.size() * static_cast<std::size_t>(d), kPoison);
        table.lookup(ids, out);
        bool ok = true;
        for (std::size_t i = 0; i < ids.size(); ++i) {
          const float* row = values.data() + ids[i] * d;
          double largest = 0;
          for (std::int64_t j = 0; j < d; ++j) largest = std::max(largest, std::fabs(double{row[j]}));
          for (std::int64_t j = 0; j < d; ++j) {
            const double got = out[i * static_cast<std::size_t>(d) + static_cast<std::size_t>(j)];
            ok &= std::fabs(got - row[j]) <= loss(storage, row[j], largest);
          }
        }
        check(ok, std::string(l4r::level_name(level)) + " " + kNames[static_cast<int>(storage)] + " d " +
                      std::to_string(d));
      }
});

const Add bags("bags are sums and means in float64, within the error of float32", [] {
  for (const auto level : l4r::available_levels())
    for (const auto storage : kAll)
      for (const std::int64_t d : {1, 7, 16, 40, 64, 100, 200})
        for (const bool weighted : {false, true})
          for (const bool mean : {false, true}) {
            const std::int64_t n = 23;
            const auto values = random_values(n * d, 7);
            const EmbeddingTable table(values, d, storage, l4r::lookup_kernels(level));
            const auto ids = random_ids(90, n, 8);
            const auto weights = random_values(weighted ? 90 : 0, 9);
            const std::vector<std::int32_t> offsets{0, 0, 1, 33, 33, 89, 90};
            const std::size_t count = offsets.size() - 1;
            std::vector<float> out(count * static_cast<std::size_t>(d), kPoison);
            table.bag({offsets, ids, weights, mean}, out);
            // What the table holds, so that the error is that of the sums alone.
            std::vector<float> kept(ids.size() * static_cast<std::size_t>(d));
            table.lookup(ids, kept);
            bool ok = true;
            for (std::size_t b = 0; b < count; ++b)
              for (std::int64_t c = 0; c < d; ++c) {
                double sum = 0, size = 0;
                for (std::int32_t j = offsets[b]; j < offsets[b + 1]; ++j) {
                  const double term = (weighted ? double{weights[static_cast<std::size_t>(j)]} : 1.0) *
                                      kept[static_cast<std::size_t>(j * d + c)];
                  sum += term;
                  size += std::fabs(term);
                }
                const double entries = offsets[b + 1] - offsets[b];
                const double share = mean && entries > 0 ? 1 / entries : 1;
                const double got = out[b * static_cast<std::size_t>(d) + static_cast<std::size_t>(c)];
                ok &= std::fabs(got - sum * share) <= (entries + 3) * 0x1p-23 * size * share;
              }
            check(ok, std::string(l4r::level_name(level)) + " " + kNames[static_cast<int>(storage)] + " d " +
                          std::to_string(d) + (weighted ? " weighted" : "") + (mean ? " mean" : ""));
          }
});

const Add extremes("storages keep zeros, the smallest and the largest numbers finite", [] {
  const std::vector<float> values{0.0f,
                                  -0.0f,
                                  std::numeric_limits<float>::denorm_min(),
                                  std::numeric_limits<float>::max(),
                                  std::numeric_limits<float>::lowest(),
                                  std::numeric_limits<float>::min()};
  const std::vector<std::int32_t> ids{0, 1, 2};
  for (const auto storage : kAll) {
    const EmbeddingTable table(values, 2, storage);
    std::vector<float> out(6, kPoison);
    table.lookup(ids, out);
    bool ok = out[0] == 0 && out[1] == 0;
    for (std::size_t i = 0; i < 6; ++i)
      ok &= std::isfinite(out[i]) &&
            std::fabs(double{out[i]} - values[i]) <=
                std::fabs(double{values[i & ~std::size_t{1}]}) / 100 + std::fabs(double{values[i | 1]}) / 100;
    check(ok, kNames[static_cast<int>(storage)]);
  }
});

const Add same_bits("a result has the same bits at 1, 2 and 3 threads and in any company", [] {
  const std::int64_t n = 3000, d = 48;
  const auto values = random_values(n * d, 3);
  const auto ids = random_ids(40000, n, 4);
  std::vector<std::int32_t> offsets;
  for (std::int32_t at = 0; at <= 40000; at += 25) offsets.push_back(at);
  const int before = l4r::ThreadPool::shared().threads();
  for (const auto storage : kAll) {
    const EmbeddingTable table(values, d, storage);
    std::vector<std::vector<float>> looked, pooled;
    for (const int threads : {1, 2, 3}) {
      l4r::ThreadPool::shared().set_threads(threads);
      looked.emplace_back(ids.size() * static_cast<std::size_t>(d), kPoison);
      table.lookup(ids, looked.back());
      pooled.emplace_back((offsets.size() - 1) * static_cast<std::size_t>(d), kPoison);
      table.bag({offsets, ids, {}, false}, pooled.back());
    }
    check(looked[0] == looked[1] && looked[0] == looked[2], "rows");
    check(pooled[0] == pooled[1] && pooled[0] == pooled[2], "bags");
    std::vector<float> alone(static_cast<std::size_t>(d), kPoison);
    table.bag({std::vector<std::int32_t>{0, 25}, std::span(ids).subspan(25, 25), {}, false}, alone);
    check(std::equal(alone.begin(), alone.end(), pooled[0].begin() + d), "one bag alone");
  }
  l4r::ThreadPool::shared().set_threads(before);
});

const Add refusals("what does not fit is refused by name", [] {
  std::vector<float> values(6, 1.0f), out(4);
  const EmbeddingTable table(values, 2, Storage::float32);
  const l4r::EmbeddingRows rows(values, 2);
  const std::vector<std::int32_t> ids{0, 3}, negative{-1, 0}, good{0, 1};
  fails([&] { table.lookup(ids, out); }, "ids[1]: expected a row in 0..2, got 3");
  fails([&] { table.lookup(negative, out); }, "ids[0]");
  fails([&] { table.lookup(good, std::span(out).first(3)); }, "into: expected 2 x 2 numbers, got 3");
  fails([&] { rows.lookup(good, std::span(values).first(4)); }, "into: expected memory apart");
  const std::vector<std::int32_t> late{1, 2}, falling{0, 2, 1, 2}, all{0, 2};
  fails([&] { table.bag({late, good, {}, false}, out); }, "offsets");
  fails([&] { table.bag({falling, good, {}, false}, out); }, "offsets");
  fails(
      [&] {
        table.bag({all, good, std::span(values).first(1), false}, std::span(out).first(2));
      },
      "weights");
  fails([&] { EmbeddingTable(values, 4, Storage::bf16); }, "values: expected a multiple of 4");
  values[3] = std::numeric_limits<float>::infinity();
  fails([&] { EmbeddingTable(values, 2, Storage::int8); }, "values: row 1, dimension 1 is not finite");
  fails([&] { l4r::lookup_seconds(2, ids, 2, 0); }, "ids: expected rows in 0..1, got 3");
  check(l4r::lookup_seconds(4, ids, 2, 0) > 0 && l4r::lookup_seconds(4, ids, 1, 1) > 0, "the probe runs");
});

const Add attention("attention over sequences is softmax(scale q k^T) v, head by head", [] {
  const std::vector<std::int32_t> offsets{0, 1, 1, 8, 61, 64};
  const std::int64_t tokens = offsets.back();
  for (const auto level : l4r::available_levels())
    for (const auto& [d, heads] :
         {std::pair<std::int64_t, std::int64_t>{1, 1}, {6, 2}, {64, 1}, {64, 2}, {80, 5}})
      for (const bool causal : {false, true}) {
        const std::int64_t size = tokens * d, width = d / heads;
        // At the very end of their memory: whoever reads beyond it is caught by the sanitizer.
        const auto q = random_values(size, 1), k = random_values(size, 2), v = random_values(size, 3);
        std::vector<float> out(static_cast<std::size_t>(size), kPoison);
        const float scale = static_cast<float>(1 / std::sqrt(static_cast<double>(width)));
        l4r::sequence_attention({q, k, v, offsets, d, heads, scale, causal}, out,
                                l4r::encoder_kernels(level));
        double worst = 0;
        for (std::size_t s = 0; s + 1 < offsets.size(); ++s)
          for (std::int64_t i = offsets[s]; i < offsets[s + 1]; ++i)
            for (std::int64_t h = 0; h < d; h += width) {
              const std::int64_t end = causal ? i + 1 : offsets[s + 1];
              std::vector<double> weight;
              double total = 0;
              for (std::int64_t j = offsets[s]; j < end; ++j) {
                double score = 0;
                for (std::int64_t c = h; c < h + width; ++c)
                  score +=
                      double{q[static_cast<std::size_t>(i * d + c)]} * k[static_cast<std::size_t>(j * d + c)];
                weight.push_back(std::exp(score * scale));
                total += weight.back();
              }
              for (std::int64_t c = h; c < h + width; ++c) {
                double sum = 0;
                for (std::int64_t j = offsets[s]; j < end; ++j)
                  sum += weight[static_cast<std::size_t>(j - offsets[s])] / total *
                         v[static_cast<std::size_t>(j * d + c)];
                worst = std::max(worst, std::fabs(sum - out[static_cast<std::size_t>(i * d + c)]));
              }
            }
        check(worst < 2e-5, std::string(l4r::level_name(level)) + " d " + std::to_string(d) + " heads " +
                                std::to_string(heads) + ": off by " + std::to_string(worst));
      }
});

const Add attention_refusals("attention refuses what does not fit", [] {
  std::vector<float> x(8), out(8);
  const std::vector<std::int32_t> two{0, 2}, late{1, 2}, three{0, 3}, falling{0, 2, 1};
  const auto run = [&](std::span<const std::int32_t> offsets, std::int64_t d, std::int64_t heads,
                       std::span<float> into) {
    return [=, &x] { l4r::sequence_attention({x, x, x, offsets, d, heads, 1.0f, true}, into); };
  };
  fails(run(two, 4, 3, out), "heads: expected a divisor");
  fails(run(late, 4, 1, out), "offsets");
  fails(run(falling, 4, 1, out), "offsets");
  fails(run(three, 4, 1, out), "queries: expected 12 numbers, got 8");
  fails(run(two, 4, 1, std::span(out).first(4)), "into: expected 8");
  fails(run(two, 4, 1, x), "into: expected memory apart");
});

}  // namespace

int main() { return l4r::test::run_all(); }
