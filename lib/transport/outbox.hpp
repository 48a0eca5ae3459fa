#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/clock.hpp"
#include "platform/hint_files.hpp"
#include "transport/notice.hpp"

namespace farkeep {

/// Who has heard a notice: a hash of the kind of telling and of its address, so that no address lies here (agent/STATE.md, Waiting notices).
using HearerMark = std::array<std::uint8_t, 8>;
HearerMark hearer_mark(char kind, const std::string& address);

struct WaitingNotice {
  Notice notice;
  WallTime since{};
  std::set<HearerMark> heard;
};

/// The bytes of its file.  Pure; the second is total.
Buffer write_waiting(const WaitingNotice& waiting);
std::optional<WaitingNotice> parse_waiting(ByteView file);

/// Notices that somebody has not heard yet, each in a file of its own, in the order in which they came.
///
/// Durable when a call returns, or in memory as long as the disk does not take them; nothing here throws for what the disk says.  One thread, one object a folder.
class Outbox {
 public:
  /// A night of three hundred jobs, whose pings and people all are out of reach.
  static constexpr std::size_t kMost = 2000;
  static constexpr std::chrono::hours kLongest{7 * 24};

  /// All outlive it.
  Outbox(Disk& disk, std::string folder, const Clock& clock);

  /// Where there are kMost, the oldest ping alone goes for it, or the oldest notice.  That, and what waited too long, is logged.
  void add(Notice notice);
  const std::map<std::uint64_t, WaitingNotice>& waiting() const noexcept { return waiting_; }
  /// Nothing happens where it is gone.
  void heard(std::uint64_t number, const HearerMark& by);
  void remove(std::uint64_t number);
  /// Those that have waited for kLongest go.
  void drop_old();

 private:
  void load();
  void drop(std::uint64_t number, const std::string& why);
  std::string path(std::uint64_t number) const;

  Disk& disk_;
  const std::string folder_;
  const Clock& clock_;
  HintFiles files_;
  std::map<std::uint64_t, WaitingNotice> waiting_;
  std::uint64_t next_ = 1;
};

}  // namespace farkeep
