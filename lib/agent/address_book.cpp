#include "agent/address_book.hpp"

#include <algorithm>

#include "agent/heads.hpp"
#include "base/log.hpp"
#include "base/utf8.hpp"
#include "base/valid_text.hpp"
#include "config/address.hpp"
#include "transport/endpoint.hpp"
#include "transport/firewall_rules.hpp"
#include "wire/directory_rule.hpp"
#include "wire/message.hpp"
#include "wire/signed_document.hpp"

namespace farkeep {
namespace {

using wire::pb::Directory;

constexpr int kMaxAddresses = 64;  // of one data centre
constexpr std::ptrdiff_t kUnprovedFirst = 3;  // addresses of a directory of which none has worked yet, before those of the one in use
constexpr std::size_t kMaxProblem = 500;
constexpr std::size_t kMaxName = 64;  // as servers hold it: it stands in alarms, messages and metrics

std::vector<std::string> addresses_of(const wire::pb::Pair& pair) {
  std::vector<std::string> out;
  for (const auto* centre : {&pair.primary(), &pair.alternate()})
    for (auto& address : centre->address())
      if (std::find(out.begin(), out.end(), address) == out.end()) out.push_back(address);
  return out;
}

bool names(const wire::pb::Pair& pair, const std::string& address) {
  const auto all = addresses_of(pair);
  return std::find(all.begin(), all.end(), address) != all.end();
}

}  // namespace

std::optional<std::string> nonsense_in(const Directory& d, bool loopback_is_fine) {
  if (d.pair_size() == 0 || d.pair(0).primary().address_size() == 0) return "it names no primary";
  for (const auto* pairs : {&d.pair(), &d.before()}) {
    for (const auto& pair : *pairs) {
      for (const auto* centre : {&pair.primary(), &pair.alternate()}) {
        if (centre->address_size() > kMaxAddresses || centre->subnet_size() > kMaxAddresses) return "it names more addresses than a data centre has";
        if (centre->name().size() > kMaxName) return "the name of a data centre is longer than any may be";
        for (const auto& text : centre->address()) {
          const auto e = Endpoint::parse(text);
          if (!e || e->address.is_unspecified() || e->address.is_multicast()) return "\"" + text.substr(0, 60) + "\" is not a server's address";
          if (e->address.is_loopback() && !loopback_is_fine) return text + " would be this machine itself";
        }
        for (const auto& net : centre->subnet())
          if (!parse_subnet(net)) return "\"" + net.substr(0, 60) + "\" is not a subnet";
      }
    }
  }
  return std::nullopt;
}

namespace {

struct Page {
  Directory content;
  std::string bytes;
};

// It was verified when it came, and what has rotted since still leads to servers; hear() asks whether it has.
std::optional<Page> page_in(const Buffer& document) {
  if (document.empty()) return std::nullopt;
  const auto envelope = wire::parse_message<wire::pb::SignedDirectory>(as_text(document));
  if (!envelope) return std::nullopt;
  auto content = wire::parse_message<Directory>(envelope->directory());
  if (!content) return std::nullopt;
  return Page{std::move(*content), envelope->directory()};
}

std::optional<Directory> directory_in(const AgentState& state) {
  auto page = page_in(state.directory());
  return page && page->content.pair_size() > 0 ? std::optional(std::move(page->content)) : std::nullopt;
}

}  // namespace

bool has_directory(const AgentState& state) { return directory_in(state).has_value(); }

std::vector<ServerId> servers_in_force(const AgentState& state) {
  std::vector<ServerId> out;
  const auto content = directory_in(state);
  if (!content) return out;
  for (const auto* centre : {&content->pair(0).primary(), &content->pair(0).alternate()})
    if (const auto id = ServerId::from(centre->server_id())) out.push_back(*id);
  return out;
}

namespace {

bool has_loopback(const Directory& d) {
  for (auto& pair : d.pair()) {
    for (auto& address : addresses_of(pair)) {
      const auto e = Endpoint::parse(address);
      if (e && e->address.is_loopback()) return true;
    }
  }
  return false;
}

std::string list_of(const wire::pb::Pair& pair) {
  std::string out;
  for (auto& address : addresses_of(pair)) out += (out.empty() ? "" : ", ") + address;
  return out;
}

}  // namespace

// The certificate that signed it may have expired since: judged is a time at which all of them were good.
bool AddressBook::holds(const Buffer& document, const TrustedRoots& roots) const {
  const auto envelope = wire::parse_message<wire::pb::SignedDirectory>(as_text(document));
  if (!envelope) return false;
  const auto chain = wire::parse_chain(envelope->signer_chain());
  if (!chain) return false;
  WallTime at = chain->front().not_before();
  for (auto& certificate : *chain) at = std::max(at, certificate.not_before());
  return wire::verify_signed_directory(*envelope, roots, at).has_value();
}

std::vector<ServerTarget> AddressBook::pair() const {
  if (!page_in(state_.directory())) throw failure(Errc::damaged, "reading the address directory in " + state_.folder() + " (" + state_.how_to_recover() + ")");
  std::vector<ServerTarget> line;
  for (auto& d : destinations())
    if (!d.from) line.push_back(ServerTarget{d.id, d.name + " (" + d.role + ", " + d.address + ")", d.address});
  // Whoever announces a hundred addresses that swallow packets costs a few tries, not all of them.
  const auto used = page_in(state_.directory());
  if (used && used->content.pair_size() > 0 && static_cast<std::ptrdiff_t>(line.size()) > kUnprovedFirst)
    std::stable_partition(line.begin() + kUnprovedFirst, line.end(), [&](const ServerTarget& t) { return names(used->content.pair(0), t.address); });
  return line;
}

std::vector<AddressBook::Destination> AddressBook::destinations() const {
  // In the order in which they are tried: what is in force, and behind it what still answers.
  std::vector<Destination> out;
  const auto add_pair = [&](const wire::pb::Pair& pair, std::optional<WallTime> from, std::optional<WallTime> until) {
    for (const auto* centre : {&pair.primary(), &pair.alternate()}) {
      const auto id = ServerId::from(centre->server_id());
      if (!id) continue;
      for (auto& address : centre->address()) {
        if (std::any_of(out.begin(), out.end(), [&](const Destination& d) { return d.address == address; })) continue;
        Destination d;
        d.address = address;
        d.id = *id;
        d.name = whole_characters(centre->name(), kMaxName);  // an older version took any
        d.role = centre == &pair.primary() ? "primary" : "alternate";
        d.from = from;
        d.until = until;
        const auto parsed = parse_address(address);
        for (auto& net : centre->subnet()) {
          const auto subnet = parse_subnet(net);
          if (parsed && subnet && subnet->contains(*parsed)) d.subnet = net;
        }
        out.push_back(std::move(d));
      }
    }
  };
  const auto time = [](std::int64_t ns) { return WallTime{std::chrono::nanoseconds(ns)}; };
  const auto add_page = [&](const Directory& d, bool is_newer) {
    const bool begun = d.valid_from_ns() <= now() || (d.before_size() == 0 && !is_newer);
    if (d.pair_size() > 0 && begun) add_pair(d.pair(0), std::nullopt, std::nullopt);
    if (d.before_size() > 0 && !begun) add_pair(d.before(0), std::nullopt, time(d.overlap_until_ns()));
    if (d.before_size() > 0 && begun && d.overlap_until_ns() > now()) add_pair(d.before(0), std::nullopt, time(d.overlap_until_ns()));
    if (d.pair_size() > 0 && !begun) add_pair(d.pair(0), time(d.valid_from_ns()), std::nullopt);
  };
  const auto used = page_in(state_.directory());
  const auto newer = page_in(state_.next_directory());
  if (newer && newer->content.valid_from_ns() <= now()) add_page(newer->content, true);
  if (used) add_page(used->content, false);
  if (newer && newer->content.valid_from_ns() > now()) add_page(newer->content, true);
  const auto known = state_.endpoints();
  for (auto& d : out) {
    for (auto& t : known.trial()) {
      if (!d.from || t.address() != d.address) continue;
      d.tried = time(t.at_ns());
      d.problem = t.problem();
    }
  }
  return out;
}

std::uint64_t AddressBook::serial() const {
  const auto used = page_in(state_.directory());
  return used ? used->content.serial() : 0;
}

std::optional<std::uint64_t> AddressBook::announced() const {
  const auto newer = page_in(state_.next_directory());
  return newer ? std::optional(newer->content.serial()) : std::nullopt;
}

AddressBook::Heard AddressBook::hear(const wire::pb::SignedDirectory& directory) {
  const TrustedRoots pinned = authority_;
  const std::string known_word{as_text(state_.root_word())};
  const std::string word_bytes = wire::newer_root_word(known_word, directory.root_word(), pinned);
  if (word_bytes != known_word) state_.set_root_word(as_bytes(word_bytes));
  const auto used = page_in(state_.directory());
  auto newer = page_in(state_.next_directory());
  const std::string document = wire::known_part(directory).SerializeAsString();
  if (as_text(newer ? state_.next_directory() : state_.directory()) == document) return Heard::known;  // signature and all
  const auto word = wire::stored_root_word(word_bytes, pinned);
  const TrustedRoots& roots = word ? word->roots : pinned;
  if (newer && !holds(state_.next_directory(), roots)) {
    log_warning("the announced address directory in {} is damaged and counts as none", state_.folder());
    state_.clear_next_directory();
    newer.reset();
  }
  const Page* newest = newer ? &*newer : used ? &*used : nullptr;
  // What has rotted keeps out neither the right one with its serial nor any other that its primary signs.
  if (newest && !newer && !holds(state_.directory(), roots)) {
    log_warning("the address directory in {} is damaged; the one that a server tells takes its place", state_.folder());
    newest = nullptr;
  }
  if (newest && newest->bytes == directory.directory()) return Heard::known;
  // What a hostile server once put here must not keep the right one out for ever.
  if (newest && !wire::serial_is_sane(newest->content.serial(), clock_.wall())) newest = nullptr;
  wire::KnownDirectory known;
  known.used = used ? &used->content : nullptr;
  known.serial = newest ? newest->content.serial() : 0;
  known.word = word ? &*word : nullptr;
  std::string why_not;
  const auto content = wire::believable_directory(directory, known, roots, clock_.wall(), why_not);
  if (!content) {
    log_error("an address directory is refused: {}", why_not);
    return Heard::refused;
  }
  if (newest && content->serial() < newest->content.serial()) {
    if (used && used->bytes == directory.directory()) return Heard::known;  // a server that has not heard of the newer one yet
    log_warning("an address directory with serial {} is refused: {} is known here", content->serial(), newest->content.serial());
    return Heard::refused;
  }
  if (newest && content->serial() == newest->content.serial()) {
    log_error("an address directory is refused: it says something else than the known one with serial {}", content->serial());
    return Heard::refused;
  }
  if (const auto why = nonsense_in(*content, !used || has_loopback(used->content))) {
    log_error("an address directory with serial {} is refused: {}", content->serial(), *why);
    return Heard::refused;
  }
  // The same addresses signed anew need no proof.
  if (used && used->content.pair_size() > 0 && content->pair(0).SerializeAsString() == used->content.pair(0).SerializeAsString()) {
    state_.set_directory(as_bytes(document));
    state_.clear_next_directory();
    Heads(state_).forget_alarms_of_others();
    return Heard::taken;
  }
  state_.set_next_directory(as_bytes(document));
  log_info("the data centres announce new addresses (directory {}), valid from {}: {}", content->serial(), rfc3339(WallTime{std::chrono::nanoseconds(content->valid_from_ns())}),
           list_of(content->pair(0)));
  return Heard::taken;
}

void AddressBook::worked(const std::string& address) {
  const Buffer document = state_.next_directory();
  const auto newer = page_in(document);
  if (!newer || newer->content.valid_from_ns() > now() || !names(newer->content.pair(0), address)) return;
  // Written before the other is removed: in between both say the same.
  state_.set_directory(document);
  state_.clear_next_directory();
  Heads(state_).forget_alarms_of_others();
  log_info("the new addresses of directory {} work and are used from now on", newer->content.serial());
}

void AddressBook::tried(const std::string& address, const std::string& problem) {
  auto known = state_.endpoints();
  google::protobuf::RepeatedPtrField<agent::pb::Trial> kept;
  agent::pb::Trial now_tried;
  now_tried.set_address(address);
  now_tried.set_at_ns(now());
  now_tried.set_problem(valid_text(problem, kMaxProblem));
  // What is announced no longer is forgotten.
  const auto all = destinations();
  for (auto& t : known.trial()) {
    const bool announced = std::any_of(all.begin(), all.end(), [&](const Destination& d) { return d.from && d.address == t.address(); });
    if (announced && t.address() != address) *kept.Add() = t;
  }
  *kept.Add() = now_tried;
  known.mutable_trial()->Swap(&kept);
  state_.set_endpoints(known);
}

}  // namespace farkeep
