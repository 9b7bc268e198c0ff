// The k best of what is offered: higher score first, equal scores by lower id.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace l4r {

struct Scored {
  double score;
  std::int32_t id;
};

inline bool better(const Scored& a, const Scored& b) {
  return a.score > b.score || (a.score == b.score && a.id < b.id);
}

class BestK {
 public:
  explicit BestK(std::int64_t k) : k_(static_cast<std::size_t>(k)) {}

  // Empty, for k.
  void reset(std::int64_t k) {
    k_ = static_cast<std::size_t>(k);
    heap_.clear();
  }

  bool full() const noexcept { return heap_.size() == k_; }
  // The last of the list; only when full() and k > 0.
  const Scored& worst() const noexcept { return heap_.front(); }

  void offer(const Scored& item) {
    if (!full()) {
      heap_.push_back(item);
      std::push_heap(heap_.begin(), heap_.end(), better);
    } else if (k_ > 0 && better(item, worst())) {
      std::pop_heap(heap_.begin(), heap_.end(), better);
      heap_.back() = item;
      std::push_heap(heap_.begin(), heap_.end(), better);
    }
  }

  // Everything held, in no particular order.
  const std::vector<Scored>& items() const noexcept { return heap_; }

  // Writes the list, best first, and returns its length.
  std::int32_t write(std::int32_t* ids, double* scores) {
    std::sort_heap(heap_.begin(), heap_.end(), better);
    for (std::size_t i = 0; i < heap_.size(); ++i) {
      ids[i] = heap_[i].id;
      scores[i] = heap_[i].score;
    }
    return static_cast<std::int32_t>(heap_.size());
  }

 private:
  std::size_t k_;
  std::vector<Scored> heap_;  // the worst in front
};

}  // namespace l4r
