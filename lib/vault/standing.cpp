#include "vault/standing.hpp"

#include <algorithm>

#include "base/limits.hpp"
#include "vault/names.hpp"
#include "vault/registry.hpp"
#include "wire/message.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMaxText = 200, kMaxName = 128;

}  // namespace

bool AgentStanding::overdue() const noexcept {
  return std::any_of(jobs.begin(), jobs.end(), [](const Job& job) { return job.overdue; });
}

AgentStanding standing_of(const vault::pb::Told& told, WallTime now) {
  AgentStanding out;
  out.told = WallTime{std::chrono::nanoseconds(told.received_ns())};
  auto const report = wire::parse_message<wire::pb::Report>(told.report(), limits::kMaxReport);
  if (!report) return out;
  // The agent's clock may be wrong: what counts is how long before or after its report a time lies.  Computed unsigned, for they may be any numbers.
  auto const here = [&](std::int64_t ns) -> std::optional<WallTime> {
    if (ns == 0) return std::nullopt;
    auto const shifted = static_cast<std::uint64_t>(ns) - static_cast<std::uint64_t>(report->time_ns()) + static_cast<std::uint64_t>(told.received_ns());
    return WallTime{std::chrono::nanoseconds(static_cast<std::int64_t>(shifted))};
  };
  for (auto const& one : report->job()) {
    AgentStanding::Job job;
    job.name = printable_name(one.name(), kMaxText);
    job.schedule = printable_name(one.schedule(), kMaxText);
    job.last_good = here(one.last_good_ns());
    job.overdue_from = here(one.overdue_ns());
    job.paused = one.paused();
    job.overdue = job.overdue_from && *job.overdue_from <= now;
    out.jobs.push_back(std::move(job));
  }
  out.name = printable_name(report->name(), kMaxName);
  out.deployed_as = printable_name(report->deployed_as(), kMaxText);
  out.other_machine = report->other_machine();
  out.drifted = !report->deployed_digest().empty() && report->deployed_digest() != report->settings_digest();
  return out;
}

}  // namespace farkeep
