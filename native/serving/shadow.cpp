#include "serving/shadow.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/thread_pool.h"

namespace l4r {

namespace {

constexpr int kByte = 127, kNibble = 7;  // the largest codes
// Floats of the catalogue that one task codes.
constexpr std::int64_t kTaskFloats = std::int64_t{1} << 17;
// Relative error of a float32 score and of its bound against (|q| + |e|) (|x| + |r|) + |bias|: six roundings
// of 2^-24 (the integer, the scale, the fused multiply-add, which is two at level scalar, the bound's sum),
// with room to spare.
constexpr double kRounding = 0x1p-20;
// Scales whose product underflows are wrong by up to 2^-150, against integers below 2^31.
constexpr double kUnderflow = 0x1p-118;

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

Shadow::Shadow(std::span<const float> items, std::span<const float> biases, const NormOrder& order,
               std::int64_t d, int bits)
    : bits_(bits),
      d_(d),
      blocks_((d + kCodeBlock * 8 / bits - 1) / (kCodeBlock * 8 / bits)),
      panels_((static_cast<std::int64_t>(order.items.size()) + kPanelItems - 1) / kPanelItems),
      codes_(panels_ * panel_bytes()),
      scales_(panels_ * kPanelItems),
      biases_(biases.empty() ? 0 : panels_ * kPanelItems),
      bounds_(panels_),
      largest_bias_(panels_),
      items_(panels_ * kPanelItems),
      places_(static_cast<std::int64_t>(order.items.size())) {
  const std::int64_t n = places_.size();
  std::fill(std::copy(order.items.begin(), order.items.end(), items_.data()), items_.data() + items_.size(),
            -1);
  for (std::int64_t place = 0; place < n; ++place) places_[items_[place]] = static_cast<std::int32_t>(place);
  ThreadPool::shared().for_ranges(panels_, std::max<std::int64_t>(1, task_items(d) / kPanelItems),
                                  [&](std::int64_t begin, std::int64_t end) {
                                    for (std::int64_t panel = begin; panel < end; ++panel)
                                      code_panel(panel, items, biases, order.norms);
                                  });

  float bias = -std::numeric_limits<float>::infinity();
  for (std::int64_t panel = panels_; panel-- > 0;) {
    for (std::int64_t place = panel * kPanelItems; place < (panel + 1) * kPanelItems; ++place)
      if (items_[place] >= 0) bias = std::max(bias, biases_.empty() ? 0.0f : biases_[place]);
    largest_bias_[panel] = bias;
    // A longer residual may stand behind a shorter item: what is to come counts.
    if (panel + 1 < panels_)
      bounds_[panel].length = std::max(bounds_[panel].length, bounds_[panel + 1].length);
    largest_length_ = std::max(largest_length_, double{bounds_[panel].length});
    largest_bias_size_ = std::max(largest_bias_size_, double{bounds_[panel].bias});
  }
}

void Shadow::code_panel(std::int64_t panel, std::span<const float> items, std::span<const float> biases,
                        std::span<const double> norms) {
  std::uint8_t* const codes = codes_.data() + panel * panel_bytes();
  std::fill(codes, codes + panel_bytes(), static_cast<std::uint8_t>(bits_ == 8 ? 128 : 0x88));
  double residual = 0, length = 0, bias = 0;
  for (std::int64_t lane = 0; lane < kPanelItems; ++lane) {
    const std::int64_t place = panel * kPanelItems + lane;
    const auto id = items_[place];
    if (id < 0) continue;
    const auto write_byte = [&](std::int64_t j, int code) {
      codes[j / kCodeBlock * kBlockBytes + lane * kCodeBlock + j % kCodeBlock] =
          static_cast<std::uint8_t>(128 + code);
    };
    const auto write_nibble = [&](std::int64_t j, int code) {
      const std::int64_t word = j / kCodeBlock;
      auto& byte = codes[word / 2 * kBlockBytes + lane * kCodeBlock + j % kCodeBlock];
      byte = static_cast<std::uint8_t>(word % 2 == 0 ? (byte & 0xF0) | (8 + code)
                                                     : (byte & 0x0F) | (8 + code) << 4);
    };
    const float* const x = items.data() + id * d_;
    const auto coded =
        bits_ == 8 ? code_vector(x, d_, kByte, write_byte) : code_vector(x, d_, kNibble, write_nibble);
    scales_[place] = coded.scale;
    residual = std::max(residual, coded.residual);
    length = std::max(length, norms[static_cast<std::size_t>(id)] + coded.residual);
    if (biases.empty()) continue;
    biases_[place] = biases[static_cast<std::size_t>(id)];
    bias = std::max(bias, std::fabs(double{biases_[place]}));
  }
  bounds_[panel] = {round_up(residual), round_up(length), round_up(bias)};
}

CodedQueries Shadow::code(std::span<const float> queries, std::int64_t batch, std::int64_t group) const {
  CodedQueries coded;
  coded.codes.resize(static_cast<std::size_t>(batch * words()));
  for (std::int64_t b = 0; b < batch; ++b) {
    const float* const query = queries.data() + b * d_;
    const std::int64_t first = b - b % group, width = std::min(group, batch - first);
    std::int32_t* const target = coded.codes.data() + first * words() + b % group;
    const double length = norm(query, d_);
    // A score that might overflow float32 has no bound, nor has one against an item of infinite length. Such
    // a query stays coded as 0 with an infinite error: every item is scored exactly.
    if (!(length * largest_length_ + largest_bias_size_ < 0x1p126)) {
      constexpr float kLeast = std::numeric_limits<float>::min(),
                      kInfinity = std::numeric_limits<float>::infinity();
      coded.terms.push_back({0, 0, kLeast, kLeast, kLeast, kInfinity});
      coded.norms.push_back(kInfinity);
      continue;
    }
    const auto [scale, residual, sum] = code_vector(query, d_, kByte, [&](std::int64_t j, int code) {
      auto& word = target[j / kCodeBlock * width];
      word = static_cast<std::int32_t>(static_cast<std::uint32_t>(word) |
                                       static_cast<std::uint32_t>(static_cast<std::uint8_t>(code))
                                           << (8 * (j % kCodeBlock)));
    });
    constexpr double kUp = 1 + kRounding;  // the bound is itself a float32 sum
    coded.terms.push_back({.scale = scale,
                           .offset = (bits_ == 8 ? -128 : -8) * sum,
                           .residual = round_up(length * kUp),
                           .length = round_up((residual + kRounding * (length + residual)) * kUp),
                           .bias = round_up(kRounding * kUp),
                           .slack = round_up(kUnderflow * kUp)});
    coded.norms.push_back(round_up(length));
  }
  return coded;
}

ScanTile Shadow::tile(std::int64_t begin, std::int64_t end) const noexcept {
  ScanTile tile{};
  tile.bits = bits_;
  tile.codes = codes_.data() + begin * panel_bytes();
  tile.scales = scales_.data() + begin * kPanelItems;
  tile.biases = biases_.empty() ? nullptr : biases_.data() + begin * kPanelItems;
  tile.bounds = bounds_.data() + begin;
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
