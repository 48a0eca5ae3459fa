#include "agent/agent_line.hpp"

#include <algorithm>

namespace farkeep {
namespace {

// What the kernel takes in ahead of us comes as fast as the line goes.  A quarter of a second's worth, of which it makes twice that, is hardly seen
// and still fills a line to the other end of the world.
constexpr std::uint64_t kLeastBuffer = 32 * limits::kKiB, kMostBuffer = 4 * limits::kMiB;

}  // namespace

AgentLine::AgentLine(Executor executor, Timers& timers, const Clock& clock, Resolver& resolver, const AgentConfig& config, SecretText proxy_password, LoginMemory& logins)
    : clock_(clock),
      config_(config),
      chain_(std::move(executor), timers, resolver, config.connection, std::move(proxy_password), &logins),
      sent_(timers, [this] { return rate(config_.upload); }),
      received_(timers, [this] { return rate(config_.download); }),
      paced_(chain_, sent_, received_) {}

task<std::unique_ptr<Stream>> AgentLine::dial(Endpoint destination) {
  if (config_.upload.empty() && config_.download.empty()) return chain_.dial(std::move(destination));
  const std::uint64_t download = rate(config_.download);
  chain_.set_receive_buffer(download == 0 ? std::nullopt : std::optional<int>(static_cast<int>(std::clamp(download / 4, kLeastBuffer, kMostBuffer))));
  return paced_.dial(std::move(destination));
}

std::uint64_t AgentLine::rate(const std::vector<RateRule>& table) const {
  if (table.empty()) return 0;
  return rate_at(table, zone_.local_at(std::chrono::floor<std::chrono::seconds>(clock_.wall())));
}

}  // namespace farkeep
