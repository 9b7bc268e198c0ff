// What tests set about the emulated machine.
#pragma once

#include <cstddef>
#include <cstdint>

namespace l4r::cuda::emulation {

struct Control {
  std::uint64_t seed = 1;                     // of the order in which threads and blocks run
  int devices = 1;                            // how many there are
  std::size_t memory = std::size_t{1} << 34;  // bytes of each
  bool lose_next_launch = false;              // it fails, and so does everything after it
  bool lost = false;                          // what came of that
  std::int64_t switches = 0;                  // between threads, so far
};

Control& control();

}  // namespace l4r::cuda::emulation
