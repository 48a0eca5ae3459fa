#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "platform/disk.hpp"

namespace farkeep {

/// Whether this server's clock may be believed when others are given certificates and directories (crypto/KEYS.md §6, "Clocks").
///
/// What it knows is `<data>/clock`: the newest time that was believed here; and, in memory, what the partner said last.  A server whose
/// clock is not believed goes on: it serves, takes backups and gives them back.  It only signs nothing that would outlive the mistake.
/// Blocking; any thread.  A file that is damaged counts as none.
class ClockGuard {
 public:
  enum class Verdict : std::uint8_t {
    plausible,
    before_build,  ///< earlier than the program was built
    behind,        ///< much earlier than the newest believed time
    ahead,         ///< much later than the newest believed time
    disputed,      ///< later than that, and the partner's clock says something else
  };

  /// `built`: nothing earlier is believed; the epoch (tests): no such bound.
  ClockGuard(Disk& disk, const std::string& data, const Clock& clock, WallTime built = WallTime{});

  Verdict judge() const;
  /// What is wrong, for people, and what to do; empty: nothing.
  std::string trouble() const;
  /// Throws wire::Refusal(busy) with that text unless the clock is plausible.
  void require(const std::string& doing) const;

  /// What the partner's clock said just now.  Where both agree the time is believed, whatever was believed before.
  void heard(WallTime theirs);
  /// How far the partner's clock is from ours, when it was heard and they do not agree.
  std::optional<std::chrono::seconds> difference() const;
  /// Once in a while, and at the start: a plausible time is the newest believed one.  Throws failure (io, no_space).
  void note();
  /// The administrator's word that the clock is right.
  void accept();

  /// While the clock is far ahead of the newest time that was believed: that one, by which other servers' certificates are judged then.  Two servers that were off for longer
  /// than their certificates live hear each other's clocks so, agree, and renew them.
  std::optional<WallTime> instead_of_now() const;

 private:
  struct Heard {
    WallTime said;
    SteadyTime at;
  };
  std::optional<std::chrono::nanoseconds> difference_at(WallTime now) const;
  Verdict judge_locked(WallTime now) const;
  std::optional<WallTime> believed() const;
  void believe(WallTime time);

  Disk& disk_;
  const std::string path_;
  const Clock& clock_;
  const WallTime built_;
  mutable std::mutex mutex_;
  std::optional<Heard> heard_;  // of the partner; it goes on by the steady clock, so that a jump of ours shows
  WallTime written_{};
};

}  // namespace farkeep
