// Reverse-mode differentiation of one training step. A tape records the operations of a step as it runs them;
// its intermediates live in an arena that reset() empties, so a steady state allocates nothing. A tensor is a
// plain number (Handle) that is only valid on its tape and until that tape's next reset(). One thread; the
// operations themselves use the shared thread pool.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "autograd/parameter.h"
#include "base/arena.h"
#include "ops/kernels.h"

namespace l4r {

// generation << 20 | slot. Generations are unique in the process and below 2^33: exact in a double.
using Handle = std::uint64_t;

struct Shape {
  std::int64_t rows, cols;
  std::int64_t size() const noexcept { return rows * cols; }
};

// Gradients of single rows of a parameter, as a gather or a bag leaves them: entry j adds
// scales[j] * gradient[sources[j]] + own * the row itself to row rows[j]. Null scales mean 1, null sources
// mean j.
struct RowGradients {
  const Parameter* parameter;
  std::int64_t count;
  const std::int32_t* rows;
  const std::int32_t* sources;
  const float* scales;
  const float* gradient;  // [any x parameter->cols]
  float own = 0;
  // Not null: `gradient` is the value of this parameter, and `updates` those that it and `parameter` had had
  // together. The values must still be what they were when an optimizer reads them.
  const Parameter* source = nullptr;
  std::int64_t updates = 0;
};

// Names one stretch of random numbers: Philox(seed, stream).
struct RandomKey {
  std::uint64_t seed, stream;
};

class Tape {
 public:
  // Kernels: those of the active level, unless a test asks for others.
  explicit Tape(const OpKernels& kernels = op_kernels());
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  // ---- for users ----

  // A copy of the caller's numbers [rows x cols]. Throws Error(argument) when their count is not rows * cols.
  Handle input(std::span<const float> values, std::int64_t rows, std::int64_t cols);
  // A whole parameter, by reference: its value changes when an optimizer steps. Twice the same gives the same
  // handle.
  Handle use(const std::shared_ptr<Parameter>& parameter);
  // The same without a gradient: no optimizer sees this use of the parameter, gradient() gives zeros, for it
  // and for what follows from it alone, and operations need not compute what would end here. A handle of its
  // own beside that of use().
  Handle use_frozen(const std::shared_ptr<Parameter>& parameter);

  // Makes this a training step: dropout is active, and its masks follow from (seed, step, order of the calls)
  // alone. Without it, and after reset(), dropout lets everything through. Throws Error(argument) for a step
  // outside 0..2^48 - 1.
  void randomize(std::uint64_t seed, std::uint64_t step);

  Shape shape(Handle tensor) const;
  // Valid until reset().
  std::span<const float> value(Handle tensor) const;
  // d loss / d tensor, zeros where none arrived, of an input or a parameter: what lies between them and the
  // loss gives its memory to the gradients that follow. Throws Error(argument) for such, and before
  // backward().
  std::span<const float> gradient(Handle tensor);
  // The number in a 1 x 1 tensor; Error(argument) for other shapes.
  double item(Handle tensor) const;

  // Computes every gradient of a 1 x 1 tensor. Once between resets, else Error(argument).
  void backward(Handle loss);
  // Ends the step. Every handle given out so far throws Error(disposed) from now on.
  void reset();
  // Arena bytes of this step.
  std::size_t bytes_used() const noexcept { return arena_.used(); }

  // ---- for operations and optimizers ----

  struct Node {
    Shape shape;
    const float* value;
    float* gradient;  // null while none has arrived, and when the backward pass is through with it
    void (*backward)(Tape&, const Node&);  // null for inputs and parameters
    const void* context;                   // what the operation needs in its backward pass; in the arena
    // Nobody wants its gradient: a parameter used frozen, or what follows from such alone.
    bool frozen = false;
  };

