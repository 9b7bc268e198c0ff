#include "serving/shadow.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/status.h"
#include "base/thread_pool.h"
#include "serving/score_bound.h"

namespace l4r {

namespace {

constexpr int kByte = 127, kNibble = 7;  // the largest codes
// Floats of the catalogue that one task codes.
constexpr std::int64_t kTaskFloats = std::int64_t{1} << 17;
// Places that one task checks: some 20 microseconds.
constexpr std::int64_t kCheckedPlaces = std::int64_t{1} << 14;
// A pair as a number that tells nothing about it: sums of these are equal by chance once in 2^64.
std::uint64_t mixed(std::uint32_t a, std::uint32_t b) {
  std::uint64_t x = ((std::uint64_t{a} << 32) | b) * 0x9E3779B97F4A7C15ull;
  x ^= x >> 32;
  return x * 0xD6E8FEB86659FD93ull;
}

std::int64_t task_items(std::int64_t d) { return std::max<std::int64_t>(1, kTaskFloats / d); }

// In double, its own rounding error included.
double norm(const float* x, std::int64_t d) {
  double sum = 0;
  for (std::int64_t j = 0; j < d; ++j) sum += double{x[j]} * double{x[j]};
  return std::sqrt(sum) * (1 + 0x1p-30);
}

// To nearest, ties to even, for |x| < 2^51.
double nearest_integer(double x) { return (x + 0x1.8p52) - 0x1.8p52; }

struct Coded {
  float scale;
  double residual;  // norm of the rest
  std::int32_t sum;
};

// The codes of d numbers, at most `most` in size: write(j, code).
template <typename Write>
Coded code_vector(const float* x, std::int64_t d, int most, const Write& write) {
  float largest = 0;
  for (std::int64_t j = 0; j < d; ++j) largest = std::max(largest, std::fabs(x[j]));
  const float scale = largest / static_cast<float>(most);
  const double inverse = scale > 0 ? 1.0 / double{scale} : 0.0;
  double rest = 0;
  std::int32_t sum = 0;
  for (std::int64_t j = 0; j < d; ++j) {
    const double wanted = nearest_integer(double{x[j]} * inverse);
    const int code =
        static_cast<int>(std::clamp(wanted, -static_cast<double>(most), static_cast<double>(most)));
    const double left = double{x[j]} - double{scale} * code;
    rest += left * left;
    sum += code;
    write(j, code);
  }

  return {scale, std::sqrt(rest) * (1 + 0x1p-30), sum};
}

}  // namespace

float round_up(double x) {
  if (x > std::numeric_limits<float>::max()) return std::numeric_limits<float>::infinity();
  if (x < -std::numeric_limits<float>::max()) return -std::numeric_limits<float>::max();
  const float nearest = static_cast<float>(x);
  return nearest < x ? std::nextafter(nearest, std::numeric_limits<float>::infinity()) : nearest;
}

float round_down(double x) { return -round_up(-x); }

NormOrder order_by_norm(std::span<const float> items, std::int64_t n, std::int64_t d) {
  NormOrder order{std::vector<double>(static_cast<std::size_t>(n)),
                  std::vector<std::int32_t>(static_cast<std::size_t>(n))};
  auto& norms = order.norms;
  ThreadPool::shared().for_ranges(n, task_items(d), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      norms[static_cast<std::size_t>(i)] = norm(items.data() + i * d, d);
  });
  std::iota(order.items.begin(), order.items.end(), 0);
  std::sort(order.items.begin(), order.items.end(), [&](std::int32_t a, std::int32_t b) {
    const double x = norms[static_cast<std::size_t>(a)], y = norms[static_cast<std::size_t>(b)];
    return x > y || (x == y && a < b);
  });
  return order;
}

namespace {

// One shadow while it is written.
struct Writer {
  std::span<const float> items, biases;
  std::span<const double> norms;
  std::int64_t d;
  int bits;
  std::span<std::uint8_t> codes;
  std::span<float> scales, ordered_biases;
  std::span<PanelBounds> bounds;
  std::span<const std::int32_t> order;

  void panel(std::int64_t panel) const;
};

void Writer::panel(std::int64_t panel) const {
  const std::int64_t panel_bytes = code_blocks(d, bits) * kBlockBytes;
  std::uint8_t* const target = codes.data() + panel * panel_bytes;
  std::fill(target, target + panel_bytes, static_cast<std::uint8_t>(bits == 8 ? 128 : 0x88));
  double residual = 0, length = 0, bias = 0;
  for (std::int64_t lane = 0; lane < kPanelItems; ++lane) {
    const auto place = static_cast<std::size_t>(panel * kPanelItems + lane);
    const auto id = order[place];
    if (id < 0) continue;
    const auto write_byte = [&](std::int64_t j, int code) {
      target[j / kCodeBlock * kBlockBytes + lane * kCodeBlock + j % kCodeBlock] =
          static_cast<std::uint8_t>(128 + code);
    };
    const auto write_nibble = [&](std::int64_t j, int code) {
      const std::int64_t word = j / kCodeBlock;
      auto& byte = target[word / 2 * kBlockBytes + lane * kCodeBlock + j % kCodeBlock];
      byte = static_cast<std::uint8_t>(word % 2 == 0 ? (byte & 0xF0) | (8 + code)
                                                     : (byte & 0x0F) | (8 + code) << 4);
    };
    const float* const x = items.data() + id * d;
    const auto coded =
        bits == 8 ? code_vector(x, d, kByte, write_byte) : code_vector(x, d, kNibble, write_nibble);
    scales[place] = coded.scale;
    residual = std::max(residual, coded.residual);
    length = std::max(length, norms[static_cast<std::size_t>(id)] + coded.residual);
    if (biases.empty()) continue;
    ordered_biases[place] = biases[static_cast<std::size_t>(id)];
    bias = std::max(bias, std::fabs(double{ordered_biases[place]}));
  }
  bounds[static_cast<std::size_t>(panel)] = {round_up(residual), round_up(length), round_up(bias)};
}

}  // namespace

