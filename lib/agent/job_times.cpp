#include "agent/job_times.hpp"

#include <algorithm>

#include "agent/stored_time.hpp"
#include "base/codec.hpp"
#include "crypto/digest.hpp"

namespace farkeep {
namespace {

using namespace std::chrono_literals;
constexpr std::chrono::nanoseconds kFirstPause = 1min, kLongestPause = 1h;

WallTime time(std::int64_t ns) { return WallTime{std::chrono::nanoseconds(ns)}; }
std::int64_t ns(WallTime t) { return t.time_since_epoch().count(); }

}  // namespace

std::chrono::seconds JobTimes::jitter() const {
  if (job_.jitter.count() == 0) return 0s;
  Buffer all = to_buffer(agent_.view());
  append(all, as_bytes(job_.name));
  const Digest digest = sha256(all);
  Reader r{digest.view()};
  return std::chrono::seconds(r.number<std::uint64_t>() % static_cast<std::uint64_t>(job_.jitter.count() + 1));
}

// A job that was first seen at a time that lies ahead, under another clock, was seen before now, and nobody knows when.
std::optional<JobTimes::Due> JobTimes::next(const agent::pb::Job& record, WallTime now) const {
  if (job_.schedules.empty()) return std::nullopt;
  Due out{now, Why::continued};
  if (record.retry_at_ns() > 0 && !record.running()) {
    out = {waits(record.retry_at_ns(), now, kLongestPause) ? time(record.retry_at_ns()) : now, Why::retry};
  } else if (!record.running()) {
    const std::chrono::seconds offset = jitter();
    const std::int64_t last_start = believable(record.last_start_ns(), now);
    const bool ran = last_start > 0;
    WallTime last = time(ran ? last_start : record.first_seen_ns());
    if (!ran && (last > now || (last == WallTime{} && record.last_start_ns() > 0))) last = now - kGrace;  // it was seen, or ran, at a time that nobody knows
    if (!job_.catch_up && last != WallTime{}) last = std::max(last, now - kGrace);
    if (last != WallTime{}) last -= offset;
    std::optional<WallTime> first;
    for (auto& s : job_.schedules) {
      // What is counted from the last start is due at once when there was none; a time of day is waited for.
      const bool at_once = !ran && s.next(now - offset, WallTime{}, zone_) == now - offset;
      const WallTime at = s.next(now - offset, at_once ? WallTime{} : last, zone_);
      if (at == Schedule::kNever) continue;
      first = first ? std::min(*first, at + offset) : at + offset;
    }
    if (!first) return std::nullopt;
    out = {*first, *first <= now ? Why::missed : Why::schedule};
  }
  if (job_.windows.empty()) return out;
  const auto open = next_with(job_.windows, true, std::chrono::ceil<std::chrono::seconds>(out.at), zone_);
  if (open && *open > out.at + 1s) out.at = WallTime{*open};
  return out;
}

std::optional<WallTime> JobTimes::overdue_at(const agent::pb::Job& record, WallTime now) const {
  if (!job_.overdue_after) return std::nullopt;
  const std::int64_t last_good = believable(record.last_good_ns(), now);
  if (record.lost() && last_good == 0) return job_.schedules.empty() ? std::nullopt : std::optional(now);
  const WallTime since = last_good > 0 ? time(last_good) : std::min(time(record.first_seen_ns()), now);
  if (since == WallTime{}) return record.last_good_ns() > 0 ? std::optional(now) : std::nullopt;  // of a time that nobody knows
  std::optional<WallTime> first;
  for (auto& s : job_.schedules) {
    const WallTime at = s.next(since, since, zone_);
    if (at != Schedule::kNever) first = first ? std::min(*first, at) : at;
  }
  if (!first) return std::nullopt;
  *first += jitter();
  if (!job_.windows.empty()) {
    const auto open = next_with(job_.windows, true, std::chrono::ceil<std::chrono::seconds>(*first), zone_);
    if (open) first = std::max(*first, WallTime{*open});
  }
  return *first + *job_.overdue_after;
}

std::optional<WallTime> JobTimes::must_stop(WallTime now) const {
  if (job_.windows.empty()) return std::nullopt;
  const auto shut = next_with(job_.windows, false, std::chrono::floor<std::chrono::seconds>(now), zone_);
  return shut ? std::optional<WallTime>(WallTime{*shut}) : std::nullopt;
}

std::chrono::nanoseconds JobTimes::patience(const agent::pb::Job& record, WallTime now) const {
  const WallTime began = record.trying_since_ns() > 0 ? std::min(time(record.trying_since_ns()), now) : now;
  return std::max<std::chrono::nanoseconds>(0s, began + job_.retry_for - now);
}

void JobTimes::failed(agent::pb::Job& record, WallTime now) const {
  if (record.trying_since_ns() == 0 || time(record.trying_since_ns()) > now) record.set_trying_since_ns(record.last_start_ns() > 0 ? std::min(record.last_start_ns(), ns(now)) : ns(now));
  const std::uint32_t tries = record.tries() + 1;
  std::chrono::nanoseconds pause = kFirstPause;
  for (std::uint32_t i = 1; i < tries && pause < kLongestPause; ++i) pause *= 2;
  pause = std::min(pause, kLongestPause);
  if (now + pause >= time(record.trying_since_ns()) + job_.retry_for) return settled(record);
  record.set_tries(tries);
  record.set_retry_at_ns(ns(now + pause));
}

bool JobTimes::was_skipped(const agent::pb::Job& record, WallTime now) { return believable(record.skipped_ns(), now) > believable(record.last_end_ns(), now); }

void JobTimes::settled(agent::pb::Job& record) {
  record.clear_retry_at_ns();
  record.clear_trying_since_ns();
  record.clear_tries();
}

const char* name_of(JobTimes::Why why) noexcept {
  switch (why) {
    case JobTimes::Why::schedule: return "schedule";
    case JobTimes::Why::missed: return "missed";
    case JobTimes::Why::retry: return "retry";
    case JobTimes::Why::continued: return "continued";
  }
  return "unknown";
}

}  // namespace farkeep
