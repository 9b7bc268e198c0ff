#pragma once

#include "autograd/tape.h"
#include "ops/parallel.h"

namespace l4r {

// Adds factor * source, which has the shape of x, to the gradient of x.
inline void add_to_gradient(Tape& tape, Handle x, float factor, const float* source) {
  if (!tape.wants_gradient(x)) return;
  const auto [to, accumulate] = tape.target(x);
  for_rows(tape.shape(x).size(), 1,
           [&, to = to, accumulate = accumulate](std::int64_t begin, std::int64_t end) {
             tape.kernels().scale_add(end - begin, factor, source + begin, to + begin, accumulate);
           });
}

// The same for the gradient of `node` itself, whose backward pass ends here.
inline void pass_to_gradient(Tape& tape, const Tape::Node& node, Handle x) {
  if (!tape.pass_gradient(x)) add_to_gradient(tape, x, 1.0f, node.gradient);
}

}  // namespace l4r
