#include "ops/propagate/propagate.h"

#include "base/status.h"
#include "ops/parallel.h"

namespace l4r {

namespace {

struct PropagateInputs {
  const Graph* graph;
  Handle x;
};

// out = graph * x, or out += the same; rows shared out by their edges: a row is the weighted bag of its
// neighbours, part by part.
void multiply(const Tape& tape, const Graph& graph, std::int64_t cols, const float* x, float* out,
              bool accumulate) {
  const auto ranges = graph.ranges();
  for (std::int64_t part = 0; part < graph.parts(); ++part) {
    const std::int32_t* offsets = graph.offsets(part);
    ThreadPool::shared().for_ranges(
        static_cast<std::int64_t>(ranges.size()) - 1, 1, [&](std::int64_t range, std::int64_t) {
          const std::int64_t begin = ranges[static_cast<std::size_t>(range)],
                             end = ranges[static_cast<std::size_t>(range) + 1];
          tape.kernels().bag_rows(end - begin, cols, x, graph.neighbours(), graph.weights(), offsets + begin,
                                  out + begin * cols, accumulate || part > 0);
        });
  }
}

// The matrix is symmetric.
void propagate_backward(Tape& tape, const Tape::Node& node, const PropagateInputs& inputs) {
  const auto [to, accumulate] = tape.target(inputs.x);
  multiply(tape, *inputs.graph, node.shape.cols, node.gradient, to, accumulate);
}

}  // namespace

Handle propagate(Tape& tape, const std::shared_ptr<const Graph>& graph, Handle x) {
  const Shape shape = tape.shape(x);
  require(shape.rows == graph->nodes(), "propagate: expected x with a row for each of ", graph->nodes(),
          " nodes, got ", shape.rows, " x ", shape.cols);
  float* out = tape.allocate<float>(shape.size());
  multiply(tape, *graph, shape.cols, tape.node(x).value, out, false);
  tape.keep(graph);
  return tape.push<propagate_backward>(shape, out, PropagateInputs{graph.get(), x}, !tape.wants_gradient(x));
}

}  // namespace l4r
