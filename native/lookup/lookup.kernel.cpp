// Rows come in random order: what bounds these loops is how many of them are on their way from memory at
// once, so rows are asked for long before they are used.
#include "base/simd.h"
#include "lookup/lookup_kernels.h"
#include "lookup/stored_row.h"

namespace l4r::L4R_LEVEL {

namespace {

constexpr std::int64_t kLine = 64;            // bytes
constexpr std::int64_t kBytesAhead = 8192;    // of rows that are on their way
constexpr std::int64_t kMostAhead = 32;       // rows
constexpr std::int64_t kLongestFetch = 2048;  // bytes of a row; the processor follows a longer one by itself

template <typename Row>
struct Table {
  using Number = typename Row::Number;
  const Number* values;
  const float* scales;
  std::int64_t d, ahead, fetched;

  explicit Table(const StoredRows& rows)
      : values(static_cast<const Number*>(rows.values)), scales(rows.scales), d(rows.d) {
    const std::int64_t bytes = d * static_cast<std::int64_t>(sizeof(Number));
    ahead = kBytesAhead / bytes < 4 ? 4 : kBytesAhead / bytes > kMostAhead ? kMostAhead : kBytesAhead / bytes;
    fetched = bytes < kLongestFetch ? bytes : kLongestFetch;
  }

  const Number* row(std::int32_t id) const { return values + id * d; }

  void prefetch(std::int32_t id) const {
    const char* at = reinterpret_cast<const char*>(row(id));
    for (std::int64_t b = 0; b < fetched; b += kLine) __builtin_prefetch(at + b);
    __builtin_prefetch(at + fetched - 1);  // a row may lie across one line more
    if constexpr (sizeof(Number) == 1) __builtin_prefetch(scales + id);
  }

