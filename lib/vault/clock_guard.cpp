#include "vault/clock_guard.hpp"

#include "base/codec.hpp"
#include "base/log.hpp"
#include "crypto/digest.hpp"
#include "platform/atomic_file.hpp"
#include "wire/refusal.hpp"

namespace farkeep {
namespace {

using std::chrono::hours;
constexpr auto kAgree = hours{1};           // two clocks that nobody sets are minutes apart after a year
constexpr auto kBack = hours{24};           // a clock that was set by the wrong time zone is no reason to stop
constexpr auto kDisputed = hours{24 * 30};  // a month switched off is a holiday; with a partner that says otherwise it is a doubt
constexpr auto kAhead = hours{24 * 400};    // more than a certificate's life: what was made under a wrong clock would outlive all the right ones
constexpr auto kEvery = hours{1};           // between two writes
constexpr std::size_t kFile = 8 + Digest::kSize;

bool agree(std::chrono::nanoseconds difference) { return difference <= kAgree && difference >= -kAgree; }

std::string hours_of(std::chrono::nanoseconds d) {
  auto const n = std::chrono::duration_cast<hours>(d).count();
  return n >= 48 ? std::to_string(n / 24) + " days" : std::to_string(n) + " hours";
}

}  // namespace

ClockGuard::ClockGuard(Disk& disk, const std::string& data, const Clock& clock, WallTime built)
    : disk_(disk), path_(data + "/clock"), clock_(clock), built_(built) {}

// time u64 (nanoseconds) ‖ SHA-256 of it
std::optional<WallTime> ClockGuard::believed() const {
  auto const bytes = read_file(disk_, path_, kFile);
  if (!bytes || bytes->size() != kFile) return std::nullopt;
  auto const time = ByteView{*bytes}.first(8);
  if (!equal(sha256(time).view(), ByteView{*bytes}.subspan(8))) return std::nullopt;
  Reader reader{time};
  return WallTime{std::chrono::nanoseconds{static_cast<std::int64_t>(reader.number<std::uint64_t>())}};
}

void ClockGuard::believe(WallTime time) {
  Buffer out;
  Writer writer{out};
  writer.number(static_cast<std::uint64_t>(time.time_since_epoch().count()));
  auto const sum = sha256(out);
  append(out, sum.view());
  write_file_atomically(disk_, path_, out);
  written_ = time;
}

std::optional<std::chrono::nanoseconds> ClockGuard::difference_at(WallTime now) const {
  if (!heard_) return std::nullopt;
  return heard_->said + (clock_.steady() - heard_->at) - now;
}

ClockGuard::Verdict ClockGuard::judge_locked(WallTime now) const {
  if (now < built_) return Verdict::before_build;
  auto const difference = difference_at(now);
  bool const agreed = difference && agree(*difference);
  auto const last = believed();
  if (agreed || !last) return Verdict::plausible;
  if (now < *last && *last - now > kBack) return Verdict::behind;
  if (now > *last && now - *last > kAhead) return Verdict::ahead;
  if (difference && now > *last && now - *last > kDisputed) return Verdict::disputed;
  return Verdict::plausible;
}

ClockGuard::Verdict ClockGuard::judge() const {
  std::lock_guard guard{mutex_};
  return judge_locked(clock_.wall());
}

std::string ClockGuard::trouble() const {
  std::lock_guard guard{mutex_};
  auto const now = clock_.wall();
  auto const what_to_do = std::string{"; set the clock, or, if it is right, say so with `farkeep-server clock accept`"};
  auto const says = "this server's clock says " + rfc3339(now);
  auto const last = believed().value_or(now);
  switch (judge_locked(now)) {
    case Verdict::plausible: break;
    case Verdict::before_build: return says + ", which is before the program was built (" + rfc3339(built_).substr(0, 10) + "): set the clock";
    case Verdict::behind: return says + ", " + hours_of(last - now) + " before what it said already" + what_to_do;
    case Verdict::ahead: return says + ", " + hours_of(now - last) + " after it was last believed" + what_to_do;
    case Verdict::disputed: return says + ", " + hours_of(now - last) + " after it was last believed, and its partner's clock says " + rfc3339(now + difference_at(now).value_or(std::chrono::nanoseconds{0})) + what_to_do;
  }
  return {};
}

void ClockGuard::require(const std::string& doing) const {
  auto const why = trouble();
  if (!why.empty()) throw wire::Refusal(Errc::busy, doing + ": " + why, std::chrono::hours{1});
}

void ClockGuard::heard(WallTime theirs) {
  // Anything else is no time, and would overflow below.
  constexpr auto kFirst = std::int64_t{1}, kLast = std::int64_t{7'258'118'400};  // 1970 (0: it said nothing), 2200
  if (unix_seconds(theirs) < kFirst || unix_seconds(theirs) > kLast) return;
  std::lock_guard guard{mutex_};
  auto const now = clock_.wall();
  heard_ = Heard{theirs, clock_.steady()};
  if (judge_locked(now) != Verdict::plausible || !agree(theirs - now)) return;
  if (now >= written_ && now - written_ < kEvery) return;  // the partner may come as often as it likes
  try {
    believe(now);
  } catch (const failure& f) {
    log_warning("noting the time: {}", f.what());  // a full disk stops no mirror
  }
}

std::optional<std::chrono::seconds> ClockGuard::difference() const {
  std::lock_guard guard{mutex_};
  auto const found = difference_at(clock_.wall());
  if (!found || agree(*found)) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::seconds>(*found);
}

void ClockGuard::note() {
  std::lock_guard guard{mutex_};
  auto const now = clock_.wall();
  if (now >= written_ && now - written_ < kEvery) return;
  if (judge_locked(now) != Verdict::plausible) return;
  // A little back is no news: else a partner that disagrees could be outwaited by setting the clock back and forth.
  if (auto const last = believed(); last && *last > now) return;
  believe(now);
}

// One that went back may be right again.
std::optional<WallTime> ClockGuard::instead_of_now() const {
  std::lock_guard guard{mutex_};
  return judge_locked(clock_.wall()) == Verdict::ahead ? believed() : std::nullopt;
}

void ClockGuard::accept() {
  std::lock_guard guard{mutex_};
  if (clock_.wall() < built_) throw failure(Errc::usage, "accepting the clock: it says " + rfc3339(clock_.wall()) + ", which is before the program was built; set it");
  believe(clock_.wall());
}

}  // namespace farkeep
