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
class Budget {
  struct State;

 public:
  /// Gives its bytes back when it dies.  May outlive the budget.
  class Lease {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept : state_(std::move(other.state_)), size_(std::exchange(other.size_, 0)) {}
    Lease& operator=(Lease&& other) noexcept;
    ~Lease() { release(); }

    std::size_t size() const noexcept { return size_; }
    /// Gives back early.
    void release() noexcept;
    /// Gives back what turned out not to be needed; `size` is at most size().
    void shrink_to(std::size_t size) noexcept;

   private:
    friend class Budget;
    Lease(std::shared_ptr<State> state, std::size_t size) : state_(std::move(state)), size_(size) {}
    std::shared_ptr<State> state_;
    std::size_t size_ = 0;
  };

  explicit Budget(std::size_t bytes);
  ~Budget();
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  /// Waits until `size` bytes are free.  Cancelling leaves nothing taken.
  task<Lease> take(std::size_t size);

  std::size_t in_use() const noexcept;
  std::size_t capacity() const noexcept;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace farkeep