void Shadow::write(const ShadowSlices& slices, std::uint8_t* memory, std::span<const float> items,
                   std::span<const float> biases, const NormOrder& order, std::int64_t d, int bits) {
  const auto ids = slices.items.in(memory), places = slices.places.in(memory);
  std::fill(std::copy(order.items.begin(), order.items.end(), ids.begin()), ids.end(), -1);
  for (std::size_t place = 0; place < order.items.size(); ++place)
    places[static_cast<std::size_t>(order.items[place])] = static_cast<std::int32_t>(place);

  const Writer writer{.items = items,
                      .biases = biases,
                      .norms = order.norms,
                      .d = d,
                      .bits = bits,
                      .codes = slices.codes.in(memory),
                      .scales = slices.scales.in(memory),
                      .ordered_biases = slices.biases.in(memory),
                      .bounds = slices.bounds.in(memory),
                      .order = ids};
  const std::int64_t panels = slices.items.count / kPanelItems;
  ThreadPool::shared().for_ranges(panels, std::max<std::int64_t>(1, task_items(d) / kPanelItems),
                                  [&](std::int64_t begin, std::int64_t end) {
                                    for (std::int64_t panel = begin; panel < end; ++panel)
                                      writer.panel(panel);
                                  });

  float* const largest_bias = slices.largest_bias.in(memory).data();
  PanelBounds* const bounds = writer.bounds.data();
  float bias = -std::numeric_limits<float>::infinity();
  for (std::int64_t panel = panels; panel-- > 0;) {
    for (std::int64_t place = panel * kPanelItems; place < (panel + 1) * kPanelItems; ++place)
      if (writer.order[static_cast<std::size_t>(place)] >= 0)
        bias = std::max(bias, biases.empty() ? 0.0f : writer.ordered_biases[static_cast<std::size_t>(place)]);
    largest_bias[panel] = bias;
    // A longer residual may stand behind a shorter item: what is to come counts.
    if (panel + 1 < panels) bounds[panel].length = std::max(bounds[panel].length, bounds[panel + 1].length);
  }
}

Shadow::Shadow(const ShadowSlices& slices, const std::uint8_t* memory, std::int64_t n, std::int64_t d,
               int bits)
    : bits_(bits),
      n_(n),
      d_(d),
      blocks_(code_blocks(d, bits)),
      panels_(slices.items.count / kPanelItems),
      codes_(slices.codes.in(memory).data()),
      scales_(slices.scales.in(memory).data()),
      biases_(slices.biases.count == 0 ? nullptr : slices.biases.in(memory).data()),
      bounds_(slices.bounds.in(memory).data()),
      largest_bias_(slices.largest_bias.in(memory).data()),
      items_(slices.items.in(memory).data()),
      places_(slices.places.in(memory).data()) {
  for (std::int64_t panel = 0; panel < panels_; ++panel) {
    largest_length_ = std::max(largest_length_, double{bounds_[panel].length});
    largest_bias_size_ = std::max(largest_bias_size_, double{bounds_[panel].bias});
  }
}

void Shadow::check_order() const {
  // That places are the inverse of the order is told by sums over the pairs that either lists: to follow each
  // item to its place would wait for memory a million times.
  std::atomic<bool> placed = true;
  std::atomic<std::uint64_t> pairs = 0;
  const auto limit = static_cast<std::uint32_t>(n_);
  ThreadPool::shared().for_ranges(
      panels_ * kPanelItems, kCheckedPlaces, [&, this](std::int64_t begin, std::int64_t end) {
        const std::int64_t last = std::clamp(n_, begin, end);
        std::uint32_t outside = 0;
        std::uint64_t difference = 0;
        for (std::int64_t i = begin; i < last; ++i) {
          const auto own = static_cast<std::uint32_t>(i), item = static_cast<std::uint32_t>(items_[i]),
                     place = static_cast<std::uint32_t>(places_[i]);
          outside |= static_cast<std::uint32_t>(item >= limit) | static_cast<std::uint32_t>(place >= limit);
          difference += mixed(own, item) - mixed(place, own);
        }
        for (std::int64_t i = last; i < end; ++i) outside |= items_[i] == -1 ? 0u : 1u;
        if (outside != 0) placed = false;
        pairs += difference;
      });
  require(placed && pairs == 0, "its items do not have a place each");
}

