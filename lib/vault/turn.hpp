#pragma once

#include <utility>

#include "async/task.hpp"
#include "async/waiters.hpp"

namespace farkeep {

/// Lets one coroutine at a time through, first come, first served: where a step has to wait in the middle and must not be
/// interleaved with itself.  Single-threaded.  The object outlives its holders.
class Turn {
 public:
  class Held {
   public:
    Held(Held&& other) noexcept : turn_(std::exchange(other.turn_, nullptr)) {}
    Held& operator=(Held&&) = delete;
    ~Held() {
      if (turn_) turn_->release();
    }

   private:
    friend class Turn;
    explicit Held(Turn* turn) : turn_(turn) {}
    Turn* turn_;
  };

  Turn() = default;
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  /// Cancelled while waiting: nothing is held.
  task<Held> take() {
    // The one who releases hands over to the first in line without letting anybody in between.
    if (taken_) {
      co_await line_.wait();
    } else {
      taken_ = true;
    }
    co_return Held{this};
  }

 private:
  void release() { taken_ = line_.wake_one(); }

  bool taken_ = false;
  Waiters line_;
};

}  // namespace farkeep
