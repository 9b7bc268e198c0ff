#include "serving/catalogue_layout.h"

#include <limits>

#include "base/status.h"

namespace l4r {

namespace {

// Integer scores of so many dimensions fit 32 bits: 127 * 127 each.
constexpr std::int64_t kLargestDimension = std::int64_t{1} << 16;
constexpr std::int64_t kMostItems = std::numeric_limits<std::int32_t>::max() / 2;

std::int64_t filled(std::int64_t count) { return (count + kPanelItems - 1) / kPanelItems * kPanelItems; }

template <typename T>
constexpr const char* kDtype = "F32";
template <>
constexpr const char* kDtype<std::int32_t> = "I32";
template <>
constexpr const char* kDtype<std::uint8_t> = "U8";

// The next array of a layout.
template <typename T>
Slice<T> add(CatalogueLayout& layout, const char* name, std::vector<std::int64_t> shape) {
  std::int64_t bytes = sizeof(T);
  for (const auto length : shape) bytes *= length;
  if constexpr (sizeof(T) > sizeof(float)) shape.push_back(sizeof(T) / sizeof(float));
  const Slice<T> slice{layout.bytes, bytes / static_cast<std::int64_t>(sizeof(T))};
  layout.sections.push_back({name, kDtype<T>, std::move(shape)});
  layout.bytes += bytes;
  return slice;
}

}  // namespace

CatalogueLayout::CatalogueLayout(const CatalogueSizes& of) : sizes(of) {
  const auto [n, d, biased, has_coarse] = of;
  require(n >= 0 && n <= kMostItems, "items: expected 0..", kMostItems, " rows, got ", n);
  require(d >= 1 && d <= kLargestDimension, "items: expected 1..", kLargestDimension, " dimensions, got ", d);
  const std::int64_t items = filled(n), bounds = filled(items / kPanelItems);
  panels = items / kPanelItems;

  if (biased) biases = add<float>(*this, "biases", {items});
  shadow.bounds = add<PanelBounds>(*this, "bounds", {bounds});
  if (has_coarse) {
    coarse.bounds = add<PanelBounds>(*this, "coarse_bounds", {bounds});
    coarse.scales = add<float>(*this, "coarse_scales", {items});
  }
  shadow.largest_bias = add<float>(*this, "largest_biases", {bounds});
  shadow.items = add<std::int32_t>(*this, "order", {items});
  if (biased) shadow.biases = add<float>(*this, "ordered_biases", {items});
  shadow.places = add<std::int32_t>(*this, "places", {items});
  rows = add<float>(*this, "rows", {items, d});
  shadow.scales = add<float>(*this, "scales", {items});
  if (has_coarse) {
    coarse.codes = add<std::uint8_t>(*this, "coarse_codes", {panels, code_blocks(d, 4), kBlockBytes});
    coarse.biases = shadow.biases;
    coarse.largest_bias = shadow.largest_bias;
    coarse.items = shadow.items;
    coarse.places = shadow.places;
  }
  shadow.codes = add<std::uint8_t>(*this, "codes", {panels, code_blocks(d, 8), kBlockBytes});
}

}  // namespace l4r