void Shadow::check_bounds() const {
  constexpr float kLargest = std::numeric_limits<float>::max();
  bool bounded = true;
  for (std::int64_t panel = 0; panel < panels_; ++panel) {
    const PanelBounds& bounds = bounds_[panel];
    bounded &= (bounds.residual >= 0) & (bounds.residual <= bounds.length) & (bounds.bias >= 0) &
               (bounds.bias <= kLargest);
  }
  require(bounded, "its bounds are none");

  // Floats of 0 or more are ordered like their bits; of all others, infinity and NaN included, these are
  // larger.
  const auto longest =
      std::bit_cast<std::uint32_t>(static_cast<float>(std::min(largest_length_, double{kLargest})));
  const auto largest_bias = std::bit_cast<std::uint32_t>(static_cast<float>(largest_bias_size_));
  ThreadPool::shared().for_ranges(
      panels_ * kPanelItems, kCheckedPlaces, [&, this](std::int64_t begin, std::int64_t end) {
        std::uint32_t beyond = 0;
        for (std::int64_t place = begin; place < end; ++place)
          beyond |= static_cast<std::uint32_t>(std::bit_cast<std::uint32_t>(scales_[place]) > longest);
        require(beyond == 0, "its scales are none");
        if (biases_ == nullptr) return;
        for (std::int64_t place = begin; place < end; ++place)
          beyond |= static_cast<std::uint32_t>((std::bit_cast<std::uint32_t>(biases_[place]) & 0x7FFFFFFFu) >
                                               largest_bias);
        require(beyond == 0, "its biases are out of bounds");
      });
}

CodedQueries Shadow::code(std::span<const float> queries, std::int64_t batch, std::int64_t group) const {
  constexpr float kLeast = std::numeric_limits<float>::min(),
                  kInfinity = std::numeric_limits<float>::infinity();
  CodedQueries coded;
  coded.codes.resize(static_cast<std::size_t>(batch * words()));
  for (std::int64_t b = 0; b < batch; ++b) {
    const float* const query = queries.data() + b * d_;
    const std::int64_t first = b - b % group, width = std::min(group, batch - first);
    std::int32_t* const target = coded.codes.data() + first * words() + b % group;
    const double length = norm(query, d_);
    const auto [scale, residual, sum] = code_vector(query, d_, kByte, [&](std::int64_t j, int code) {
      auto& word = target[j / kCodeBlock * width];
      word = static_cast<std::int32_t>(static_cast<std::uint32_t>(word) |
                                       static_cast<std::uint32_t>(static_cast<std::uint8_t>(code))
                                           << (8 * (j % kCodeBlock)));
    });
    // A score that might leave float32, itself or over the query's scale, has no bound. Such a query is coded
    // as 0 with an infinite error: every item is scored exactly.
    constexpr double kLimit = 0x1p126;
    const double largest = 2 * length * largest_length_ + largest_bias_size_;
    const bool fits = length < kLimit && largest < kLimit &&
                      (scale == 0 || (scale >= kLeast && largest < kLimit * double{scale}));
    if (!fits) {
      for (std::int64_t word = 0; word < words(); ++word) target[word * width] = 0;
      coded.terms.push_back({1, 1, 0, kLeast, kLeast, kLeast, kInfinity});
      coded.norms.push_back(kInfinity);
      continue;
    }
    constexpr double kUp = 1 + kRounding;            // the bound is itself a float32 sum
    const float factor = scale == 0 ? 1.0f : scale;  // the codes are all 0 then: any will do
    coded.terms.push_back({.scale = factor,
                           .inverse = 1.0f / factor,
                           .offset = (bits_ == 8 ? -128 : -8) * sum,
                           .residual = round_up(length * kUp),
                           .length = round_up((residual + kRounding * (length + residual)) * kUp),
                           .bias = round_up(kRounding * kUp),
                           .slack = round_up((kUnderflow + kLastPlace * double{factor}) * kUp)});
    coded.norms.push_back(round_up(length));
  }
  return coded;
}

ScanTile Shadow::tile(std::int64_t begin, std::int64_t end) const noexcept {
  ScanTile tile{};
  tile.bits = bits_;
  tile.codes = codes_ + begin * panel_bytes();
  tile.scales = scales_ + begin * kPanelItems;
  tile.biases = biases_ == nullptr ? nullptr : biases_ + begin * kPanelItems;
  tile.bounds = bounds_ + begin;
  tile.count = end - begin;
  tile.blocks = blocks_;
  tile.first = static_cast<std::int32_t>(begin * kPanelItems);
  return tile;
}

double Shadow::reach(std::int64_t panel, float query_norm) const noexcept {
  // Products of two floats are exact in double; the float64 score of an item exceeds |q| |x| + bias by its
  // own rounding at most.
  const double product = double{query_norm} * double{bounds_[panel].length};
  const double bias = largest_bias_[panel];
  return product + bias + (product + std::fabs(bias)) * 0x1p-30;
}

}  // namespace l4r
