#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "transport/notice.hpp"

namespace farkeep {

/// An agent of which there is something to tell.
struct AlarmedAgent {
  struct Job {
    std::string name, detail;  ///< "last good snapshot: never"
  };
  std::string name, account;
  std::string told;        ///< when it last told of its jobs
  std::vector<Job> jobs;   ///< at least one
  std::int64_t before_ns = 0;  ///< when something was last told of it; 0: never
};

/// In the order in which to name them, since not all may fit: the accounts in turn, and of one account first those of whom nothing was told for the longest time.  So
/// neither an account full of agents, nor agents that fall ill and recover all day, keep another one's name out of the text.
void put_in_order(std::vector<AlarmedAgent>& agents);

/// Of agents as which two machines work.
Notice doubled_notice(const std::vector<AlarmedAgent>& agents);

/// Of agents, by their ids in hexadecimal digits, of whom the partner has other snapshots than this server under the same numbers.
Notice fork_notice(const std::string& partner, const std::vector<std::string>& agents);

/// How many agents, and jobs of one agent, a text names; it counts the others.
inline constexpr std::size_t kMostNamed = 20;

/// One notice of all of them: of a data centre's line that was down nobody wants to hear a hundred times.  Its text is one line of a few kilobytes at most,
/// whatever agents are called.  `remark`: what the reader should know of this server; may be empty.
Notice alarm_notice(Notice::Event event, const std::vector<AlarmedAgent>& agents, const std::string& remark);

}  // namespace farkeep