  const OpKernels& kernels() const noexcept { return *kernels_; }
  // Uninitialised memory that lives until reset().
  template <typename T>
  T* allocate(std::int64_t count) {
    return arena_.allocate<T>(count);
  }
  // A copy that lives until reset().
  template <typename T>
  T* copy(std::span<const T> values) {
    T* to = allocate<T>(static_cast<std::int64_t>(values.size()));
    for (std::size_t i = 0; i < values.size(); ++i) to[i] = values[i];
    return to;
  }
  // The node behind a handle, valid until the next push; throws as the class comment says.
  const Node& node(Handle tensor) const;

  // Records a result. kBackward(Tape&, const Node&, const Context&) runs when its gradient is complete and
  // adds to the gradients of the inputs; Context must be trivially destructible. `frozen`: none of the inputs
  // wants a gradient, so nor does the result, and kBackward never runs.
  template <auto kBackward, typename Context>
  Handle push(Shape shape, const float* value, const Context& context, bool frozen = false) {
    static_assert(std::is_trivially_destructible_v<Context>);
    const Context* kept = new (arena_.allocate<Context>(1)) Context(context);
    return push_node({shape, value, nullptr,
                      [](Tape& tape, const Node& node) {
                        kBackward(tape, node, *static_cast<const Context*>(node.context));
                      },
                      kept, frozen});
  }

  // False for what is frozen: a backward pass may leave its gradient out.
  bool wants_gradient(Handle tensor) const { return !node(tensor).frozen; }
  // Where a backward pass puts a gradient: overwrite it, or add to it when others have written before. For
  // what is frozen memory that nobody reads.
  struct Target {
    float* gradient;
    bool accumulate;
  };
  Target target(Handle tensor);
  // Makes the gradient whose backward pass runs that of `tensor`, of the same size, unless others have
  // written there before: a move instead of a copy. False when nothing was moved. The backward pass may
  // change it before, and not read it after.
  bool pass_gradient(Handle tensor);
  // Memory for a backward pass, uninitialised: where gradients were that nobody needs any more, if there is
  // some of that size. What is given back is the next to be borrowed; the rest lives until reset().
  float* borrow(std::int64_t size);
  void give_back(float* memory, std::int64_t size) { free_.push_back({size, memory}); }

  // The numbers of the next random operation of this step; nothing outside a training step. Throws
  // Error(argument) after 2^12 of them in one step.
  std::optional<RandomKey> next_random();

  // Keeps what an operation refers to alive until reset(): a parameter, a graph.
  void keep(std::shared_ptr<const void> object) { kept_.push_back(std::move(object)); }
  void add_row_gradients(const RowGradients& gradients) { row_gradients_.push_back(gradients); }

  // What the last backward() left for optimizers. Throws Error(argument) when there was none since the last
  // reset.
  std::span<const RowGradients> row_gradients() const;
  // Dense gradient of a parameter, null when none arrived.
  const float* dense_gradient(const Parameter& parameter) const;

 private:
  struct DenseUse {
    const Parameter* parameter;
    std::uint32_t slot;
    bool frozen;
  };

  Handle use(const std::shared_ptr<Parameter>& parameter, bool frozen);
  Handle push_node(const Node& node);
  std::uint32_t slot(Handle tensor) const;

  const OpKernels* kernels_;
  Arena arena_;
  std::vector<Node> nodes_;
  std::vector<std::shared_ptr<const void>> kept_;
  std::vector<DenseUse> dense_uses_;
  std::vector<RowGradients> row_gradients_;
  struct Free {
    std::int64_t size;
    float* memory;
  };
  std::vector<Free> free_;   // the last is the first to be borrowed: it is still in the cache
  Node* current_ = nullptr;  // whose backward pass runs
  std::uint64_t generation_;
  bool recording_ = true;            // until backward() begins
  bool differentiated_ = false;      // once backward() has ended
  std::optional<RandomKey> random_;  // of the next random operation
};

}  // namespace l4r
