#include "serving/attention.h"

#include <algorithm>
#include <cmath>

#include "base/overlap.h"
#include "base/scratch.h"
#include "base/status.h"
#include "base/thread_pool.h"

namespace l4r {

namespace {

// Multiply-adds of one task of the pool: about 50 microseconds of one thread.
constexpr double kTaskWork = 1 << 21;

void check(const SequenceAttention& task, std::span<const float> out) {
  const std::int64_t d = task.d, heads = task.heads;
  const auto offsets = task.offsets;
  require(d >= 1 && heads >= 1 && d % heads == 0, "heads: expected a divisor of the dimension ", d, ", got ",
          heads);
  require(std::isfinite(task.scale) && task.scale >= 0, "scale: expected a finite number of at least 0");
  require(!offsets.empty() && offsets.front() == 0 && std::is_sorted(offsets.begin(), offsets.end()),
          "offsets: expected numbers that rise from 0");
  const auto size = static_cast<std::size_t>(offsets.back()) * static_cast<std::size_t>(d);
  require(task.queries.size() == size, "queries: expected ", size, " numbers, got ", task.queries.size());
  require(task.keys.size() == size, "keys: expected ", size, " numbers, got ", task.keys.size());
  require(task.values.size() == size, "values: expected ", size, " numbers, got ", task.values.size());
  require(out.size() == size, "into: expected ", size, " numbers, got ", out.size());
  require(!overlap(out, task.queries) && !overlap(out, task.keys) && !overlap(out, task.values) &&
              !overlap(out, offsets),
          "into: expected memory apart from what is read");
}

// Tokens [first, first + count) of one sequence.
void attend(const SequenceAttention& task, std::int64_t first, std::int64_t count, float* out,
            const EncoderKernels& kernels) {
  static thread_local Buffer<float> memory;
  const std::int64_t d = task.d, width = d / task.heads, at = first * d;
  // Kernels read rows of values up to a whole panel: at the end of the caller's memory from a copy.
  const std::int64_t panel = (width + kernels.lanes - 1) / kernels.lanes * kernels.lanes;
  const bool copied =
      panel != width && (first + count) * d + panel - width > static_cast<std::int64_t>(task.values.size());
  const std::int64_t scratch = kernels.attention_scratch(count, width);
  float* const space = grown(memory, scratch + (copied ? count * d + panel : 0));
  const float* values = task.values.data() + at;
  if (copied) values = std::copy_n(values, count * d, space + scratch) - count * d;
  for (std::int64_t h = 0; h < d; h += width)
    kernels.attention({.queries = count,
                       .keys = count,
                       .width = width,
                       .q = task.queries.data() + at + h,
                       .q_row = d,
                       .k = task.keys.data() + at + h,
                       .k_row = d,
                       .v = values + h,
                       .v_row = d,
                       .out = out + at + h,
                       .out_row = d,
                       .scale = task.scale,
                       .causal = task.causal,
                       .scratch = space});
  trim(memory);
}

}  // namespace

void sequence_attention(const SequenceAttention& task, std::span<float> out, const EncoderKernels& kernels) {
  check(task, out);
  const auto sequences = static_cast<std::int64_t>(task.offsets.size()) - 1;
  double work = 0;
  for (std::int64_t s = 0; s < sequences; ++s) {
    const double count =
        task.offsets[static_cast<std::size_t>(s) + 1] - task.offsets[static_cast<std::size_t>(s)];
    work += 2 * count * count * static_cast<double>(task.d);
  }
  const auto run = [&](std::int64_t s) {
    const std::int64_t first = task.offsets[static_cast<std::size_t>(s)];
    const std::int64_t count = task.offsets[static_cast<std::size_t>(s) + 1] - first;
    if (count > 0) attend(task, first, count, out.data(), kernels);
  };
  const std::int64_t tasks = std::clamp<std::int64_t>(static_cast<std::int64_t>(work / kTaskWork), 1,
                                                      std::max<std::int64_t>(1, sequences));
  const auto run_part = [&](std::int64_t part) {
    for (std::int64_t s = sequences * part / tasks; s < sequences * (part + 1) / tasks; ++s) run(s);
  };
  if (tasks == 1) return run_part(0);
  ThreadPool::shared().run(tasks, run_part);
}

}  // namespace l4r
