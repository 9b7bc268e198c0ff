// The kernels of the CUDA backend on the processor: against the CPU's own
// results bit for bit, at ragged shapes, on poisoned memory, with threads and blocks in another order at
// every launch.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/status.h"
#include "check.h"
#include "cuda/device.h"
#include "cuda/host_filter.h"
#include "cuda/loader.h"
#include "cuda/runtime.h"
#include "cuda/table.h"
#include "lookup/embedding_table.h"
#include "serving/brute_force.h"
#include "serving/filter.h"
#include "serving/result.h"

extern "C" const l4r::cuda::Table* llama4rec_cuda_table();

namespace {

using l4r::Philox;
using l4r::test::Add;
using l4r::test::check;
namespace cuda = l4r::cuda;
namespace emulated = l4r::cuda::emulated;

const cuda::Table& table() { return *llama4rec_cuda_table(); }

std::vector<float> random_values(std::int64_t count, std::uint64_t seed, int levels = 0) {
  const Philox philox(seed, 0);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = levels > 0 ? static_cast<float>(philox.below(i, static_cast<std::uint64_t>(levels)))
                           : 4 * Philox::unit(philox.block(i)[0]) - 2;
  return values;
}

std::vector<std::int32_t> random_ids(std::int64_t count, std::int64_t n, std::uint64_t seed) {
  const Philox philox(seed, 1);
  std::vector<std::int32_t> ids(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < ids.size(); ++i)
    ids[i] = static_cast<std::int32_t>(philox.below(i, static_cast<std::uint64_t>(n)));
  return ids;
}

void check_ok(cuda::Status status, const cuda::Reason& reason, const std::string& what) {
  check(status == cuda::kOk, what + ": " + reason.text);
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// Rows in the layout of a storage, made apart from the engine: what bits the device has to widen.
struct Stored {
  std::vector<float> floats, scales;
  std::vector<std::uint16_t> halves;
  std::vector<std::int8_t> codes;
  cuda::Rows rows;

  Stored(const std::vector<float>& values, std::int64_t n, std::int64_t d, cuda::Storage storage) {
    rows = {nullptr, nullptr, n, d, storage};
    if (storage == cuda::kFloat32) {
      floats = values;
      rows.values = floats.data();
    } else if (storage == cuda::kBf16) {
      for (const float x : values)
        halves.push_back(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(x) >> 16));
      rows.values = halves.data();
    } else {
      for (std::size_t i = 0; i < values.size(); ++i)
        codes.push_back(static_cast<std::int8_t>(std::lround(values[i] * 50)));
      for (std::int64_t row = 0; row < n; ++row) scales.push_back(0.01f * static_cast<float>(row % 7 + 1));
      rows.values = codes.data();
      rows.scales = scales.data();
    }
  }

  // Exactly: a float32 times a scale of float32 fits in a double.
  double at(std::int64_t row, std::int64_t c) const {
    const auto i = static_cast<std::size_t>(row * rows.d + c);
    if (rows.storage == cuda::kFloat32) return floats[i];
    if (rows.storage == cuda::kBf16) return std::bit_cast<float>(static_cast<std::uint32_t>(halves[i]) << 16);
    return double{scales[static_cast<std::size_t>(row)]} * codes[i];
  }
};

constexpr cuda::Storage kStorages[] = {cuda::kFloat32, cuda::kBf16, cuda::kInt8};

const Add lookups("rows of every storage, at ragged shapes, against float64", [] {
  for (const auto& [n, d, count] : std::vector<std::array<std::int64_t, 3>>{
           {1, 1, 1}, {7, 3, 5}, {50, 64, 33}, {300, 17, 1000}, {9, 257, 4}, {5, 4, 0}}) {
    for (const cuda::Storage storage : kStorages) {
      const Stored stored(random_values(n * d, 1), n, d, storage);
      const auto ids = random_ids(count, n, 2);
      std::vector<float> into(static_cast<std::size_t>(count * d), 1e30f);
      cuda::Reason reason{};
      check_ok(table().lookup(0, &stored.rows, ids.data(), count, into.data(), &reason), reason, "lookup");
      for (std::int64_t i = 0; i < count; ++i)
        for (std::int64_t c = 0; c < d; ++c) {
          const double expected = stored.at(ids[static_cast<std::size_t>(i)], c);
          check(into[static_cast<std::size_t>(i * d + c)] == static_cast<float>(expected), "a row's number");
        }
    }
  }
});

const Add bags("bags of every storage: float64 within rounding, float32 with the bits of the CPU", [] {
  for (const auto& [n, d, count, bags] : std::vector<std::array<std::int64_t, 4>>{
           {1, 1, 1, 1}, {40, 5, 60, 9}, {200, 64, 500, 31}, {30, 70, 0, 3}}) {
    const auto values = random_values(n * d, 3);
    const auto ids = random_ids(count, n, 4);
    const auto weights = random_values(count, 5);
    auto offsets = random_ids(bags + 1, count + 1, 6);
    std::sort(offsets.begin(), offsets.end());
    offsets.front() = 0;
    offsets.back() = static_cast<std::int32_t>(count);
    for (const cuda::Storage storage : kStorages)
      for (const bool mean : {false, true})
        for (const bool weighted : {false, true}) {
          const Stored stored(values, n, d, storage);
          const cuda::BagList list{offsets.data(), ids.data(), weighted ? weights.data() : nullptr, bags,
                                   mean};
          std::vector<float> into(static_cast<std::size_t>(bags * d), 1e30f);
          cuda::Reason reason{};
          check_ok(table().bag(0, &stored.rows, &list, into.data(), &reason), reason, "bag");
          for (std::int64_t b = 0; b < bags; ++b)
            for (std::int64_t c = 0; c < d; ++c) {
              double sum = 0, size = 0;
              const std::int32_t begin = offsets[static_cast<std::size_t>(b)],
                                 end = offsets[static_cast<std::size_t>(b + 1)];
              for (std::int32_t j = begin; j < end; ++j) {
                const auto at = static_cast<std::size_t>(j);
                const double x = stored.at(ids[at], c) * (weighted ? double{weights[at]} : 1.0);
                sum += x;
                size += std::fabs(x);
              }
              const double share = mean && end > begin ? 1.0 / (end - begin) : 1.0;
              l4r::test::check_near(into[static_cast<std::size_t>(b * d + c)], sum * share,
                                    (end - begin + 4) * 6e-8 * size * share + 1e-30, "a bag's number");
            }
          if (storage != cuda::kFloat32) continue;
          std::vector<float> expected(into.size());
          l4r::EmbeddingRows(values, d).bag(
              {offsets, ids, weighted ? std::span<const float>(weights) : std::span<const float>(), mean},
              expected);
          check(same_bits(into, expected), "the CPU's bits");
        }
  }
});

struct Catalogue {
  void* made = nullptr;
  Catalogue(const std::vector<float>& items, const std::vector<float>& biases, std::int64_t d) {
    cuda::Reason reason{};
    check_ok(table().catalogue_create(0, items.data(), biases.empty() ? nullptr : biases.data(),
                                      std::ssize(items) / d, d, &made, &reason),
             reason, "create");
  }
  Catalogue(const Catalogue&) = delete;
  Catalogue& operator=(const Catalogue&) = delete;
  ~Catalogue() { table().catalogue_release(made); }
};

// The device's lists beside those of the float64 brute force.
void check_top_k(const std::vector<float>& items, const std::vector<float>& biases, std::int64_t d,
                 const std::vector<float>& queries, std::int64_t k, const l4r::TopKFilter& filter,
                 const std::string& what) {
  const std::int64_t n = std::ssize(items) / d, batch = std::ssize(queries) / d;
  auto expected = l4r::new_rows(batch, n, k);
  l4r::brute_force_top_k(items, biases, d, queries, k, filter, expected.rows());
  auto got = l4r::new_rows(batch, n, k);
  std::fill(got.ids.begin(), got.ids.end(), 77);
  std::fill(got.scores.begin(), got.scores.end(), 1e30);
  std::fill(got.counts.begin(), got.counts.end(), 77);
  const l4r::ItemFilter checked(filter, batch, n);
  const auto plain = cuda::host_filter(checked, n, batch);
  const Catalogue catalogue(items, biases, d);
  const cuda::Filter view = plain.view();
  const cuda::Lists lists{got.ids.data(), got.scores.data(), got.counts.data()};
  cuda::Reason reason{};
  check_ok(table().catalogue_top_k(catalogue.made, queries.data(), batch, k, &view, &lists, &reason), reason,
           what);
  check(got.ids == expected.ids, what + ": ids");
  check(got.counts == expected.counts, what + ": counts");
  check(std::memcmp(got.scores.data(), expected.scores.data(), got.scores.size() * sizeof(double)) == 0,
        what + ": bits of the scores");
}

const Add top_k("top-k is the float64 brute force's, bit for bit: sizes, batches, k, with and without biases",
                [] {
                  for (const auto& [n, d, batch, k] :
                       std::vector<std::array<std::int64_t, 4>>{{1, 1, 1, 1},
                                                                {31, 7, 3, 5},
                                                                {1024, 16, 4, 10},
                                                                {1025, 64, 5, 100},
                                                                {5000, 8, 2, 1000},
                                                                {3000, 33, 9, 1}}) {
                    const auto queries = random_values(batch * d, 8);
                    for (const bool biased : {false, true})
                      check_top_k(random_values(n * d, 7),
                                  biased ? random_values(n, 9) : std::vector<float>{}, d, queries, k, {},
                                  std::to_string(n) + " x " + std::to_string(d));
                  }
                });

const Add ties("equal scores go by lower id, over tiles and merges; k beyond the catalogue", [] {
  const auto items = random_values(4000 * 2, 10, 2);  // four different rows
  check_top_k(items, {}, 2, {1, 0, 0, 1, -1, -1}, 300, {}, "few scores");
  check_top_k(std::vector<float>(2500 * 3, 0.5f), {}, 3, {1, 2, 3}, 1000, {}, "one score");
  check_top_k({1e30f, -1e30f, 3e-39f, 0}, {}, 1, {1e8f, -1e-6f}, 4, {}, "huge and denormal");
});

const Add filters("excluded, denied and allowed items, alone and together", [] {
  constexpr std::int64_t n = 2600, batch = 6;
  const auto items = random_values(n * 5, 11);
  const auto queries = random_values(batch * 5, 12);
  std::vector<std::int32_t> offsets{0, 0, 3, 700, 700, 1500, 2000};
  const auto excluded = random_ids(2000, n, 13);
  std::vector<std::uint8_t> denied(n);
  for (std::size_t i = 0; i < denied.size(); ++i) denied[i] = i % 3 == 0;
  const auto allowed = random_ids(1200, n, 14);
  const std::vector<std::int32_t> few{5, 2599, 5, 17};
  l4r::TopKFilter filter;
  filter.exclude_offsets = offsets;
  filter.exclude = excluded;
  check_top_k(items, {}, 5, queries, 20, filter, "excluded");
  filter.deny = denied;
  check_top_k(items, {}, 5, queries, 20, filter, "and denied");
  filter.has_allow = true;
  filter.allow = allowed;
  check_top_k(items, {}, 5, queries, 20, filter, "and allowed");
  filter.allow = few;
  check_top_k(items, {}, 5, queries, 20, filter, "and few allowed");
  filter.allow = {};
  check_top_k(items, {}, 5, queries, 20, filter, "and none allowed");
});

const Add memory("memory ends, and the next call goes on", [] {
  const auto items = random_values(3000 * 4, 15);
  const auto queries = random_values(4, 16);
  for (int n = 0; n < 6; ++n) {
    table().set_budget(0, 1);  // so that nothing is kept
    table().set_budget(0, 0);
    emulated::fail_allocation(n);
    void* made = nullptr;
    cuda::Reason reason{};
    const auto status = table().catalogue_create(0, items.data(), nullptr, 3000, 4, &made, &reason);
    if (status == cuda::kOk) table().catalogue_release(made);
    emulated::fail_allocation(-1);
  }
  check_top_k(items, {}, 4, queries, 10, {}, "after that");
  table().set_budget(0, 20'000);
  void* made = nullptr;
  cuda::Reason reason{};
  check(table().catalogue_create(0, items.data(), nullptr, 3000, 4, &made, &reason) == cuda::kNoMemory,
        "a budget");
  check(std::string(reason.text).find("of a budget of 20000") != std::string::npos, reason.text);
  table().set_budget(0, 0);
  check_top_k(items, {}, 4, queries, 10, {}, "without a budget");
});

const Add reuse("memory that was given back is had again, by one at a time", [] {
  cuda::Device& device = cuda::Device::at(0);
  const std::lock_guard lock(device.mutex);
  const auto pointer = [](const cuda::DeviceArray<float>& array) { return static_cast<void*>(array.data()); };
  void* first = nullptr;
  {
    const cuda::DeviceArray<float> array(device, 5000);
    first = pointer(array);
  }
  const cuda::DeviceArray<float> again(device, 4990), other(device, 5000), third(device, 2500);
  check(pointer(again) == first, "the same memory");
  check(pointer(other) != first && pointer(third) != first && pointer(other) != pointer(third),
        "of one owner");
});

const Add devices("a device that is not there, and one that is lost, are told", [] {
  const Stored stored(random_values(4, 17), 2, 2, cuda::kFloat32);
  const std::vector<std::int32_t> ids{0};
  std::vector<float> into(2);
  cuda::Reason reason{};
  check(table().lookup(1, &stored.rows, ids.data(), 1, into.data(), &reason) == cuda::kNoDevice,
        "no such device");
  check(std::string(reason.text).find("no CUDA device 1") != std::string::npos, reason.text);
});

template <typename Body>
std::string error_of(l4r::Code code, const Body& body) {
  try {
    body();
  } catch (const l4r::Error& error) {
    check(error.code() == code, std::string("code of: ") + error.what());
    return error.what();
  }
  check(false, "expected an error");
  return "";
}

const Add loading("a library is opened by its table, refused with a reason", [] {
  const std::string folder = CUDA_MODULES;
  const auto opened = cuda::open_backend(folder + "/cuda_emulated_module.so");
  check(opened.table != nullptr && opened.devices == 1, opened.reason);
  const auto wrong = cuda::open_backend(folder + "/cuda_wrong_version_module.so");
  check(wrong.table == nullptr && wrong.reason.find("is of another version: expected 1") != std::string::npos,
        wrong.reason);
  const auto absent = cuda::open_backend(folder + "/nothing.so");
  check(absent.table == nullptr && absent.reason.find("no CUDA backend: ") == 0, absent.reason);
  setenv("LLAMA4REC_CUDA_LIBRARY", (folder + "/cuda_emulated_module.so").c_str(), 1);
  check(cuda::device_of("auto") == 0 && cuda::device_of("cuda") == 0 && cuda::device_of("cuda:0") == 0,
        "the first");
  check(cuda::device_of("cpu") == -1, "the processor");
  check(error_of(l4r::Code::device, [] { cuda::device_of("cuda:3"); }).find("cuda:3 is not there: 1") !=
            std::string::npos,
        "a number too high");
  for (const char* word : {"", "gpu", "cuda:", "cuda:-1", "cuda:1x", "cuda:99999999999"})
    error_of(l4r::Code::argument, [&] { cuda::device_of(word); });
});

const Add lost("a fault that sticks marks the device lost", [] {  // last: it stays lost
  const Stored stored(random_values(4, 17), 2, 2, cuda::kFloat32);
  const std::vector<std::int32_t> ids{0};
  std::vector<float> into(2);
  cuda::Reason reason{};
  emulated::lose_device();
  check(table().lookup(0, &stored.rows, ids.data(), 1, into.data(), &reason) == cuda::kLost, "lost");
  check(std::string(reason.text).find("lookup: ") == 0, std::string("names the call: ") + reason.text);
  emulated::revive_device();
  check(table().lookup(0, &stored.rows, ids.data(), 1, into.data(), &reason) == cuda::kLost, "and stays so");
});

}  // namespace

int main() { return l4r::test::run_all(); }