  // Bytes have a scale, which joins the weight.
  F32 scale(std::int32_t id) const {
    if constexpr (sizeof(Number) == 1) return F32::broadcast(scales[id]);
    return F32::broadcast(1.0f);
  }
};

template <typename Row>
void gather(const StoredRows& rows, std::int64_t n, const std::int32_t* ids, float* out) {
  const Table<Row> table(rows);
  const std::int64_t d = table.d, whole = d - d % F32::width;
  const int rest = static_cast<int>(d - whole);
  for (std::int64_t i = 0; i < n; ++i, out += d) {
    if (i + table.ahead < n) table.prefetch(ids[i + table.ahead]);
    const auto* from = table.row(ids[i]);
    const F32 scale = table.scale(ids[i]);
    const auto read = [&](auto... place) {
      if constexpr (sizeof(typename Row::Number) == 1) return Row::load(place...) * scale;
      return Row::load(place...);
    };
    for (std::int64_t c = 0; c < whole; c += F32::width) read(from + c).store(out + c);
    if (rest > 0) read(from + whole, rest).store(out + whole, rest);
  }
}

// What an entry of a bag is multiplied by.
template <typename Row, bool Weighted>
F32 factor(const Table<Row>& table, const BagTask& task, std::int32_t j) {
  const F32 scale = table.scale(task.ids[j]);
  if constexpr (Weighted) return scale * F32::broadcast(task.weights[j]);
  return scale;
}

template <typename Row, bool Weighted>
F32 add(F32 total, F32 value, F32 factor) {
  if constexpr (Weighted || sizeof(typename Row::Number) == 1) return fma(factor, value, total);
  return total + value;
}

// Columns [c, c + V vectors) of one bag, held in registers while its rows go by.
template <typename Row, bool Weighted, int V>
void bag_columns(const Table<Row>& table, const BagTask& task, std::int64_t b, std::int64_t c, F32 share,
                 float* out) {
  const std::int32_t begin = task.offsets[b], end = task.offsets[b + 1], last = task.offsets[task.bags];
  F32 sums[V];
  for (int v = 0; v < V; ++v) sums[v] = zero();
  for (std::int32_t j = begin; j < end; ++j) {
    if (c == 0 && j + table.ahead < last) table.prefetch(task.ids[j + table.ahead]);
    const auto* from = table.row(task.ids[j]) + c;
    const F32 by = factor<Row, Weighted>(table, task, j);
    for (int v = 0; v < V; ++v) sums[v] = add<Row, Weighted>(sums[v], Row::load(from + v * F32::width), by);
  }
  for (int v = 0; v < V; ++v) (sums[v] * share).store(out + c + v * F32::width);
}

template <typename Row, bool Weighted>
void bag_rows(const StoredRows& rows, const BagTask& task, float* out) {
  constexpr int kVectors = 8;
  const Table<Row> table(rows);
  const std::int64_t d = table.d;
  for (std::int64_t b = 0; b < task.bags; ++b, out += d) {
    const std::int32_t begin = task.offsets[b], end = task.offsets[b + 1];
    const F32 share = task.mean && end > begin ? F32::broadcast(1.0f / static_cast<float>(end - begin))
                                               : F32::broadcast(1.0f);
    std::int64_t c = 0;
    for (; c + kVectors * F32::width <= d; c += kVectors * F32::width)
      bag_columns<Row, Weighted, kVectors>(table, task, b, c, share, out);
    for (; c + 4 * F32::width <= d; c += 4 * F32::width)
      bag_columns<Row, Weighted, 4>(table, task, b, c, share, out);
    for (; c + F32::width <= d; c += F32::width) bag_columns<Row, Weighted, 1>(table, task, b, c, share, out);
    if (c == d) continue;
    const int rest = static_cast<int>(d - c);
    F32 total = zero();
    for (std::int32_t j = begin; j < end; ++j) {
      if (c == 0 && j + table.ahead < task.offsets[task.bags]) table.prefetch(task.ids[j + table.ahead]);
      total = add<Row, Weighted>(total, Row::load(table.row(task.ids[j]) + c, rest),
                                 factor<Row, Weighted>(table, task, j));
    }
    (total * share).store(out + c, rest);
  }
}

template <typename Row>
void bag(const StoredRows& rows, const BagTask& task, float* out) {
  if (task.weights == nullptr) return bag_rows<Row, false>(rows, task, out);
  bag_rows<Row, true>(rows, task, out);
}

constexpr int kProbeVectors = kProbeColumns / F32::width;
constexpr std::int64_t kProbeAhead = 32;  // rows

void fetch_probe(const float* table, std::int64_t n, const std::int32_t* ids, std::int64_t i) {
  if (i + kProbeAhead >= n) return;
  const float* row = table + std::int64_t{ids[i + kProbeAhead]} * kProbeColumns;
  for (int c = 0; c < kProbeColumns; c += kLine / 4) __builtin_prefetch(row + c);
}

void probe_gather(const float* table, std::int64_t n, const std::int32_t* ids, float* out) {
  for (std::int64_t i = 0; i < n; ++i, out += kProbeColumns) {
    fetch_probe(table, n, ids, i);
    const float* row = table + std::int64_t{ids[i]} * kProbeColumns;
    for (int v = 0; v < kProbeVectors; ++v) F32::load(row + v * F32::width).store(out + v * F32::width);
  }
}

void probe_bag(const float* table, std::int64_t n, const std::int32_t* ids, std::int64_t size, float* out) {
  for (std::int64_t i = 0; i < n; out += kProbeColumns) {
    F32 sums[kProbeVectors];
    for (int v = 0; v < kProbeVectors; ++v) sums[v] = zero();
    for (const std::int64_t end = i + size < n ? i + size : n; i < end; ++i) {
      fetch_probe(table, n, ids, i);
      const float* row = table + std::int64_t{ids[i]} * kProbeColumns;
      for (int v = 0; v < kProbeVectors; ++v) sums[v] = sums[v] + F32::load(row + v * F32::width);
    }
    for (int v = 0; v < kProbeVectors; ++v) sums[v].store(out + v * F32::width);
  }
}

}  // namespace

extern const LookupKernels kLookupKernels;
constinit const LookupKernels kLookupKernels{{gather<FloatRow>, gather<Bf16Row>, gather<ByteRow>},
                                             {bag<FloatRow>, bag<Bf16Row>, bag<ByteRow>},
                                             probe_gather,
                                             probe_bag};

}  // namespace l4r::L4R_LEVEL
