// Where everything that a catalogue holds lies in its one block of memory, which is the data of its file too.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "serving/scan_kernels.h"

namespace l4r {

// To be raised whenever the numbers of a block would mean something else. The sizes of panels and blocks
// stand beside it in a file, and numbers are little-endian; nothing depends on the instruction-set level.
inline constexpr int kCatalogueVersion = 1;

struct CatalogueSizes {
  std::int64_t n, d;  // items, dimensions
  bool biased;        // items have biases
  bool coarse;        // there is a shadow of 4 bits beside the one of 8
};

// Numbers in a block of memory.
template <typename T>
struct Slice {
  std::int64_t offset = 0, count = 0;  // bytes, numbers

  std::int64_t bytes() const noexcept { return count * static_cast<std::int64_t>(sizeof(T)); }
  std::span<T> in(std::uint8_t* memory) const noexcept {
    return {reinterpret_cast<T*>(memory + offset), static_cast<std::size_t>(count)};
  }
  std::span<const T> in(const std::uint8_t* memory) const noexcept {
    return {reinterpret_cast<const T*>(memory + offset), static_cast<std::size_t>(count)};
  }
};

// What a shadow holds, by place; see shadow.h. Only the first three are different in shadows of 8 and 4 bits.
struct ShadowSlices {
  Slice<std::uint8_t> codes;   // [panels x blocks x kBlockBytes]
  Slice<float> scales;         // [panels x kPanelItems]
  Slice<PanelBounds> bounds;   // [panels]
  Slice<float> biases;         // [panels x kPanelItems], or empty: all 0
  Slice<float> largest_bias;   // [panels], of a panel and all after it, signed
  Slice<std::int32_t> items;   // [panels x kPanelItems], -1 in the empty places at the end
  Slice<std::int32_t> places;  // [n] by item
};

// One array as a file names it.
struct Section {
  const char* name;
  const char* dtype;  // of safetensors
  std::vector<std::int64_t> shape;
};

// Every array starts at a multiple of 64 bytes: each axis that runs over items or panels is filled up with
// zeros to a multiple of kPanelItems, the counts of the slices included. They lie as files sort them: wide
// numbers first, then by name.
struct CatalogueLayout {
  // Throws Error(argument) for sizes that no catalogue has.
  explicit CatalogueLayout(const CatalogueSizes& sizes);

  CatalogueSizes sizes;
  std::int64_t panels;
  Slice<float> rows;    // [n x d]
  Slice<float> biases;  // [n], or empty: all 0
  ShadowSlices shadow, coarse;
  std::int64_t bytes = 0;
  std::vector<Section> sections;
};

// Blocks of codes of that many bits in an item of d dimensions.
constexpr std::int64_t code_blocks(std::int64_t d, int bits) {
  const std::int64_t dimensions = kCodeBlock * 8 / bits;
  return (d + dimensions - 1) / dimensions;
}

}  // namespace l4r
