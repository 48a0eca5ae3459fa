#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "transport/network.hpp"

namespace farkeep {

/// A bounded number of places for which strangers compete.
///
/// Nobody is refused: when all are taken, one of those inside gives way.  Not the oldest, for then whoever knocks often enough
/// decides how long the others may take, and those who are far away never finish; but, of sixteen drawn at random, the one from
/// whose network most are inside.  So a flood out of one network pushes out itself, and one out of many leaves everybody the same chance.
/// One thread.
class Crowd {
  struct State;

 public:
  /// Somebody who has a place, or had one.
  class Member {
   public:
    /// `give_way` is called when the place is needed, when it has been taken away already; it must not destroy the member.
    Member(Network network, std::function<void()> give_way) : network_(network), give_way_(std::move(give_way)) {}
    ~Member() { leave(); }
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;

    /// Idempotent.  Whatever give_way() needs lives until then.
    void leave() noexcept;
    bool inside() const noexcept { return state_ != nullptr; }

   private:
    friend class Crowd;
    const Network network_;
    const std::function<void()> give_way_;
    std::shared_ptr<State> state_;
    std::size_t at_ = 0;
  };

  /// Members may outlive it.
  explicit Crowd(std::size_t most);

  /// Gives it a place, out of another crowd if it is in one.
  void enter(Member& member);
  std::size_t size() const noexcept;
  /// How many have had to give way.
  std::uint64_t gave_way() const noexcept;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace farkeep
