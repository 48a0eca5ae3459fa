#pragma once

#include <cstddef>
#include <deque>
#include <exception>
#include <optional>
#include <utility>

#include "async/task.hpp"
#include "async/waiters.hpp"
#include "base/check.hpp"
#include "base/error.hpp"

namespace farkeep {

/// The bounded arrow between two stages of a pipeline.  Order is kept; T need only be movable.
///
/// The producer ends the stream with close(): what is buffered is still delivered, then pop() yields nothing.  Either
/// side breaks it with fail(): what is buffered is dropped, and both sides meet the error.  Cancelling a waiting push()
/// or pop() leaves the queue as it was.  Any number of producers and consumers, one thread.
template <class T>
class Queue {
 public:
  explicit Queue(std::size_t capacity) : capacity_(capacity) { FARKEEP_CHECK(capacity > 0); }
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  /// Waits while the queue is full.  Throws the error of fail(), or cancelled when the queue is closed.
  task<void> push(T item) {
    while (!ended() && items_.size() >= capacity_) co_await not_full_.wait();
    if (error_) std::rethrow_exception(error_);
    if (closed_) throw failure(Errc::cancelled, "adding to a closed queue");
    put(std::move(item));
  }
  /// Takes the item only if there is room and the queue is open; without a coroutine, for tight loops.
  bool try_push(T& item) {
    if (ended() || items_.size() >= capacity_) return false;
    put(std::move(item));
    return true;
  }

  /// The next item; nothing when the queue is closed and drained.  Throws the error of fail().
  task<std::optional<T>> pop() {
    while (!ended() && items_.empty()) co_await not_empty_.wait();
    if (error_) std::rethrow_exception(error_);
    co_return try_pop();
  }
  /// The next item if there is one now.
  std::optional<T> try_pop() {
    if (items_.empty()) return std::nullopt;
    std::optional<T> item{std::move(items_.front())};
    items_.pop_front();
    not_full_.wake_one();
    return item;
  }

  /// No more items will come.  A push() that still waits for room throws.
  void close() {
    closed_ = true;
    wake_everybody();
  }
  /// Breaks the stream; the first error stays.
  void fail(std::exception_ptr error) {
    if (error_) return;
    error_ = std::move(error);
    items_.clear();
    wake_everybody();
  }

  std::size_t size() const noexcept { return items_.size(); }
  std::size_t capacity() const noexcept { return capacity_; }
  bool closed() const noexcept { return closed_; }

 private:
  bool ended() const noexcept { return closed_ || error_; }
  void put(T&& item) {
    items_.push_back(std::move(item));
    not_empty_.wake_one();
  }
  void wake_everybody() {
    not_empty_.wake_all();
    not_full_.wake_all();
  }

  const std::size_t capacity_;
  std::deque<T> items_;
  bool closed_ = false;
  std::exception_ptr error_;
  Waiters not_empty_, not_full_;
};

}  // namespace farkeep
