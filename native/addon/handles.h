// Process-wide storage of native objects behind numbers. JavaScript holds a number, never a pointer: a stale
// number, one of another kind or one made up gives an error. Every Node environment (main thread, each
// worker) counts the leases it holds; the last lease of all environments frees the slot, running native work
// keeps its own shared_ptr.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/status.h"

namespace l4r {

enum class Kind : std::uint64_t {
  parameter = 1,
  optimizer = 2,
  sampler = 3,
  catalogue = 4,
  sequences = 5,
  encoder = 6,
  graph = 7,
  embedding = 8
};

// Exact in a double: [generation : 29][kind : 4][slot : 20].
using Id = std::uint64_t;

template <typename T, Kind kind>
class HandleTable {
 public:
  static HandleTable& shared() {
    static HandleTable* const table =
        std::make_unique<HandleTable>().release();  // outlives every environment
    return *table;
  }

  // Stores the object with one lease.
  Id add(std::shared_ptr<T> object) {
    const std::lock_guard lock(mutex_);
    std::size_t slot = 0;
    if (!free_.empty()) {
      slot = free_.back();
      free_.pop_back();
    } else {
      if (slots_.size() >= kSlots) throw Error(Code::no_memory, "too many native objects are open");
      slot = slots_.size();
      slots_.emplace_back();
    }
    slots_[slot].object = std::move(object);
    slots_[slot].leases = 1;
    return (slots_[slot].generation << 24) | (static_cast<std::uint64_t>(kind) << 20) | slot;
  }

  std::shared_ptr<T> get(Id id) {
    const std::lock_guard lock(mutex_);
    return find(id).object;
  }

  void lease(Id id) {
    const std::lock_guard lock(mutex_);
    ++find(id).leases;
  }

  void release(Id id) {
    std::shared_ptr<T> last;  // destroyed after the lock is gone
    const std::lock_guard lock(mutex_);
    Slot& slot = find(id);
    if (--slot.leases > 0) return;
    last = std::move(slot.object);
    // A slot whose generations are used up is not given out again: an old number never names a new object.
    if (++slot.generation < kGenerations) free_.push_back(id & (kSlots - 1));
  }

 private:
  static constexpr std::uint64_t kSlots = std::uint64_t{1} << 20;
  static constexpr std::uint64_t kGenerations = std::uint64_t{1} << 29;
  struct Slot {
    std::shared_ptr<T> object;
    std::uint64_t generation = 0;
    int leases = 0;
  };

  Slot& find(Id id) {
    const std::uint64_t slot = id & (kSlots - 1);
    if (((id >> 20) & 15) != static_cast<std::uint64_t>(kind) || slot >= slots_.size() ||
        slots_[slot].object == nullptr || slots_[slot].generation != (id >> 24))
      throw Error(Code::disposed, "the native object was disposed, or the id is none of this kind");
    return slots_[slot];
  }

  std::mutex mutex_;
  std::vector<Slot> slots_;
  std::vector<std::size_t> free_;
};

// The leases of one environment on one table; dropped when the environment ends.
template <typename T, Kind kind>
class Leases {
 public:
  using Table = HandleTable<T, kind>;
  Leases() = default;
  Leases(const Leases&) = delete;
  Leases& operator=(const Leases&) = delete;
  ~Leases() {
    for (const auto& [id, count] : held_)
      for (int i = 0; i < count; ++i) Table::shared().release(id);
  }

  Id add(std::shared_ptr<T> object) {
    const Id id = Table::shared().add(std::move(object));
    held_[id] = 1;
    return id;
  }
  // A lease on an object that another environment made.
  void acquire(Id id) {
    Table::shared().lease(id);
    ++held_[id];
  }
  std::shared_ptr<T> get(Id id) const {
    if (!held_.contains(id))
      throw Error(Code::disposed, "the native object was disposed, or this thread holds no lease on it");
    return Table::shared().get(id);
  }
  // Giving back what is not held is fine: dispose may be called twice.
  void release(Id id) {
    const auto found = held_.find(id);
    if (found == held_.end()) return;
    if (--found->second == 0) held_.erase(found);
    Table::shared().release(id);
  }

 private:
  std::unordered_map<Id, int> held_;
};

}  // namespace l4r
