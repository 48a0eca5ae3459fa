#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "wire/wire.pb.h"

namespace farkeep::wire {

/// What a peer answered instead of what was asked: its code, and its text as what() says it.
class Refusal : public failure {
 public:
  Refusal(Errc code, const std::string& doing, std::chrono::seconds retry_after, std::optional<WallTime> time = std::nullopt)
      : failure(code, doing), retry_after_(retry_after), time_(time) {}
  /// busy: not before.  At most an hour, whatever the peer said.
  std::chrono::seconds retry_after() const noexcept { return retry_after_; }
  /// What the peer's clock says, where it refused because of what a clock says.
  std::optional<WallTime> time() const noexcept { return time_; }

 private:
  std::chrono::seconds retry_after_;
  std::optional<WallTime> time_;
};

/// A failure as a message.  `text` is for people: what could not be done, why, what to do now; never a secret.
pb::Failure to_failure(Errc code, std::string_view text, std::chrono::seconds retry_after = std::chrono::seconds{0});

/// The exception for a Failure of a peer, who may lie: a code that is unknown, or not its to say (that this program
/// is cancelled, or was called wrongly), is `protocol`, and the text is cut at 1 KiB and
/// freed of control characters, because it will stand on a terminal.
Refusal to_refusal(const pb::Failure& message, std::string_view doing);

}  // namespace farkeep::wire
