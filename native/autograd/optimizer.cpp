#include "autograd/optimizer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "base/status.h"
#include "ops/parallel.h"

namespace l4r {

namespace {

// A little below the root of the largest float32: above it a square is infinite.
constexpr double kLargestNorm = 1.8e19;
constexpr std::int64_t kLastStep = std::numeric_limits<std::int32_t>::max();  // a row counts in 32 bits
constexpr std::int64_t kDense = 8;  // one touched row of so many is enough to go through all in order
constexpr std::int64_t kCorrections = 1 << 16;  // kept at most; those of later steps are computed anew

void check(const AdamOptions& options) {
  const auto positive = [](float x) { return std::isfinite(x) && x > 0; };
  require(positive(options.learning_rate), "Adam: learning rate: expected a finite number above 0, got ",
          options.learning_rate);
  require(options.beta1 >= 0 && options.beta1 < 1, "Adam: beta1: expected 0 <= beta1 < 1, got ",
          options.beta1);
  require(options.beta2 >= 0 && options.beta2 < 1, "Adam: beta2: expected 0 <= beta2 < 1, got ",
          options.beta2);
  require(positive(options.epsilon), "Adam: epsilon: expected a finite number above 0, got ",
          options.epsilon);
  require(std::isfinite(options.weight_decay) && options.weight_decay >= 0,
          "Adam: weight decay: expected a finite number of 0 or more, got ", options.weight_decay);
  require(std::isfinite(options.max_norm) && options.max_norm >= 0,
          "Adam: max norm: expected a finite number of 0 or more, got ", options.max_norm);
}

// base^exponent by repeated squaring: only multiplications, so the same bits everywhere.
double power(double base, std::int64_t exponent) {
  double result = 1;
  for (; exponent > 0; exponent >>= 1, base *= base)
    if (exponent & 1) result *= base;
  return result;
}

BiasCorrection bias_correction(float beta1, float beta2, std::int32_t step) {
  return {static_cast<float>(1 / (1 - power(beta1, step))),
          static_cast<float>(1 / std::sqrt(1 - power(beta2, step)))};
}

bool complete(const BiasCorrection& correction) {
  return correction.inverse_first == 1 && correction.inverse_root_second == 1;
}

// The gradients that this step left for one parameter, one call each: the dense one as one entry a row, then
// those of gathers and bags in the order in which the backward pass met them.
template <typename Visit>
void for_each_part(Tape& tape, const Parameter& parameter, const std::int32_t* all_rows, Visit&& visit) {
  if (const float* dense = tape.dense_gradient(parameter); dense != nullptr)
    visit(RowGradients{&parameter, parameter.rows, all_rows, nullptr, nullptr, dense});
  for (const RowGradients& part : tape.row_gradients()) {
    if (part.parameter != &parameter) continue;
    if (part.source != nullptr)
      require(part.updates == parameter.adam.steps + part.source->adam.steps, "Adam: the gradient of \"",
              parameter.name, "\" is made of values that another optimizer has changed, of it or of \"",
              part.source->name, "\": expected one optimizer for both");
    visit(part);
  }
}

const std::int32_t* count_up(Tape& tape, std::int64_t rows) {
  std::int32_t* numbers = tape.allocate<std::int32_t>(rows);
  std::iota(numbers, numbers + rows, 0);
  return numbers;
}

// Groups them by row: a stable counting sort. Rows come in order of first touch, or ascending where so many
// are touched that memory is nearly read through. `places` [rows] holds 0 everywhere, before and after. In
// the tape's arena.
RowSegments group_by_row(Tape& tape, const Parameter& parameter, std::int32_t* places) {
  const std::int32_t* all_rows =
      tape.dense_gradient(parameter) == nullptr ? nullptr : count_up(tape, parameter.rows);
  const auto for_each_entry = [&](auto&& visit) {
    for_each_part(tape, parameter, all_rows, [&](const RowGradients& part) {
      for (std::int64_t j = 0; j < part.count; ++j) visit(part, j);
    });
  };
  std::int64_t total = 0;
  bool of_values = false;  // which the update changes: then every sum has to be written down before
  for_each_part(tape, parameter, all_rows, [&](const RowGradients& part) {
    total += part.count;
    of_values |= part.source != nullptr;
  });
  require(total <= std::numeric_limits<std::int32_t>::max(), "Adam: more than 2^31 - 1 row gradients for \"",
          parameter.name, "\" in one step");

  const std::int64_t most = std::min(total, parameter.rows);
  RowSegments segments{0, tape.allocate<std::int32_t>(most + 1), tape.allocate<std::int32_t>(most + 1),
                       tape.allocate<Contribution>(total), tape.allocate<float*>(most)};
  // Entries of each row. Written first and kept if new: a branch would be guessed wrongly.
  for_each_entry([&](const RowGradients& part, std::int64_t j) {
    const std::int32_t row = part.rows[j];
    segments.rows[segments.count] = row;
    segments.count += places[row]++ == 0 ? 1 : 0;
  });
  if (segments.count >= parameter.rows / kDense) {
    std::int64_t found = 0;
    for (std::int64_t row = 0; row < parameter.rows; ++row) {
      segments.rows[found] = static_cast<std::int32_t>(row);
      found += places[row] > 0 ? 1 : 0;
    }
  }
  // Then the next free place of each.
  segments.offsets[0] = 0;
  for (std::int64_t s = 0; s < segments.count; ++s) {
    std::int32_t& place = places[segments.rows[s]];
    segments.offsets[s + 1] = segments.offsets[s] + place;
    place = segments.offsets[s];
  }
  for_each_entry([&](const RowGradients& part, std::int64_t j) {
    const std::int64_t source = part.sources == nullptr ? j : part.sources[j];
    const float scale = part.scales == nullptr ? 1.0f : part.scales[j];
    segments.contributions[places[part.rows[j]]++] = {part.gradient + source * parameter.cols, scale,
                                                      part.own};
  });
  for (std::int64_t s = 0; s < segments.count; ++s) places[segments.rows[s]] = 0;

  const auto needs_sum = [&](std::int64_t s) {
    const Contribution& first = segments.contributions[segments.offsets[s]];
    return of_values || segments.offsets[s + 1] - segments.offsets[s] > 1 || first.scale != 1 ||
           first.own != 0;
  };
  std::int64_t sums = 0;
  for (std::int64_t s = 0; s < segments.count; ++s) sums += needs_sum(s) ? 1 : 0;
  float* next = tape.allocate<float>(sums * parameter.cols);
  for (std::int64_t s = 0; s < segments.count; ++s) {
    segments.sums[s] = needs_sum(s) ? next : nullptr;
    if (segments.sums[s] != nullptr) next += parameter.cols;
  }
  return segments;
}

}  // namespace

Adam::Adam(std::vector<std::shared_ptr<Parameter>> parameters, AdamOptions options) : options_(options) {
  check(options);
  entries_.reserve(parameters.size());
  for (auto& parameter : parameters) {
    for (const Entry& entry : entries_)
      require(entry.parameter != parameter, "Adam: parameter \"", parameter->name, "\" is given twice");
    make_adam_state(*parameter);
    Buffer<std::int32_t> places(parameter->rows);
    entries_.push_back({std::move(parameter), std::move(places)});
  }
}

void Adam::set_learning_rate(float learning_rate) {
  AdamOptions changed = options_;
  changed.learning_rate = learning_rate;
  check(changed);
  options_ = changed;
}

double Adam::step(Tape& tape) {
  const OpKernels& kernels = tape.kernels();
  RowSegments* segments = tape.allocate<RowSegments>(static_cast<std::int64_t>(entries_.size()));
  double squares = 0, largest = 0;
  const Parameter* loudest = nullptr;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Parameter& parameter = *entries_[i].parameter;
    segments[i] = group_by_row(tape, parameter, entries_[i].places.data());
    double* parts = tape.allocate<double>(part_count(segments[i].count, parameter.cols));
    const double part =
        sum_rows(segments[i].count, parameter.cols, parts, [&](std::int64_t begin, std::int64_t end) {
          return kernels.sum_segments(segments[i], begin, end, parameter.cols, parameter.value.data());
        });
    if (!std::isfinite(part))
      throw Error(Code::diverged, "Adam: the gradient of \"" + parameter.name + "\" is not finite");
    squares += part;
    if (part > largest) {
      largest = part;
      loudest = &parameter;
    }
  }
  const double norm = std::sqrt(squares);
  const double clipped = options_.max_norm > 0 ? std::min<double>(norm, options_.max_norm) : norm;
  if (loudest != nullptr && clipped > kLargestNorm)
    throw Error(Code::diverged, "Adam: the gradient of \"" + loudest->name + "\" has norm " +
                                    std::to_string(std::sqrt(largest)) + ", too large to square");
  const float scale = clipped < norm ? static_cast<float>(clipped / norm) : 1.0f;
  for (const Entry& entry : entries_) {
    require(entry.parameter->adam.steps < kLastStep, "Adam: \"", entry.parameter->name,
            "\" has had the most updates there can be, ", kLastStep);
    grow_corrections(entry.parameter->adam.steps + 1);
  }
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    ++entries_[i].parameter->adam.steps;
    apply(kernels, *entries_[i].parameter, segments[i], scale);
  }
  return norm;
}

