#include "autograd/tape.h"

#include <algorithm>
#include <atomic>

#include "base/status.h"

namespace l4r {

namespace {

constexpr int kSlotBits = 20;
constexpr std::uint64_t kSlots = std::uint64_t{1} << kSlotBits;
constexpr std::uint64_t kGenerations = std::uint64_t{1} << 33;
// Streams of the random operations of a step: a mark that keeps them apart from the low-numbered streams of
// initial values and from those of samplers, then the step, then the operation.
constexpr std::uint64_t kStepMark = std::uint64_t{1} << 63;
constexpr int kOperationBits = 12;
constexpr std::uint64_t kSteps = std::uint64_t{1} << 48;

std::atomic<std::uint64_t>& last_generation() {
  static std::atomic<std::uint64_t> last{0};
  return last;
}

// Process-wide, so that a handle of another tape is never taken for one of this. 0 is never given out.
std::uint64_t next_generation() {
  std::uint64_t generation = 0;
  while (generation == 0) generation = ++last_generation() % kGenerations;
  return generation;
}

std::int64_t checked_size(std::int64_t rows, std::int64_t cols) {
  constexpr std::int64_t kLargest = std::int64_t{1} << 31;
  require(rows >= 0 && rows < kLargest && cols >= 0 && cols < kLargest,
          "tensor: expected rows and cols in 0..2147483647, got ", rows, " x ", cols);
  return rows * cols;
}

}  // namespace

Tape::Tape(const OpKernels& kernels) : kernels_(&kernels), generation_(next_generation()) {}

Handle Tape::input(std::span<const float> values, std::int64_t rows, std::int64_t cols) {
  const std::int64_t size = checked_size(rows, cols);
  require(static_cast<std::int64_t>(values.size()) == size, "input: expected ", size, " numbers for ", rows,
          " x ", cols, ", got ", values.size());
  return push_node({{rows, cols}, copy(values), nullptr, nullptr, nullptr});
}

Handle Tape::use(const std::shared_ptr<Parameter>& parameter) { return use(parameter, false); }

Handle Tape::use_frozen(const std::shared_ptr<Parameter>& parameter) { return use(parameter, true); }

Handle Tape::use(const std::shared_ptr<Parameter>& parameter, bool frozen) {
  for (const DenseUse& use : dense_uses_)
    if (use.parameter == parameter.get() && use.frozen == frozen) return generation_ << kSlotBits | use.slot;
  keep(parameter);
  const Shape shape{parameter->rows, parameter->cols};
  const Handle tensor = push_node({shape, parameter->value.data(), nullptr, nullptr, nullptr, frozen});
  dense_uses_.push_back({parameter.get(), slot(tensor), frozen});
  return tensor;
}

Shape Tape::shape(Handle tensor) const { return node(tensor).shape; }

std::span<const float> Tape::value(Handle tensor) const {
  const Node& found = node(tensor);
  return {found.value, static_cast<std::size_t>(found.shape.size())};
}

std::span<const float> Tape::gradient(Handle tensor) {
  Node& found = nodes_[slot(tensor)];
  require(differentiated_, "gradient: there is none before backward()");
  require(found.backward == nullptr || found.frozen, "gradient: only inputs and parameters keep theirs");
  const std::int64_t size = found.shape.size();
  if (found.gradient == nullptr) {
    found.gradient = allocate<float>(size);
    std::fill_n(found.gradient, size, 0.0f);
  }
  return {found.gradient, static_cast<std::size_t>(size)};
}

double Tape::item(Handle tensor) const {
  const Node& found = node(tensor);
  require(found.shape.rows == 1 && found.shape.cols == 1, "item: expected a 1 x 1 tensor, got ",
          found.shape.rows, " x ", found.shape.cols);
  return found.value[0];
}

void Tape::backward(Handle loss) {
  const std::uint32_t last = slot(loss);
  const Shape shape = nodes_[last].shape;
  require(shape.rows == 1 && shape.cols == 1, "backward: expected a 1 x 1 loss, got ", shape.rows, " x ",
          shape.cols);
  require(recording_, "backward: already called in this step; reset() begins the next");
  recording_ = false;
  *target(loss).gradient = 1.0f;
  for (std::uint32_t i = last + 1; i-- > 0;) {
    Node& node = nodes_[i];
    if (node.gradient == nullptr || node.backward == nullptr) continue;
    const std::size_t records = row_gradients_.size();
    current_ = &node;
    node.backward(*this, node);
    // Row gradients refer to it.
    if (node.gradient != nullptr && row_gradients_.size() == records)
      give_back(std::exchange(node.gradient, nullptr), node.shape.size());
  }
  differentiated_ = true;
}

void Tape::randomize(std::uint64_t seed, std::uint64_t step) {
  require(step < kSteps, "randomize: expected a step in 0..2^48 - 1, got ", step);
  random_ = RandomKey{seed, kStepMark | step << kOperationBits};
}

std::optional<RandomKey> Tape::next_random() {
  if (!random_) return std::nullopt;
  const RandomKey key = *random_;
  ++random_->stream;
  require(random_->stream % (std::uint64_t{1} << kOperationBits) != 0,
          "tape: more random operations in one step than ", (1 << kOperationBits) - 1);
  return key;
}

void Tape::reset() {
  nodes_.clear();
  kept_.clear();
  dense_uses_.clear();
  row_gradients_.clear();
  free_.clear();
  recording_ = true;
  differentiated_ = false;
  random_.reset();
  generation_ = next_generation();
  arena_.reset();
}

const Tape::Node& Tape::node(Handle tensor) const { return nodes_[slot(tensor)]; }

Tape::Target Tape::target(Handle tensor) {
  Node& found = nodes_[slot(tensor)];
  if (found.frozen) return {allocate<float>(found.shape.size()), false};
  const bool accumulate = found.gradient != nullptr;
  if (!accumulate) found.gradient = borrow(found.shape.size());
  return {found.gradient, accumulate};
}

bool Tape::pass_gradient(Handle tensor) {
  Node& found = nodes_[slot(tensor)];
  if (found.frozen || found.gradient != nullptr) return false;
  found.gradient = std::exchange(current_->gradient, nullptr);
  return true;
}

float* Tape::borrow(std::int64_t size) {
  const auto last = std::find_if(free_.rbegin(), free_.rend(), [&](const Free& f) { return f.size == size; });
  if (last == free_.rend()) return allocate<float>(size);
  float* memory = last->memory;
  free_.erase(std::next(last).base());
  return memory;
}

std::span<const RowGradients> Tape::row_gradients() const {
  require(differentiated_, "optimizer: there are no gradients before backward()");
  return row_gradients_;
}

const float* Tape::dense_gradient(const Parameter& parameter) const {
  for (const DenseUse& use : dense_uses_)
    if (use.parameter == &parameter && !use.frozen) return nodes_[use.slot].gradient;
  return nullptr;
}

Handle Tape::push_node(const Node& node) {
  require(recording_, "tape: no operation after backward(); reset() begins the next step");
  require(nodes_.size() < kSlots, "tape: more than ", kSlots, " tensors in one step");
  checked_size(node.shape.rows, node.shape.cols);
  nodes_.push_back(node);
  return generation_ << kSlotBits | (nodes_.size() - 1);
}

std::uint32_t Tape::slot(Handle tensor) const {
  const std::uint64_t generation = tensor >> kSlotBits;
  const std::uint64_t index = tensor % kSlots;
  if (generation == generation_ && index < nodes_.size()) return static_cast<std::uint32_t>(index);
  require(generation != generation_ && generation != 0 && generation <= last_generation(), "tensor: ", tensor,
          " is no tensor handle");
  throw Error(Code::disposed, "tensor: used after its step ended, or on another tape");
}

}  // namespace l4r
