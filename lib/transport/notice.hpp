#pragma once

#include <string>
#include <vector>

namespace farkeep {

/// A thing that somebody may want to hear of: an agent tells of its own jobs, a server of its agents' jobs.
struct Notice {
  enum class Event { started, done, failed, overdue, recovered, unusable, disk, incomplete };  // numbers on disk (outbox.hpp): new ones at the end
  static constexpr Event kLastEvent = Event::incomplete;
  Event event = Event::failed;
  std::string job;           ///< empty: several
  std::string text;          ///< one line, for people
  bool to_people = false;    ///< goes to webhooks, mail and commands
  std::string ping = {};     ///< the URL to call; empty: none
  std::vector<std::string> agents = {};  ///< names of those whose jobs they are, not all when there are many; none: the job is this machine's own
};
const char* name_of(Notice::Event event) noexcept;

}  // namespace farkeep
