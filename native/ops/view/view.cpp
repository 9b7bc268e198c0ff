#include "ops/view/view.h"

#include <algorithm>

#include "base/status.h"
#include "ops/parallel.h"

namespace l4r {

namespace {

struct ViewInputs {
  Handle x;
  std::int64_t first;  // number of x that the view begins with
};

void view_backward(Tape& tape, const Tape::Node& node, const ViewInputs& inputs) {
  const std::int64_t size = node.shape.size(), all = tape.shape(inputs.x).size();
  const auto [to, accumulate] = tape.target(inputs.x);
  if (!accumulate) {
    std::fill_n(to, inputs.first, 0.0f);
    std::fill(to + inputs.first + size, to + all, 0.0f);
  }
  for_rows(size, 1,
           [&, to = to + inputs.first, accumulate = accumulate](std::int64_t begin, std::int64_t end) {
             tape.kernels().scale_add(end - begin, 1.0f, node.gradient + begin, to + begin, accumulate);
           });
}

}  // namespace

Handle reshape(Tape& tape, Handle x, std::int64_t rows, std::int64_t cols) {
  const Shape shape = tape.shape(x);
  require(rows >= 0 && cols >= 0 && (cols == 0 || rows <= shape.size() / cols) && rows * cols == shape.size(),
          "reshape: expected a shape of ", shape.size(), " numbers, got ", rows, " x ", cols);
  return tape.push<view_backward>({rows, cols}, tape.node(x).value, ViewInputs{x, 0},
                                  !tape.wants_gradient(x));
}

Handle slice(Tape& tape, Handle x, std::int64_t first, std::int64_t rows) {
  const Shape shape = tape.shape(x);
  require(first >= 0 && rows >= 0 && first <= shape.rows && rows <= shape.rows - first,
          "slice: expected rows of the ", shape.rows, " there are, got ", rows, " from row ", first);
  const std::int64_t begin = first * shape.cols;
  return tape.push<view_backward>({rows, shape.cols}, tape.node(x).value + begin, ViewInputs{x, begin},
                                  !tape.wants_gradient(x));
}

}  // namespace l4r
