#include "agent/snapshots.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

#include "agent/fetcher.hpp"
#include "agent/servers.hpp"
#include "base/error.hpp"
#include "base/harmless.hpp"
#include "wire/message.hpp"
#include "wire/signed_document.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMostRows = 1 << 20;  // one every five minutes for ten years

// The receipt, if the server's signature on it is good and it is about this manifest.
std::optional<wire::pb::Receipt> receipt_of(ByteView bytes, const Digest& id, const TrustedRoots& roots) {
  auto document = wire::parse_message<wire::pb::SignedReceipt>(as_text(bytes));
  if (!document) return std::nullopt;
  auto receipt = wire::verify_receipt(*document, roots);
  if (!receipt || receipt->manifest_digest() != id.raw()) return std::nullopt;
  return std::move(*receipt);
}

}  // namespace

bool proves_protection(const RemoteSnapshot& row, const Digest& id, const TrustedRoots& roots, const std::vector<ServerId>& pair) {
  if (row.partner_receipt.empty()) return false;
  const auto first = receipt_of(row.receipt, id, roots), second = receipt_of(row.partner_receipt, id, roots);
  if (!first || !second || first->server_id() == second->server_id()) return false;
  const auto known = [&](const wire::pb::Receipt& r) { return std::any_of(pair.begin(), pair.end(), [&](const ServerId& s) { return s.raw() == r.server_id(); }); };
  return known(*first) && known(*second);
}

namespace {

// The newest one shown that has at most this number.
const SnapshotInfo* shown_up_to(std::span<const SnapshotInfo> rows, std::uint64_t number) {
  const auto at = std::find_if(rows.rbegin(), rows.rend(), [&](const SnapshotInfo& s) { return s.sequence <= number; });
  return at == rows.rend() ? nullptr : &*at;
}

// A server cannot open details: what they follow is a word of whoever holds the root key, and no row can be left out behind it.
std::vector<SnapshotInfo> with_missing(std::vector<SnapshotInfo> shown, const std::string& server) {
  std::vector<SnapshotInfo> missing;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const SnapshotInfo& s = shown[i];
    const std::uint64_t follows = s.details.follows.value_or(0);
    if (!s.problem.empty() || follows == 0 || follows >= s.sequence) continue;
    const SnapshotInfo* before = shown_up_to(std::span(shown).first(i), follows);
    const bool is_next = follows + 1 == s.sequence;
    if (before && before->sequence == follows && (!is_next || before->id == s.previous)) continue;
    SnapshotInfo gap;
    gap.sequence = follows;
    gap.missing_from = before && before->sequence < follows ? before->sequence + 1 : before ? follows : 1;
    if (is_next) gap.id = s.previous;
    gap.problem = fmt::format("{} does not show it{}, and number {} ({}) follows it", server, gap.missing_from < follows ? fmt::format(", nor those from number {} on", gap.missing_from) : "", s.sequence, s.id.brief());
    missing.push_back(std::move(gap));
  }
  shown.insert(shown.end(), std::make_move_iterator(missing.begin()), std::make_move_iterator(missing.end()));
  std::stable_sort(shown.begin(), shown.end(), [](const SnapshotInfo& a, const SnapshotInfo& b) { return a.sequence < b.sequence; });
  return shown;
}

// What a page's rows say, judged one by one.  Nothing of a row is kept but its SnapshotInfo.
class Listing {
 public:
  Listing(VaultPort& vault, SnapshotTrust trust, Workers& workers) : vault_(vault), trust_(std::move(trust)), workers_(workers), bound_from_(trust_.bound_from) {}

  task<std::vector<SnapshotInfo>> read() {
    for (;;) {
      const std::vector<RemoteSnapshot> page = co_await vault_.snapshots(after_);
      if (page.empty()) break;
      co_await read_page(page);
    }
    co_return with_missing(std::move(all_), vault_.server());
  }

