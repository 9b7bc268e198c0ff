// Catalogues opened from files: the bits of those that were saved, and no harm from files that were not.
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "base/rng.h"
#include "base/status.h"
#include "check.h"
#include "serving/catalogue.h"

namespace {

using l4r::Catalogue;
using l4r::CatalogueLayout;
using l4r::CatalogueSizes;
using l4r::Philox;
using l4r::TopKResult;
using l4r::test::Add;
using l4r::test::check;

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

std::vector<float> random_numbers(std::uint64_t seed, std::int64_t count) {
  const Philox philox(seed, 0);
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i)
    values.push_back(2 * Philox::unit(philox.block(static_cast<std::uint64_t>(i))[0]) - 1);
  return values;
}

// A file without a name.
class File {
 public:
  File() {
    const char* folder = std::getenv("TMPDIR");
    std::string name = std::string(folder == nullptr ? "/tmp" : folder) + "/l4r-test-XXXXXX";
    file_ = mkstemp(name.data());
    if (file_ < 0) throw std::runtime_error("no temporary file");
    unlink(name.c_str());
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { close(file_); }

  int get() const { return file_; }
  void write(std::int64_t begin, std::span<const std::uint8_t> bytes) const {
    if (pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(begin)) !=
        static_cast<ssize_t>(bytes.size()))
      throw std::runtime_error("the temporary file cannot be written");
  }
  void resize(std::int64_t bytes) const {
    if (ftruncate(file_, static_cast<off_t>(bytes)) != 0)
      throw std::runtime_error("the temporary file cannot be cut");
  }

 private:
  int file_;
};

constexpr std::int64_t kBegin = 128;

bool same(const TopKResult& a, const TopKResult& b) {
  return a.ids == b.ids && a.counts == b.counts && a.scores == b.scores;
}

// "" or the message of an Error(argument).
template <typename Body>
std::string refusal(const Body& body) {
  try {
    body();
  } catch (const l4r::Error& error) {
    check(error.code() == l4r::Code::argument, std::string("another code: ") + error.what());
    return error.what();
  }
  return "";
}

void check_refused(const std::string& expected, const std::string& found, const std::string& what) {
  check(found.find(expected) != std::string::npos,
        what + ": expected \"" + expected + "\", got \"" + found + "\"");
}

const Add round_trip("an opened catalogue finds what the saved one does, from any level to any level", [] {
  for (const auto& [n, d] : {std::pair{0, 3}, {1, 1}, {16, 8}, {17, 5}, {300, 64}, {1000, 37}})
    for (const bool biased : {false, true})
      for (const std::int64_t many : {kNever, std::int64_t{0}}) {
        const auto items = random_numbers(1, n * d), biases = random_numbers(2, biased ? n : 0);
        const auto queries = random_numbers(3, 5 * d);
        const std::string what = std::to_string(n) + " x " + std::to_string(d) + (biased ? ", biases" : "") +
                                 (many == 0 ? ", 4 bits" : "");
        std::vector<std::uint8_t> first;
        for (const l4r::Level from : l4r::available_levels()) {
          const Catalogue saved(items, biases, n, d, l4r::scan_kernels(from), many);
          const auto bytes = saved.bytes();
          if (first.empty()) first.assign(bytes.begin(), bytes.end());
          check(std::equal(bytes.begin(), bytes.end(), first.begin(), first.end()), what + ": same bytes");
          const File file;
          file.write(kBegin, bytes);
          file.resize(kBegin + static_cast<std::int64_t>(bytes.size()));
          for (const l4r::Level to : l4r::available_levels())
            for (const bool map : {false, true}) {
              const Catalogue opened(saved.layout().sizes, file.get(), kBegin, map, l4r::scan_kernels(to));
              check(opened.size() == n && opened.dimension() == d, what + ": sizes");
              if (n == 0) continue;
              for (const std::int64_t batch : {1, 5}) {
                const auto asked = std::span(queries).first(static_cast<std::size_t>(batch * d));
                check(same(opened.top_k(asked, batch, 10), saved.top_k(asked, batch, 10)),
                      what + ", batch " + std::to_string(batch) + (map ? ", mapped" : ", read"));
              }
            }
        }
      }
});

const Add sections("every array starts at a multiple of 64 bytes, one after the other", [] {
  for (const auto n : {0, 1, 15, 16, 17, 1000})
    for (const auto d : {1, 7, 64, 1000})
      for (const bool biased : {false, true})
        for (const bool coarse : {false, true}) {
          const CatalogueLayout layout(CatalogueSizes{n, d, biased, coarse});
          std::int64_t end = 0;
          for (const auto& section : layout.sections) {
            check(end % 64 == 0, section.name);
            std::int64_t bytes = std::strcmp(section.dtype, "U8") == 0 ? 1 : 4;
            for (const auto length : section.shape) bytes *= length;
            end += bytes;
          }
          check(end == layout.bytes, "bytes");
        }
});