void Adam::apply(const OpKernels& kernels, Parameter& parameter, const RowSegments& segments,
                 float scale) const {
  const float decay = options_.weight_decay;
  const AdamConstants constants{options_.learning_rate,
                                options_.beta1,
                                options_.beta2,
                                options_.epsilon,
                                options_.decoupled ? 0.0f : decay,
                                options_.decoupled ? options_.learning_rate * decay : 0.0f,
                                scale};
  const AdamRows target{parameter.value.data(),
                        parameter.adam.first.data(),
                        parameter.adam.second.data(),
                        parameter.adam.row_steps.data(),
                        corrections_.data(),
                        static_cast<std::int32_t>(corrections_.size()),
                        complete(corrections_.back()) ? nullptr : bias_correction};
  for_rows(segments.count, 4 * parameter.cols, [&](std::int64_t begin, std::int64_t end) {
    kernels.update_adam_rows(segments, begin, end, parameter.cols, target, constants);
  });
}

// Makes corrections_ reach up to the given step, or to the most that are kept.
void Adam::grow_corrections(std::int64_t steps) {
  if (corrections_.empty()) corrections_.push_back({0, 0});  // no row is at step 0 once it is updated
  if (static_cast<std::int64_t>(corrections_.size()) > steps || complete(corrections_.back())) return;
  const std::int64_t size = std::clamp<std::int64_t>(2 * steps, 1024, kCorrections);
  while (static_cast<std::int64_t>(corrections_.size()) < size && !complete(corrections_.back()))
    corrections_.push_back(
        bias_correction(options_.beta1, options_.beta2, static_cast<std::int32_t>(corrections_.size())));
}

}  // namespace l4r
