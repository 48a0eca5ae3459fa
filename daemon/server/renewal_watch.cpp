#include "renewal_watch.hpp"

#include "async/fence.hpp"
#include "base/log.hpp"
#include "wire/root_word.hpp"

namespace farkeep::server {
namespace {

constexpr std::chrono::nanoseconds kKeysCheck = std::chrono::seconds{5};          // an operator who revokes a key waits for it
constexpr std::chrono::nanoseconds kDoubtCheck = std::chrono::seconds{1};  // agents wait for the new certificate: the partner may say any moment that the clock is right

}  // namespace

std::string trust_in(const std::string& root_word, const Identity& identity) {
  auto const word = wire::stored_root_word(root_word, identity.roots());
  std::string out;
  if (word) {
    for (auto const& one : word->content.revoked()) out += one.SerializeAsString();
    for (auto const& one : word->content.root()) out += one.SerializeAsString();
  }
  return out;
}

task<void> RenewalWatch::wait(Server& server, const Identity& identity, std::chrono::nanoseconds look) {
  static_cast<void>(co_await renewal_due(server, identity));  // one that is due now has just failed, and waits its time
  for (std::chrono::nanoseconds waited{0};;) {
    auto const pause = in_doubt_ ? kDoubtCheck : kKeysCheck;
    co_await timers_.sleep(pause);
    waited += pause;
    bool const changed = co_await keys_changed(server, identity);
    if (changed) co_return;
    if (waited < look && !in_doubt_) continue;
    waited = std::chrono::nanoseconds{0};
    bool const due = co_await renewal_due(server, identity);
    if (due) co_return;
  }
}

// A disk that cannot be read now is asked again.
task<bool> RenewalWatch::keys_changed(Server& server, const Identity& identity) {
  bool changed = false;
  const auto look = [&]() -> task<void> {
    auto const now = co_await workers_.offload([](Disk* disk, std::string data) { return Identity::state_on_disk(*disk, data); }, &disk_, std::string{data_});
    auto const word = co_await workers_.offload([](Registry* registry) { return registry->root_word(); }, &server.registry());
    changed = now != began_.state || (word != same_word_ && trust_in(word, identity) != began_.trust);
    if (!changed) same_word_ = word;
  };
  auto const problem = co_await problem_of(look());
  if (!problem.empty()) log_warning("looking for changed keys: {}", problem);
  co_return changed;
}

// What the clock said before is in a file: one that cannot be read is no reason to stop serving.
task<bool> RenewalWatch::renewal_due(Server& server, const Identity& identity) {
  bool due = false;
  const auto look = [&]() -> task<void> {
    auto const verdict = co_await workers_.offload([](ClockGuard* guard) { return guard->judge(); }, &server.clock_guard());
    in_doubt_ = verdict == ClockGuard::Verdict::ahead;
    due = identity.renewal(clock_.wall(), verdict) != Identity::Renewal::none;
  };
  auto const problem = co_await problem_of(look());
  if (!problem.empty()) log_warning("looking whether the server's certificate is due: {}; it is tried again in a minute", problem);
  co_return due;
}

}  // namespace farkeep::server
