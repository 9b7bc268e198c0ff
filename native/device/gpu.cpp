#include "device/gpu.h"

#include <cstdlib>

#include "base/finite.h"
#include "base/overlap.h"
#include "base/status.h"
#include "device/loader.h"
#include "serving/result.h"

namespace l4r {

namespace {

Code code_of(cuda::Outcome outcome) {
  switch (outcome) {
    case cuda::Outcome::argument:
      return Code::argument;
    case cuda::Outcome::no_memory:
      return Code::no_memory;
    case cuda::Outcome::device:
      return Code::device;
    default:
      return Code::internal;
  }
}

// body(table, report); throws what it refuses.
template <typename Body>
void ask(const Body& body) {
  const auto& [table, reason] = loaded_backend();
  if (table == nullptr) throw Error(Code::device, "device: cuda is not there, " + reason);
  cuda::Report report{};
  const cuda::Outcome outcome = body(*table, &report);
  if (outcome == cuda::Outcome::ok) return;
  const std::string prefix = outcome == cuda::Outcome::device ? "device: cuda: " : "cuda: ";
  throw Error(code_of(outcome), prefix + report.text);
}

// Why a driver that answers shows no device.
std::string no_device() {
  const char* const visible = std::getenv("CUDA_VISIBLE_DEVICES");
  if (visible == nullptr) return "the driver finds no device";
  return std::string("no device is visible, CUDA_VISIBLE_DEVICES is \"") + visible + "\"";
}

}  // namespace

GpuReport gpu_report() {
  GpuReport report{false, "", {}};
  try {
    ask([&](const cuda::Backend& table, cuda::Report* why) {
      std::int32_t count = 0;
      cuda::Outcome outcome = table.device_count(&count, why);
      for (std::int32_t i = 0; i < count && outcome == cuda::Outcome::ok; ++i) {
        cuda::DeviceFacts facts{};
        outcome = table.facts(i, &facts, why);
        if (outcome == cuda::Outcome::ok) report.devices.push_back(facts);
      }
      return outcome;
    });
    report.available = !report.devices.empty();
    if (!report.available) report.reason = no_device();
  } catch (const Error& error) {
    const std::string said = error.what(), prefix = "device: cuda is not there, ";
    report.reason = said.starts_with(prefix) ? said.substr(prefix.size()) : said;
  }
  return report;
}

cuda::Device* gpu(int index) {
  static std::mutex mutex;
  static std::map<int, cuda::Device*> opened;
  const std::lock_guard turn(mutex);
  if (const auto found = opened.find(index); found != opened.end()) return found->second;
  cuda::Device* device = nullptr;
  ask([&](const cuda::Backend& table, cuda::Report* why) {
    std::int32_t count = 0;
    if (const cuda::Outcome outcome = table.device_count(&count, why); outcome != cuda::Outcome::ok)
      return outcome;
    if (count == 0) throw Error(Code::device, "device: cuda is not there, " + no_device());
    return table.open(index, 0, &device, why);
  });
  opened.emplace(index, device);
  return device;
}

void GpuRows::Destroy::operator()(cuda::DeviceRows* rows) const noexcept {
  loaded_backend().table->rows_destroy(rows);
}

GpuRows::GpuRows(int device, const EmbeddingRows& rows) {
  cuda::Device* const on = gpu(device);
  const cuda::RowsView view{rows.rows().values, rows.rows().scales, rows.size(), rows.dimension(),
                            static_cast<std::int32_t>(rows.storage())};
  ask([&](const cuda::Backend& table, cuda::Report* why) {
    cuda::DeviceRows* made = nullptr;
    const cuda::Outcome outcome = table.rows_create(on, &view, &made, why);
    rows_.reset(made);
    return outcome;
  });
}

void GpuRows::lookup(const EmbeddingRows& rows, std::span<const std::int32_t> ids,
                     std::span<float> out) const {
  rows.check_lookup(ids, out);
  ask([&](const cuda::Backend& table, cuda::Report* why) {
    return table.lookup(rows_.get(), ids.data(), std::ssize(ids), out.data(), why);
  });
}

void GpuRows::bag(const EmbeddingRows& rows, const Bags& bags, std::span<float> out) const {
  rows.check_bags(bags, out);
  const cuda::BagCall call{bags.offsets.data(),
                           bags.ids.data(),
                           bags.weights.empty() ? nullptr : bags.weights.data(),
                           std::ssize(bags.offsets) - 1,
                           std::ssize(bags.ids),
                           bags.mean ? 1 : 0,
                           out.data()};
  ask([&](const cuda::Backend& table, cuda::Report* why) { return table.bag(rows_.get(), &call, why); });
}

const GpuRows& SharedTable::on(int device) const {
  const std::lock_guard turn(mutex_);
  if (const auto found = copies_.find(device); found != copies_.end()) return found->second;
  return copies_.emplace(device, GpuRows(device, *this)).first->second;
}

void GpuCatalogue::Destroy::operator()(cuda::DeviceCatalogue* catalogue) const noexcept {
  loaded_backend().table->catalogue_destroy(catalogue);
}

GpuCatalogue::GpuCatalogue(int device, std::span<const float> items, std::span<const float> biases,
                           std::int64_t d)
    : n_(std::ssize(items) / std::max<std::int64_t>(d, 1)), d_(d) {
  require(d >= 1, "dimension: expected an integer of at least 1, got ", d);
  require(n_ * d == std::ssize(items), "items: expected a multiple of ", d, " numbers, got ", items.size());
  require(biases.empty() || std::ssize(biases) == n_, "biases: expected ", n_, " numbers, got ",
          biases.size());
  check_sizes(0, n_, 1);
  check_finite(items, d, "items", "item");
  check_finite(biases, 1, "biases", "item");
  cuda::Device* const on = gpu(device);
  const cuda::ItemsView view{items.data(), biases.empty() ? nullptr : biases.data(), n_, d};
  ask([&](const cuda::Backend& table, cuda::Report* why) {
    cuda::DeviceCatalogue* made = nullptr;
    const cuda::Outcome outcome = table.catalogue_create(on, &view, &made, why);
    catalogue_.reset(made);
    return outcome;
  });
}

void GpuCatalogue::top_k(std::span<const float> queries, std::int64_t k, const TopKFilter& filter,
                         const TopKRows& out) const {
  const std::int64_t batch = std::ssize(queries) / d_;
  require(batch * d_ == std::ssize(queries), "queries: expected a multiple of ", d_, " numbers, got ",
          queries.size());
  check_rows(out, batch, n_, k);
  check_apart(out, filter, queries);
  check_finite(queries, d_, "queries", "query");
  const ItemFilter items(filter, batch, n_);
  clear_rows(out);
  const cuda::TopKCall call = top_k_call(queries, k, items, out);
  ask([&](const cuda::Backend& table, cuda::Report* why) {
    return table.catalogue_top_k(catalogue_.get(), &call, why);
  });
}

cuda::TopKCall top_k_call(std::span<const float> queries, std::int64_t k, const ItemFilter& filter,
                          const TopKRows& out) {
  const bool seen = !filter.seen_offsets().empty(), few = filter.sparse();
  return {.queries = queries.data(),
          .batch = std::ssize(out.counts),
          .k = k,
          .blocked = filter.blocked().empty() ? nullptr : filter.blocked().data(),
          .seen_offsets = seen ? filter.seen_offsets().data() : nullptr,
          .seen = seen ? filter.seen_items().data() : nullptr,
          .allowed = filter.allowed().data(),
          .allowed_count = std::ssize(filter.allowed()),
          .few_allowed = few ? 1 : 0,
          .ids = out.ids.data(),
          .scores = out.scores.data(),
          .counts = out.counts.data()};
}

}  // namespace l4r