 private:
  task<void> read_page(const std::vector<RemoteSnapshot>& page) {
    std::vector<Manifest> manifests;
    std::vector<SessionId> sessions;
    for (auto& row : page) {
      auto manifest = Manifest::parse(row.manifest);
      if (!manifest) throw failure(Errc::protocol, "listing snapshots: " + vault_.server() + " sent one that cannot be read (" + manifest.error().message() + ")");
      if (manifest->statement().sequence <= after_) throw failure(Errc::protocol, "listing snapshots: " + vault_.server() + " sent them out of order");
      after_ = manifest->statement().sequence;
      manifests.push_back(std::move(*manifest));
    }
    std::vector<SnapshotInfo> infos;
    for (std::size_t i = 0; i < page.size(); ++i) {
      infos.push_back(outside(manifests[i], page[i]));
      if (infos.back().problem.empty()) sessions.push_back(manifests[i].statement().session);
    }
    Fetcher fetcher(vault_, trust_.keys, workers_);
    co_await fetcher.fetch_sessions(std::move(sessions));
    if (all_.size() + page.size() > kMostRows)
      throw failure::whole(Errc::rollback, fmt::format("listing snapshots: {} shows more than {} (ask its operator)", vault_.server(), kMostRows));
    for (std::size_t i = 0; i < page.size(); ++i) {
      if (infos[i].problem.empty()) co_await inside(manifests[i], infos[i], fetcher);
      all_.push_back(std::move(infos[i]));
    }
  }

  // What needs no key but ours: who made it, and whether a server says so.
  SnapshotInfo outside(const Manifest& m, const RemoteSnapshot& row) {
    SnapshotInfo s;
    s.id = m.snapshot_id();
    s.sequence = m.statement().sequence;
    s.root = m.statement().root;
    s.previous = m.statement().previous;
    s.agent_time = m.statement().time;
    s.bound = m.format() == StatementFormat::bound;
    const auto receipt = receipt_of(row.receipt, s.id, trust_.roots);
    if (receipt) s.server_time = WallTime{std::chrono::nanoseconds(receipt->time_ns())};
    else s.problem = "the server's receipt is not valid";
    s.is_protected = proves_protection(row, s.id, trust_.roots, trust_.pair);
    const std::string forged = why_forged(m, receipt ? std::optional(s.server_time) : std::nullopt);
    if (!forged.empty()) {
      s.problem = forged;
      s.credible = false;
      if (++forged_ > kMostForged)
        throw failure::whole(Errc::rollback, fmt::format("listing snapshots: {} shows more than {} that this agent did not make, the last one number {}: {} (ask its operator)", vault_.server(),
                                                         kMostForged, s.sequence, forged));
      return s;
    }
    s.credible = s.bound || receipt;
    if (!s.credible) count_strange();  // nothing speaks for it: no signature was looked at, nothing was opened
    s.ours = s.bound;
    if (s.bound && (bound_from_ == 0 || s.sequence < bound_from_)) bound_from_ = s.sequence;
    return s;
  }

  // Empty: nothing speaks against it.
  std::string why_forged(const Manifest& m, std::optional<WallTime> received) const {
    const Statement& s = m.statement();
    if (s.account != trust_.keys.account || s.agent != trust_.keys.agent) return "it is of another agent";
    if (s.sequence > kLastSequence) return "there are no such numbers";
    if (m.format() == StatementFormat::bound && !m.is_bound_by(trust_.keys.ring)) return "it was not made with this machine's root key, or something in it was exchanged";
    if (m.format() == StatementFormat::signed_only && bound_from_ != 0 && s.sequence >= bound_from_)
      return fmt::format("it is of format 1, and from number {} on this agent makes none of those", bound_from_);
    std::string why;
    if (received && !m.verify(trust_.roots, *received, &why)) return "its signature does not hold: " + why;
    return {};
  }

  task<void> inside(const Manifest& m, SnapshotInfo& s, Fetcher& fetcher) {
    try {
      auto session = co_await fetcher.session(m.statement().session);
      auto details = m.open_details(session->key);
      if (details) s.details = std::move(*details);
      else s.problem = "its details do not open: " + details.error().message();
    } catch (const failure& f) {
      if (!is_about_data(f)) throw;
      s.problem = f.what();
    }
    if (s.problem.empty()) s.ours = true;
    if (s.ours || m.is_signed_by(trust_.keys.signing.public_key())) co_return;
    count_strange();
  }

  void count_strange() {
    if (++strange_ > kMostStrange)
      throw failure::whole(Errc::rollback, fmt::format("listing snapshots: {} shows more than {} that no receipt holds for or this machine's root key does not open (ask its operator)", vault_.server(), kMostStrange));
  }

  VaultPort& vault_;
  const SnapshotTrust trust_;
  Workers& workers_;
  std::uint64_t after_ = 0, bound_from_;
  std::size_t forged_ = 0, strange_ = 0;
  std::vector<SnapshotInfo> all_;
};

}  // namespace

task<std::vector<SnapshotInfo>> list_snapshots(VaultPort& vault, SnapshotTrust trust, Workers& workers) {
  Listing listing(vault, std::move(trust), workers);
  co_return co_await listing.read();
}

