// Gathered and pooled rows on a device against the same written plainly: equal bits.
#include <bit>
#include <cmath>

#include "base/cpu.h"
#include "check_cuda.h"
#include "lookup/embedding_table.h"

namespace {

using namespace l4r;
using test::backend;
using test::check;
using test::succeed;

// Rows in each storage, and what they stand for.
struct Table {
  std::int64_t n, d;
  int storage;
  std::vector<float> floats, scales;
  std::vector<std::uint16_t> halves;
  std::vector<std::int8_t> codes;

  float value(std::int64_t row, std::int64_t column) const {
    const auto at = static_cast<std::size_t>(row * d + column);
    if (storage == 0) return floats[at];
    if (storage == 1) return std::bit_cast<float>(static_cast<std::uint32_t>(halves[at]) << 16);
    return static_cast<float>(codes[at]);
  }
  float scale(std::int64_t row) const { return storage == 2 ? scales[static_cast<std::size_t>(row)] : 1.0f; }
  cuda::RowsView view() const {
    const void* const values = storage == 0   ? static_cast<const void*>(floats.data())
                               : storage == 1 ? static_cast<const void*>(halves.data())
                                              : static_cast<const void*>(codes.data());
    return {values, storage == 2 ? scales.data() : nullptr, n, d, storage};
  }
};

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : philox_(seed, 7) {}
  std::int64_t below(std::int64_t bound) {
    return static_cast<std::int64_t>(philox_.below(count_++, static_cast<std::uint64_t>(bound)));
  }
  float number() { return 2 * Philox::unit(philox_.block(count_++)[0]) - 1; }

 private:
  Philox philox_;
  std::uint64_t count_ = 0;
};

Table random_table(Draw& draw, std::int64_t n, std::int64_t d, int storage) {
  Table table{n, d, storage, {}, {}, {}, {}};
  for (std::int64_t i = 0; i < n * d; ++i) {
    const float x = draw.number();
    table.floats.push_back(x);
    table.halves.push_back(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(x) >> 16));
    table.codes.push_back(static_cast<std::int8_t>(draw.below(255) - 127));
  }
  for (std::int64_t i = 0; i < n; ++i) table.scales.push_back(std::fabs(draw.number()) / 127);
  return table;
}

struct Resident {
  cuda::DeviceRows* rows = nullptr;
  explicit Resident(const Table& table) {
    const cuda::RowsView view = table.view();
    succeed(
        [&](cuda::Report* report) { return backend().rows_create(test::device(), &view, &rows, report); });
  }
  ~Resident() { backend().rows_destroy(rows); }
};

const test::Add gathers("rows by number, every storage, ragged lengths", [] {
  Draw draw(1);
  for (const int storage : {0, 1, 2})
    for (const std::int64_t d : {1, 3, 4, 8, 31, 64, 100, 1028})
      for (const std::int64_t count : {0, 1, 2, 37, 300}) {
        const Table table = random_table(draw, 23, d, storage);
        const Resident resident(table);
        std::vector<std::int32_t> ids;
        for (std::int64_t i = 0; i < count; ++i) ids.push_back(static_cast<std::int32_t>(draw.below(23)));
        const std::string what = "storage " + std::to_string(storage) + ", d " + std::to_string(d) +
                                 ", ids " + std::to_string(count);
        const auto found = test::repeated(
            [&] {
              std::vector<float> out(static_cast<std::size_t>(count * d), -7.0f);
              succeed([&](cuda::Report* report) {
                return backend().lookup(resident.rows, ids.data(), count, out.data(), report);
              });
              return out;
            },
            what);
        for (std::int64_t i = 0; i < count; ++i)
          for (std::int64_t c = 0; c < d; ++c) {
            const float x = table.value(ids[static_cast<std::size_t>(i)], c);
            const float expected = storage == 2 ? x * table.scale(ids[static_cast<std::size_t>(i)]) : x;
            if (found[static_cast<std::size_t>(i * d + c)] != expected)
              return check(false, what + ": row " + std::to_string(i) + ", column " + std::to_string(c));
          }
      }
});

