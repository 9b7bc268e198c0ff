// The CUDA backend against what the GPU could do at best, as ratios of one run. Every answer is held against
// the engine on the CPU before it is timed; what is wrong ends the program. Times are device time between
// events around a whole call, copies from and to the host included.
// usage: gpu_bench [ITEMS...]   (default: 1000000 10000000)
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/status.h"
#include "cuda/device.h"
#include "device/gpu.h"
#include "gpu_probe.cuh"
#include "lookup/embedding_table.h"
#include "lookup/lookup.cuh"
#include "serving/catalogue.h"
#include "serving/device_catalogue.cuh"

namespace {

using namespace l4r;

constexpr std::int64_t kDimension = 64, kBest = 10;

std::vector<float> numbers(std::int64_t count, std::uint64_t stream) {
  const Philox philox(1, stream);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); i += 4) {
    const auto words = philox.block(i / 4);
    for (std::size_t j = i; j < std::min(i + 4, values.size()); ++j)
      values[j] = 2 * Philox::unit(words[j - i]) - 1;
  }
  return values;
}

template <typename Body>
double median_seconds(cuda::Device& device, const Body& body) {
  cuda::runtime::Timer timer(device.stream());
  std::vector<double> seconds;
  body();
  for (int i = 0; i < 15; ++i) {
    timer.start();
    body();
    seconds.push_back(timer.stop());
  }
  std::nth_element(seconds.begin(), seconds.begin() + 7, seconds.end());
  return seconds[7];
}

[[noreturn]] void wrong(const std::string& what) {
  std::printf("WRONG: %s\n", what.c_str());
  std::exit(1);
}

void bench_top_k(cuda::Device& device, std::int64_t n, double bandwidth, double matrix) {
  const std::vector<float> items = numbers(n * kDimension, 1);
  const Catalogue reference(items, {}, n, kDimension);
  const cuda::ItemsView view{items.data(), nullptr, n, kDimension};
  std::unique_ptr<cuda::DeviceCatalogue> catalogue;
  device.run([&] { catalogue = std::make_unique<cuda::DeviceCatalogue>(device, view); });
  for (const std::int64_t batch : {1, 64, 1024}) {
    const std::vector<float> queries = numbers(batch * kDimension, 2);
    TopKResult found = new_rows(batch, n, kBest);
    const ItemFilter all({}, batch, n);
    const cuda::TopKCall call = top_k_call(queries, kBest, all, found.rows());
    device.run([&] { catalogue->top_k(call); });
    const TopKResult expected = reference.top_k(queries, batch, kBest);
    if (found.ids != expected.ids || found.scores != expected.scores)
      wrong("top-k of " + std::to_string(n) + " items, batch " + std::to_string(batch));
    double seconds = 0;
    device.run([&] { seconds = median_seconds(device, [&] { catalogue->top_k(call); }); });
    // What has to be read at least: codes, a scale an item, three bounds a panel.
    const double bytes = static_cast<double>(n) * (kDimension + 4 + 12.0 / cuda::kPanel);
    const double work = 2.0 * static_cast<double>(n * kDimension) * static_cast<double>(batch);
    std::printf(
        "top-%d of %lld x %d, batch %lld: %.1f us; %.0f %% of the copy bandwidth, %.1f %% of the matrix "
        "rate\n",
        static_cast<int>(kBest), static_cast<long long>(n), static_cast<int>(kDimension),
        static_cast<long long>(batch), 1e6 * seconds, 100 * bytes / seconds / bandwidth,
        100 * work / seconds / matrix);
  }
  device.run([&] { catalogue.reset(); });
}

void bench_bags(cuda::Device& device, double bandwidth) {
  constexpr std::int64_t kRows = 1'000'000, kBags = 16'384, kSize = 50;
  const std::vector<float> values = numbers(kRows * kDimension, 3);
  const EmbeddingTable table(values, kDimension, Storage::float32);
  const Philox philox(1, 4);
  std::vector<std::int32_t> ids, offsets{0};
  for (std::int64_t b = 0; b < kBags; ++b) {
    for (std::int64_t i = 0; i < kSize; ++i)
      ids.push_back(static_cast<std::int32_t>(philox.below(static_cast<std::uint64_t>(ids.size()), kRows)));
    offsets.push_back(static_cast<std::int32_t>(ids.size()));
  }
  std::vector<float> expected(static_cast<std::size_t>(kBags * kDimension)), found(expected.size());
  table.bag({offsets, ids, {}, true}, expected);
  const cuda::RowsView view{values.data(), nullptr, kRows, kDimension, 0};
  std::unique_ptr<cuda::DeviceRows> rows;
  device.run([&] { rows = std::make_unique<cuda::DeviceRows>(device, view); });
  const cuda::BagCall call{offsets.data(), ids.data(), nullptr, kBags, std::ssize(ids), 1, found.data()};
  device.run([&] { rows->bag(call); });
  if (found != expected) wrong("pooled bags");
  double seconds = 0;
  device.run([&] { seconds = median_seconds(device, [&] { rows->bag(call); }); });
  const double bytes = 4.0 * static_cast<double>((std::ssize(ids) + kBags) * kDimension + std::ssize(ids));
  std::printf("bags of %d rows x %d: %.1f us; %.0f %% of the copy bandwidth\n", static_cast<int>(kSize),
              static_cast<int>(kDimension), 1e6 * seconds, 100 * bytes / seconds / bandwidth);
  device.run([&] { rows.reset(); });
}

}  // namespace

int main(int count, char** arguments) {
  try {
    const int devices = cuda::runtime::device_count();
    if (devices == 0) throw Error(Code::device, "no device");
    const cuda::DeviceFacts facts = cuda::runtime::facts(0);
    cuda::Device device(0, 0);
    const double bandwidth = bench::copy_bandwidth(device), matrix = bench::matrix_rate(device);
    std::printf("%s, capability %d.%d, %d multiprocessors, %.0f GB, driver %d, runtime %d\n", facts.name,
                facts.major, facts.minor, facts.processors, 1e-9 * static_cast<double>(facts.memory),
                facts.driver, facts.runtime);
    std::printf("copy %.0f GB/s, bf16 mma.sync %.0f TFLOP/s\n", 1e-9 * bandwidth, 1e-12 * matrix);
    std::vector<std::int64_t> sizes;
    for (int i = 1; i < count; ++i) sizes.push_back(std::atoll(arguments[i]));
    if (sizes.empty()) sizes = {1'000'000, 10'000'000};
    for (const std::int64_t n : sizes) bench_top_k(device, n, bandwidth, matrix);
    bench_bags(device, bandwidth);
  } catch (const Error& error) {
    std::printf("not run: %s\n", error.what());
    return error.code() == Code::device ? 77 : 1;
  }
  return 0;
}