namespace {

const SnapshotInfo& latest_of(const std::vector<SnapshotInfo>& all, const std::string& job, const std::string& doing) {
  const auto there = [&](const SnapshotInfo& s) -> const SnapshotInfo& {
    if (s.missing_from == 0) return s;
    throw not_here(Errc::busy, fmt::format("{}: it is number {} ({}), which is on {}", doing, s.sequence, s.id.brief(), s.elsewhere));
  };
  const SnapshotInfo* closed = nullptr;  // the newest of those that may be the one
  for (auto it = all.rbegin(); it != all.rend(); ++it) {
    if (!it->problem.empty()) {
      if (it->credible && !closed) closed = &*it;
      continue;
    }
    if (!job.empty() && it->details.job != job) continue;
    if (!closed) return there(*it);
    const std::string text = fmt::format("{}: snapshot {} is newer and does not open ({}); the newest that does is {} of job {}, which is taken when you give its id", doing, closed->id.brief(), closed->problem,
                                         it->id.brief(), harmless_line(it->details.job));
    if (closed->on_its_way) throw not_here(Errc::busy, text);
    throw failure(Errc::damaged, text);
  }
  if (closed) throw failure(Errc::damaged, doing + ": none opens; the newest is snapshot " + closed->id.brief() + ": " + closed->problem);
  throw not_here(Errc::not_found, doing + ": there is none (list them with: farkeep snapshots)");
}

}  // namespace

void look_elsewhere(std::vector<SnapshotInfo>& all, const Elsewhere& elsewhere) {
  bool later_is_on_both = false;
  for (auto it = all.rbegin(); it != all.rend(); ++it) {
    SnapshotInfo& s = *it;
    if (s.missing_from == 0) {
      later_is_on_both = later_is_on_both || s.is_protected;
      continue;
    }
    const std::string range = s.missing_from < s.sequence ? fmt::format(" (nor those from number {} on)", s.missing_from) : "";
    if (!elsewhere.others) {
      const bool may_have = !later_is_on_both && s.sequence <= elsewhere.known;
      s.on_its_way = may_have;
      s.elsewhere = may_have ? elsewhere.other : "";
      s.problem = may_have ? fmt::format("it is on {} alone as far as this machine knows, which was not reached", elsewhere.other)
                           : fmt::format("{} does not show it{}; {} was not reached", elsewhere.here, range, elsewhere.other);
      continue;
    }
    const auto& others = *elsewhere.others;
    const auto at = std::find_if(others.begin(), others.end(), [&](const SnapshotInfo& o) {
      return o.missing_from == 0 && o.sequence == s.sequence && o.ours && o.problem.empty() && (s.id.is_zero() || s.id == o.id);
    });
    if (at == others.end()) {
      s.problem = fmt::format("neither {} nor {} shows it{}, though a later one follows it", elsewhere.here, elsewhere.other, range);
      continue;
    }
    const std::uint64_t from = s.missing_from;
    s = *at;
    s.missing_from = from;
    s.elsewhere = elsewhere.other;
    const bool was_on_both = std::exchange(s.is_protected, false);
    s.on_its_way = !later_is_on_both && !was_on_both;
    if (!s.on_its_way) s.problem = fmt::format("{} does not show it{}, though {}; {} has it", elsewhere.here, range, was_on_both ? "both servers have acknowledged it" : "a later one is on both servers", elsewhere.other);
  }
}

const SnapshotInfo* newest_there(const std::vector<SnapshotInfo>& all) {
  const auto at = std::find_if(all.rbegin(), all.rend(), [](const SnapshotInfo& s) { return s.missing_from == 0 && s.ours; });
  return at == all.rend() ? nullptr : &*at;
}

const SnapshotInfo& pick_snapshot(const std::vector<SnapshotInfo>& all, const std::string& name) {
  const auto doing = "looking for snapshot '" + name + "'";
  if (name == "latest" || name.starts_with("latest:")) return latest_of(all, name == "latest" ? "" : name.substr(7), doing);
  const SnapshotInfo* found = nullptr;
  for (auto& s : all) {
    if (name.empty() || s.id.is_zero() || !s.id.hex().starts_with(name)) continue;
    if (found) throw failure(Errc::usage, doing + ": several begin so, give more digits");
    found = &s;
  }
  if (!found) throw not_here(Errc::not_found, doing + " (list them with: farkeep snapshots)");
  if (found->missing_from != 0) {
    const std::string text = doing + ": " + (found->problem.empty() ? "it is on " + found->elsewhere : found->problem);
    if (found->on_its_way) throw not_here(Errc::busy, text);
    throw failure(Errc::damaged, text);
  }
  return *found;
}

}  // namespace farkeep
