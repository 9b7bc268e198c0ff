#pragma once

#include <memory>

#include "autograd/tape.h"
#include "graph/graph.h"

namespace l4r {

// One graph convolution without weights (He et al., LightGCN, SIGIR 2020, Eq. 3): D^-1/2 A D^-1/2 x for
// x [nodes x d]; a node without edges gets zeros. Throws Error(argument) for another number of rows.
Handle propagate(Tape& tape, const std::shared_ptr<const Graph>& graph, Handle x);

}  // namespace l4r
