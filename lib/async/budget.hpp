#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "async/task.hpp"

namespace farkeep {

/// A bound on bytes in flight: whoever holds memory for a piece of work holds a lease for it.
///
/// First come, first served: a large request is not starved by small ones behind it.  A request larger than the whole
/// budget is let through alone, when nothing else is out.  Single-threaded.
///
/// Where several compete, each of them takes through a Share of its own: it holds at most half as much as is free besides, or one
/// piece.  So one alone has a third, ten together have a twelfth each, and something is left for whoever comes next, however long they
/// keep it.  Who waits for its own share is passed by others.
class Budget {
  struct State;
  struct Part;

 public:
  /// One of those who compete.  Of one budget.
  class Share {
   public:
    Share();
    std::size_t in_use() const noexcept;

   private:
    friend class Budget;
    std::shared_ptr<Part> part_;
  };

  /// Gives its bytes back when it dies.  May outlive the budget.
  class Lease {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept : state_(std::move(other.state_)), part_(std::move(other.part_)), size_(std::exchange(other.size_, 0)) {}
    Lease& operator=(Lease&& other) noexcept;
    ~Lease() { release(); }

    std::size_t size() const noexcept { return size_; }
    /// Gives back early.
    void release() noexcept;
    /// Gives back what turned out not to be needed; `size` is at most size().
    void shrink_to(std::size_t size) noexcept;

   private:
    friend class Budget;
    Lease(std::shared_ptr<State> state, std::shared_ptr<Part> part, std::size_t size) : state_(std::move(state)), part_(std::move(part)), size_(size) {}
    std::shared_ptr<State> state_;
    std::shared_ptr<Part> part_;  // null: of no share
    std::size_t size_ = 0;
  };

  explicit Budget(std::size_t bytes);
  ~Budget();
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  /// Waits until `size` bytes are free.  Cancelling leaves nothing taken.
  task<Lease> take(std::size_t size) { return take_for(nullptr, size); }
  task<Lease> take(const Share& share, std::size_t size) { return take_for(share.part_, size); }

  /// Somebody waits who holds no more than its share: others should not keep theirs for long.
  bool is_scarce() const noexcept;
  std::size_t in_use() const noexcept;
  std::size_t capacity() const noexcept;

 private:
  task<Lease> take_for(std::shared_ptr<Part> part, std::size_t size);

  std::shared_ptr<State> state_;
};

}  // namespace farkeep
