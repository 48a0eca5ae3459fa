#include "transport/outbox.hpp"

#include <algorithm>
#include <charconv>

#include "base/build_time.hpp"
#include "base/codec.hpp"
#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/utf8.hpp"
#include "crypto/checked_state.hpp"
#include "crypto/digest.hpp"
#include "platform/atomic_file.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMostText = 16 * limits::kKiB;  // what a server says of many agents has a few
constexpr std::size_t kMostFile = 64 * limits::kKiB;
constexpr std::size_t kMostHeard = 256, kMostAgents = 64;
constexpr std::size_t kDigits = 12;
constexpr std::uint64_t kFarNumber = 900'000'000'000;  // nobody counts that far: a file with such a number says nothing of the next one's, which must keep its digits
constexpr std::uint8_t kToPeople = 1;

void put(Writer& w, const std::string& text) {
  w.number(static_cast<std::uint32_t>(text.size()));
  w.raw(as_bytes(text));
}

std::string take(Reader& r) { return to_string(r.raw(r.number<std::uint32_t>())); }

std::int64_t ns(WallTime t) { return t.time_since_epoch().count(); }

std::optional<std::uint64_t> number_of(const std::string& name) {
  std::uint64_t out = 0;
  const auto end = name.data() + name.size();
  if (name.size() != kDigits || std::from_chars(name.data(), end, out).ptr != end || out == 0) return std::nullopt;
  return out;
}

}  // namespace

HearerMark hearer_mark(char kind, const std::string& address) {
  const Digest whole = sha256(as_bytes(kind + address));
  HearerMark out{};
  std::copy_n(whole.bytes.begin(), out.size(), out.begin());
  return out;
}

Buffer write_waiting(const WaitingNotice& waiting) {
  const Notice& n = waiting.notice;
  Buffer out;
  Writer w{out};
  w.number(static_cast<std::uint8_t>(n.event));
  w.number(static_cast<std::uint8_t>(n.to_people ? kToPeople : 0));
  w.number(static_cast<std::uint64_t>(ns(waiting.since)));
  const std::size_t heard = std::min(waiting.heard.size(), kMostHeard);
  w.number(static_cast<std::uint16_t>(heard));
  auto mark = waiting.heard.begin();
  for (std::size_t i = 0; i < heard; ++i, ++mark) w.raw(*mark);
  put(w, n.job);
  put(w, n.ping);
  put(w, std::string(whole_characters(n.text, kMostText)));
  const std::size_t agents = std::min(n.agents.size(), kMostAgents);
  w.number(static_cast<std::uint16_t>(agents));
  for (std::size_t i = 0; i < agents; ++i) put(w, n.agents[i]);
  return checked_body(std::move(out));
}

std::optional<WaitingNotice> parse_waiting(ByteView file) {
  const auto body = body_in(file);
  if (!body || body->size() == file.size()) return std::nullopt;  // none was ever written without a checksum
  Reader r{*body};
  WaitingNotice out{Notice{}, {}, {}};
  const auto event = r.number<std::uint8_t>();
  if (event > static_cast<std::uint8_t>(Notice::kLastEvent)) return std::nullopt;
  out.notice.event = static_cast<Notice::Event>(event);
  out.notice.to_people = (r.number<std::uint8_t>() & kToPeople) != 0;
  out.since = WallTime{std::chrono::nanoseconds(static_cast<std::int64_t>(r.number<std::uint64_t>()))};
  for (std::size_t left = r.number<std::uint16_t>(); left > 0 && r.ok(); --left) {
    HearerMark mark{};
    const ByteView bytes = r.raw(mark.size());
    std::copy(bytes.begin(), bytes.end(), mark.begin());
    out.heard.insert(mark);
  }
  out.notice.job = take(r);
  out.notice.ping = take(r);
  out.notice.text = take(r);
  for (std::size_t left = r.number<std::uint16_t>(); left > 0 && r.ok(); --left) out.notice.agents.push_back(take(r));
  if (!r.done() || out.since < WallTime{}) return std::nullopt;
  return out;
}

Outbox::Outbox(Disk& disk, std::string folder, const Clock& clock)
    : disk_(disk), folder_(std::move(folder)), clock_(clock), files_(disk, "the notices that wait to be told last only until it ends") {
  load();
}

// What cannot be read is told by nobody.
void Outbox::load() {
  std::vector<std::string> names;
  try {
    names = disk_.list(folder_);
  } catch (const failure& f) {
    log_error("{}; notices that waited are not told", f.what());
  }
  for (auto& name : names) {
    const auto number = number_of(name);
    if (!number) {
      if (is_temporary_name(name)) files_.remove(folder_ + "/" + name);
      continue;
    }
    if (*number < kFarNumber) next_ = std::max(next_, *number + 1);
    std::optional<Buffer> file;
    try {
      file = read_file(disk_, folder_ + "/" + name, kMostFile);
    } catch (const failure& f) {
      log_error("{}; the notice that waits there is told after a restart that can read it", f.what());
      continue;
    }
    std::optional<WaitingNotice> one = file ? parse_waiting(*file) : std::nullopt;
    if (one && waiting_.size() < kMost) {
      waiting_.emplace(*number, std::move(*one));
    } else {
      log_error("a notice that waited in {}/{} is told to nobody, and removed: {} (see what happened then: the log, and the status of jobs)", folder_, name, one ? "more wait than may" : "it is damaged");
      files_.remove(folder_ + "/" + name);
    }
  }
}

std::string Outbox::path(std::uint64_t number) const {
  const std::string digits = std::to_string(number);
  return folder_ + "/" + std::string(digits.size() < kDigits ? kDigits - digits.size() : 0, '0') + digits;
}

void Outbox::add(Notice notice) {
  drop_old();
  if (waiting_.size() >= kMost) {
    const auto ping = std::find_if(waiting_.begin(), waiting_.end(), [](const auto& one) { return !one.second.notice.to_people; });
    const auto oldest = ping == waiting_.end() ? waiting_.begin() : ping;
    drop(oldest->first, std::to_string(kMost) + " wait already");
  }
  while (waiting_.contains(next_)) ++next_;
  const auto added = waiting_.emplace(next_++, WaitingNotice{std::move(notice), clock_.wall(), {}}).first;
  files_.write(path(added->first), write_waiting(added->second));
}

void Outbox::heard(std::uint64_t number, const HearerMark& by) {
  const auto at = waiting_.find(number);
  if (at == waiting_.end() || !at->second.heard.insert(by).second) return;
  files_.write(path(number), write_waiting(at->second));
}

void Outbox::remove(std::uint64_t number) {
  if (waiting_.erase(number) > 0) files_.remove(path(number));
}

// One of a time that lies ahead, or before this program was made, was added under a wrong clock: it waits from now on.
void Outbox::drop_old() {
  const WallTime now = clock_.wall(), made = build_time();
  std::vector<std::uint64_t> old;
  for (auto& [number, one] : waiting_) {
    if (one.since > now || (one.since < made && now >= made)) one.since = now;
    if (now - one.since >= kLongest) old.push_back(number);
  }
  for (const std::uint64_t number : old) drop(number, "it has waited for a week");
}

void Outbox::drop(std::uint64_t number, const std::string& why) {
  const auto at = waiting_.find(number);
  log_warning("notifying of '{}': {}, so it is dropped, and not everybody has heard it", at->second.notice.text, why);
  remove(number);
}

}  // namespace farkeep
