#include "lasting.hpp"

#include "platform/file_access.hpp"
#include "platform/process.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kCallsAtOnce = 4;  // a dead address holds one of them for 20 s, and ever more rarely

std::string machine_name(const AgentConfig& config) { return config.name.empty() ? host_name() : config.name; }

std::unique_ptr<DiskLock> lock_of(const std::string& state) {
  refuse_if_others_share(state, "the state folder");
  auto held = system_disk().lock(state + "/daemon");
  if (!held) throw failure(Errc::busy, "working with " + state + ": another farkeepd does (systemctl status farkeepd says which; a second one needs a state folder of its own)");
  return held;
}

}  // namespace

Lasting::Lasting(const AgentConfig& config)
    : state_(system_disk(), config.state),
      alone_(lock_of(config.state)),
      web_workers_(kCallsAtOnce),
      notify_(config.notify),
      outbox_(system_disk(), config.state + "/notices", clock_),
      notifier_(notify_, machine_name(config), system_children(), web_, timers_, clock_, outbox_) {}

void Lasting::use(const AgentConfig& config) {
  notify_ = config.notify;
  notifier_.call_machine(machine_name(config));
  notifier_.look();
}

}  // namespace farkeep