const Add damaged("a damaged file is refused, or does no harm", [] {
  const std::int64_t n = 70, d = 12;
  const auto items = random_numbers(4, n * d), biases = random_numbers(5, n),
             query = random_numbers(6, 3 * d);
  const Catalogue saved(items, biases, n, d, l4r::scan_kernels(), 0);
  const std::vector<std::uint8_t> whole(saved.bytes().begin(), saved.bytes().end());
  const CatalogueLayout& layout = saved.layout();
  const File file;
  file.write(kBegin, whole);
  const auto open = [&](bool map) { return Catalogue(layout.sizes, file.get(), kBegin, map); };
  const auto with = [&](std::int64_t offset, auto value, const auto& body) {
    std::uint8_t bytes[sizeof(value)];
    std::memcpy(bytes, &value, sizeof(value));
    file.write(kBegin + offset, bytes);
    body();
    file.write(kBegin + offset, std::span(whole).subspan(static_cast<std::size_t>(offset), sizeof(value)));
  };
  const auto refused = [&](const std::string& expected, std::int64_t offset, auto value) {
    with(offset, value, [&] {
      for (const bool map : {false, true})
        check_refused(expected, refusal([&] { open(map); }), std::to_string(offset));
    });
  };

  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  const auto& shadow = layout.shadow;
  for (const std::int64_t place : {0, 1, 69})
    for (const std::int32_t id : {-1, -2, 70, 1 << 30, std::numeric_limits<std::int32_t>::min()})
      refused("a place each", shadow.items.offset + 4 * place, id);
  refused("a place each", shadow.items.offset + 4 * 70, std::int32_t{3});
  for (std::int64_t place = 0; place < n; ++place)  // another item's: twice here, never elsewhere
    refused("a place each", shadow.items.offset + 4 * place, shadow.items.in(whole.data())[(place + 1) % n]);
  refused("a place each", shadow.places.offset + 4 * 5, shadow.places.in(whole.data())[6]);
  for (const auto* const slices : {&layout.shadow, &layout.coarse}) {
    for (const float scale : {nan, inf, -1.0f, 1e30f}) refused("scales", slices->scales.offset + 8, scale);
    for (const float residual : {nan, inf, -1.0f}) refused("bounds", slices->bounds.offset, residual);
    for (const float length : {nan, -1.0f}) refused("bounds", slices->bounds.offset + 12 + 4, length);
    for (const float bias : {nan, inf, -1.0f}) refused("bounds", slices->bounds.offset + 8, bias);
  }
  for (const float bias : {nan, inf, -inf, 1e30f}) refused("biases", shadow.biases.offset + 4, bias);

  for (const std::int64_t bytes :
       {std::int64_t{0}, kBegin, kBegin + layout.bytes - 1, kBegin + layout.bytes + 1}) {
    file.resize(bytes);
    for (const bool map : {false, true})
      check_refused("bytes instead of", refusal([&] { open(map); }), std::to_string(bytes));
  }
  file.resize(kBegin + layout.bytes);
  file.write(kBegin, whole);
  check_refused("no multiple", refusal([&] { Catalogue(layout.sizes, file.get(), 100, true); }), "begin");
  check(refusal([&] { open(true); }).empty(), "the whole file");

  // Any byte, any value: an error or an answer, whatever it is.
  const Philox philox(7, 0);
  int opened = 0;
  for (std::uint64_t round = 0; round < 4000; ++round) {
    const auto at =
        static_cast<std::int64_t>(philox.below(2 * round, static_cast<std::uint64_t>(layout.bytes)));
    const auto value = static_cast<std::uint8_t>(philox.below(2 * round + 1, 256));
    with(at, value, [&] {
      refusal([&] {
        const Catalogue catalogue = open(round % 2 == 0);
        ++opened;
        for (const std::int64_t batch : {1, 3}) {
          const auto asked = std::span(query).first(static_cast<std::size_t>(batch * d));
          const TopKResult found = catalogue.top_k(asked, batch, 20);
          for (const auto count : found.counts) check(count >= 0 && count <= 20, "count");
          for (const auto id : found.ids) check(id >= -1 && id < n, "id");
        }
      });
    });
  }
  check(opened > 1000 && opened < 4000, "both came up: " + std::to_string(opened));
});

}  // namespace

int main() { return l4r::test::run_all(); }
