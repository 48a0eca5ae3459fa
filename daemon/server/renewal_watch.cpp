#include "renewal_watch.hpp"

#include "async/fence.hpp"
#include "base/log.hpp"
#include "wire/root_word.hpp"

namespace farkeep::server {
namespace {

constexpr std::chrono::nanoseconds kKeysCheck = std::chrono::seconds{5};          // an operator who revokes a key waits for it
constexpr std::chrono::nanoseconds kDoubtCheck = std::chrono::milliseconds{250};  // agents wait for the certificate that a clock which is believed again brings

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
  for (std::chrono::nanoseconds waited{0};;) {
    bool const believes_anew = co_await verdict_changed(server);
    auto const pause = verdict_ == ClockGuard::Verdict::ahead ? kDoubtCheck : kKeysCheck;
    if (!believes_anew) co_await timers_.sleep(pause);
    bool const changed = co_await keys_changed(server, identity);
    if (changed) co_return;
    waited += pause;
    if (waited < look && !believes_anew) continue;
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

// The partner may just have said that the clock is right.
task<bool> RenewalWatch::verdict_changed(Server& server) {
  bool changed = false;
  const auto look = [&]() -> task<void> {
    auto const verdict = co_await workers_.offload([](ClockGuard* guard) { return guard->judge(); }, &server.clock_guard());
    changed = verdict_ && verdict != *verdict_;
    verdict_ = verdict;
  };
  static_cast<void>(co_await problem_of(look()));  // the next look says so
  co_return changed;
}

// What the clock said before is in a file: one that cannot be read is no reason to stop serving.
task<bool> RenewalWatch::renewal_due(Server& server, const Identity& identity) {
  bool due = false;
  const auto look = [&]() -> task<void> {
    auto const verdict = co_await workers_.offload([](ClockGuard* guard) { return guard->judge(); }, &server.clock_guard());
    due = identity.renewal(clock_.wall(), verdict) != Identity::Renewal::none;
  };
  auto const problem = co_await problem_of(look());
  if (!problem.empty()) log_warning("looking whether the server's certificate is due: {}; it is tried again in a minute", problem);
  co_return due;
}

}  // namespace farkeep::server
