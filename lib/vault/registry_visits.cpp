#include <algorithm>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "vault/names.hpp"
#include "vault/registry.hpp"

// What is noted of every visit.  A file made durable costs a disk milliseconds, and an agent can visit, ask and report thousands of times a
// second: so one file a minute for each kind of news of one agent, a few at once after a quiet time, the rest in memory.
namespace farkeep {
namespace {

constexpr auto kVisitEvery = std::chrono::minutes{1};
constexpr int kAtOnce = 8;  // a job that ends tells it before and after, and a person who works on a machine starts several
constexpr std::size_t kMaxSoftware = 128;
constexpr std::size_t kMostInMemory = 4096;   // agents; their notes are 300 bytes each…
constexpr std::size_t kMostReports = 256;     // …but a report may have 128 KiB: more than these are written at once

}  // namespace

Registry::Visit& Registry::visit_of(const AgentId& id) {
  if (visits_.size() >= kMostInMemory && !visits_.contains(id)) {
    for (auto& [agent, visit] : visits_) write_visit(agent, visit);
    visits_.clear();
  }
  return visits_[id];
}

// The first few are written at once, so that an administrator who looks, and the partner, see them: a bucket of kAtOnce writes that gains one
// each kVisitEvery (the generic cell rate algorithm, ITU-T I.371).
bool Registry::write_if_due(const AgentId& id, Visit& visit, SteadyTime& paid) {
  auto const reports = std::count_if(visits_.begin(), visits_.end(), [](auto const& one) { return one.second.told.has_value(); });
  bool const many = static_cast<std::size_t>(reports) > kMostReports;
  auto const now = clock_.steady();
  if (!many && paid - now > (kAtOnce - 1) * kVisitEvery) return false;
  paid = std::min(std::max(paid, now) + kVisitEvery, now + kAtOnce * kVisitEvery);
  write_visit(id, visit);
  return true;
}

// What cannot be written is dropped: the next visit tells it again, and memory does not fill while a disk is full.
void Registry::write_visit(const AgentId& id, Visit& visit) {
  try {
    if (visit.seen) save(path("seen", id.view()), *visit.seen);
    if (visit.told) save_told(*visit.told);
  } catch (const failure& f) {
    log_warning("{} (a visit is not noted; the agent is served all the same)", f.what());
  }
  visit.seen.reset();
  visit.told.reset();
}

std::vector<AgentId> Registry::write_visits() {
  std::vector<AgentId> reported;
  std::lock_guard guard{visits_mutex_};
  for (auto one = visits_.begin(); one != visits_.end();) {
    auto& visit = one->second;
    if (visit.told) reported.push_back(one->first);
    if (visit.seen || visit.told) write_visit(one->first, visit);
    if (clock_.steady() >= std::max({visit.contact, visit.serial, visit.report})) one = visits_.erase(one);
    else ++one;
  }
  return reported;
}

void Registry::note_seen(const AgentId& id, std::string_view address, std::string_view software) {
  std::lock_guard guard{visits_mutex_};
  auto& visit = visit_of(id);
  if (!visit.seen) visit.seen = load<vault::pb::Seen>(path("seen", id.view())).value_or(vault::pb::Seen{});
  if (visit.seen->first_ns() == 0) visit.seen->set_first_ns(now());
  visit.seen->set_last_ns(now());
  visit.seen->set_address(std::string{address});
  visit.seen->set_software(printable_name(software, kMaxSoftware));
  write_if_due(id, visit, visit.contact);
}

void Registry::note_directory(const AgentId& id, std::uint64_t serial) {
  std::lock_guard guard{visits_mutex_};
  auto& visit = visit_of(id);
  auto seen = visit.seen ? *visit.seen : load<vault::pb::Seen>(path("seen", id.view())).value_or(vault::pb::Seen{});
  if (seen.directory_serial() == serial) return;
  seen.set_directory_serial(serial);
  visit.seen = std::move(seen);
  write_if_due(id, visit, visit.serial);
}

std::optional<vault::pb::Seen> Registry::seen(const AgentId& id) {
  {
    std::lock_guard guard{visits_mutex_};
    auto const visit = visits_.find(id);
    if (visit != visits_.end() && visit->second.seen) return visit->second.seen;
  }
  return load<vault::pb::Seen>(path("seen", id.view()));
}

// ---- reports

bool Registry::set_told(const AgentId& id, std::string_view report) {
  if (report.size() > limits::kMaxReport) throw failure(Errc::too_large, "keeping the report of agent " + id.brief());
  vault::pb::Told told;
  told.set_id(to_string(id.view()));
  told.set_received_ns(now());
  told.set_report(std::string{report});
  std::lock_guard guard{visits_mutex_};
  auto& visit = visit_of(id);
  visit.told = std::move(told);
  return write_if_due(id, visit, visit.report);
}

std::optional<vault::pb::Told> Registry::told(const AgentId& id) {
  {
    std::lock_guard guard{visits_mutex_};
    auto const visit = visits_.find(id);
    if (visit != visits_.end() && visit->second.told) return visit->second.told;
  }
  return load<vault::pb::Told>(path("told", id.view()));
}

}  // namespace farkeep