const test::Add pools("bags in the order of their ids: sum, mean, weighted, empty", [] {
  Draw draw(2);
  for (const int storage : {0, 1, 2})
    for (const std::int64_t d : {1, 5, 8, 64, 260})
      for (int kind = 0; kind < 4; ++kind) {
        const bool mean = kind % 2 == 1, weighted = kind >= 2;
        const Table table = random_table(draw, 41, d, storage);
        const Resident resident(table);
        std::vector<std::int32_t> offsets{0}, ids;
        std::vector<float> weights;
        for (const int size : {0, 1, 4, 5, 0, 33, 2, 7, 100}) {
          for (int i = 0; i < size; ++i) {
            ids.push_back(static_cast<std::int32_t>(draw.below(41)));
            weights.push_back(draw.number());
          }
          offsets.push_back(static_cast<std::int32_t>(ids.size()));
        }
        const std::int64_t bags = std::ssize(offsets) - 1;
        const std::string what = "storage " + std::to_string(storage) + ", d " + std::to_string(d) +
                                 ", kind " + std::to_string(kind);
        const auto found = test::repeated(
            [&] {
              std::vector<float> out(static_cast<std::size_t>(bags * d), -7.0f);
              const cuda::BagCall call{offsets.data(), ids.data(),      weighted ? weights.data() : nullptr,
                                       bags,           std::ssize(ids), mean,
                                       out.data()};
              succeed([&](cuda::Report* report) { return backend().bag(resident.rows, &call, report); });
              return out;
            },
            what);
        for (std::int64_t b = 0; b < bags; ++b)
          for (std::int64_t c = 0; c < d; ++c) {
            const auto begin = offsets[static_cast<std::size_t>(b)],
                       end = offsets[static_cast<std::size_t>(b + 1)];
            float sum = 0;
            double exact = 0, size = 0;
            for (auto j = static_cast<std::size_t>(begin); j < static_cast<std::size_t>(end); ++j) {
              const float by = table.scale(ids[j]) * (weighted ? weights[j] : 1.0f),
                          x = table.value(ids[j], c);
              sum = weighted || storage == 2 ? std::fma(by, x, sum) : sum + x;
              exact += double{by} * double{x};
              size += std::fabs(double{by} * double{x});
            }
            const float share = mean && end > begin ? 1.0f / static_cast<float>(end - begin) : 1.0f;
            const float got = found[static_cast<std::size_t>(b * d + c)];
            if (got != sum * share || std::fabs(got - exact * share) > 1e-5 * size * share)
              return check(false, what + ": bag " + std::to_string(b) + ", column " + std::to_string(c));
          }
      }
});

const test::Add engine("the same bits as the engine's own table on the CPU", [] {
  if (active_level() == Level::scalar) return;  // it rounds multiply-adds twice
  Draw draw(3);
  for (const int storage : {0, 1, 2}) {
    std::vector<float> values;
    for (int i = 0; i < 50 * 36; ++i) values.push_back(draw.number());
    const EmbeddingTable table(values, 36, static_cast<Storage>(storage));
    const cuda::RowsView view{table.rows().values, table.rows().scales, 50, 36, storage};
    cuda::DeviceRows* rows = nullptr;
    succeed(
        [&](cuda::Report* report) { return backend().rows_create(test::device(), &view, &rows, report); });
    const std::vector<std::int32_t> ids{3, 3, 49, 0, 17, 8, 8, 21}, offsets{0, 5, 5, 8};
    const std::vector<float> weights{1, -2, 0.3f, 4, 0.7f, 0, 1.5f, 9};
    std::vector<float> expected(3 * 36), found(3 * 36);
    table.bag({offsets, ids, weights, true}, expected);
    const cuda::BagCall call{offsets.data(), ids.data(), weights.data(), 3, 8, 1, found.data()};
    succeed([&](cuda::Report* report) { return backend().bag(rows, &call, report); });
    check(found == expected, "bags, storage " + std::to_string(storage));
    backend().rows_destroy(rows);
  }
});

}  // namespace

int main() { return l4r::test::run_on_device(); }
