#include "agent/reading.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace farkeep {
namespace {
constexpr const char* kWaysOut = "what is there is read with --accept-older, and farkeep history accept takes it as this machine's history";
}

// 1. what both show  2. who may be read from, the newest first  3. what is said of it  4. the work
task<void> read_vault(ReadParts parts, std::chrono::nanoseconds patience, Servers::Work work) {
  const bool knows_nothing = Heads(parts.heads.state).newest_seen().sequence == 0;
  const std::vector<HeadLook> looks = co_await look_at_heads(parts.heads, patience);
  if (knows_nothing) parts.reporter.note(in_words(looks));
  bool alarmed = false;
  std::uint64_t newest = 0;
  for (auto& l : looks) {
    newest = std::max(newest, l.head.sequence);
    if (!l.alarm) continue;
    parts.alarm(l.problem);
    alarmed = true;
  }
  const auto look_of = [&](const ServerTarget& t) -> const HeadLook* {
    const auto at = std::find_if(looks.begin(), looks.end(), [&](const HeadLook& l) { return l.target.id == t.id; });
    return at == looks.end() ? nullptr : &*at;
  };
  const auto is_alarming = [&](const ServerTarget& t) { return look_of(t) && look_of(t)->alarm && !look_of(t)->is_forged; };
  const auto is_right = [&](const ServerTarget& t) { return look_of(t) && look_of(t)->answered && !look_of(t)->alarm; };
  const auto said = [&](const ServerTarget& t) { return look_of(t) && !look_of(t)->is_forged ? look_of(t)->said : 0; };
  std::vector<ServerTarget> line = parts.choice.order(parts.heads.servers.pair());
  const std::vector<ServerTarget> whole = line;
  std::erase_if(line, is_alarming);
  const bool none_is_right = std::none_of(line.begin(), line.end(), is_right);
  const bool reads_older = parts.older == Older::accepted && none_is_right && alarmed;
  if (parts.reads_older) *parts.reads_older = reads_older;
  if (reads_older) {
    line = whole;
    std::stable_sort(line.begin(), line.end(), [&](const ServerTarget& a, const ServerTarget& b) { return said(a) > said(b); });
  } else {
    std::stable_partition(line.begin(), line.end(), [&](const ServerTarget& t) { return look_of(t) && look_of(t)->answered && look_of(t)->head.sequence == newest; });
  }
  if (line.empty() && alarmed)
    throw failure::whole(Errc::rollback, std::string{"reading this machine's vault: no server can be read from, for each shows another history than it may; "} + kWaysOut);
  const HearsOfFailure heard = [&](const ServerTarget& target, const boost::system::system_error& f) {
    if (is_server_trouble(f) || exit_code(f.code()) != Exit::alarm) return;
    if (is_history_alarm(f)) Heads(parts.heads.state).alarm(target, f.what(), parts.heads.clock.wall());
    parts.alarm(f.what());
  };
  std::string lost;
  try {
    co_await use_any(parts.heads.servers, parts.choice, parts.reporter, std::move(work), std::move(line), heard);
  } catch (const failure& f) {
    if (!alarmed || exit_code(f.code()) != Exit::unreachable) throw;
    lost = f.what();
  }
  if (!lost.empty()) throw failure::whole(Errc::rollback, "reading this machine's vault beside the server that there is an alarm about: " + lost + (reads_older ? "" : std::string("; ") + kWaysOut));
}

}  // namespace farkeep
