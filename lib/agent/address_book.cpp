#include "agent/address_book.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "config/address.hpp"
#include "transport/endpoint.hpp"
#include "transport/firewall_rules.hpp"
#include "wire/message.hpp"
#include "wire/signed_document.hpp"

namespace farkeep {
namespace {

using wire::pb::Directory;

constexpr int kMaxAddresses = 64;  // of one data centre
constexpr std::size_t kMaxProblem = 500;

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

// An address that could only be this machine, or nobody.
std::optional<std::string> nonsense(const Directory& d, bool loopback_is_fine) {
  if (d.pair_size() == 0 || d.pair(0).primary().address_size() == 0) return "it names no primary";
  for (const auto* pairs : {&d.pair(), &d.before()}) {
    for (const auto& pair : *pairs) {
      for (const auto* centre : {&pair.primary(), &pair.alternate()}) {
        if (centre->address_size() > kMaxAddresses) return "it names more addresses than a data centre has";
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

// It was verified when it came; the certificate that signed it may have expired since.
std::optional<AddressBook::Page> AddressBook::read(const Buffer& document) const {
  if (document.empty()) return std::nullopt;
  const auto envelope = wire::parse_message<wire::pb::SignedDirectory>(as_text(document));
  if (!envelope) return std::nullopt;
  auto content = wire::parse_message<Directory>(envelope->directory());
  if (!content) return std::nullopt;
  return Page{std::move(*content), envelope->directory()};
}

std::vector<ServerTarget> AddressBook::pair() const {
  if (!read(state_.directory())) throw failure(Errc::damaged, "reading the address directory in " + state_.folder() + " (register again, or recover)");
  std::vector<ServerTarget> line;
  for (auto& d : destinations())
    if (!d.from) line.push_back(ServerTarget{d.id, d.name + " (" + d.role + ", " + d.address + ")", d.address});
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
        d.name = centre->name();
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
  const auto used = read(state_.directory());
  const auto newer = read(state_.next_directory());
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
  const auto used = read(state_.directory());
  return used ? used->content.serial() : 0;
}

std::optional<std::uint64_t> AddressBook::announced() const {
  const auto newer = read(state_.next_directory());
  return newer ? std::optional(newer->content.serial()) : std::nullopt;
}

AddressBook::Heard AddressBook::hear(const wire::pb::SignedDirectory& directory) {
  const auto used = read(state_.directory());
  const auto newer = read(state_.next_directory());
  const Page* newest = newer ? &*newer : used ? &*used : nullptr;
  if (newest && newest->bytes == directory.directory()) return Heard::known;
  const auto content = wire::verify_directory(directory, authority_, clock_.wall());
  if (!content) {
    log_error("an address directory is refused: it is not properly signed ({})", content.error().message());
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
  if (const auto why = nonsense(*content, !used || has_loopback(used->content))) {
    log_error("an address directory with serial {} is refused: {}", content->serial(), *why);
    return Heard::refused;
  }
  const std::string document = directory.SerializeAsString();
  // The same addresses signed anew need no proof.
  if (used && used->content.pair_size() > 0 && content->pair(0).SerializeAsString() == used->content.pair(0).SerializeAsString()) {
    state_.set_directory(as_bytes(document));
    state_.clear_next_directory();
    return Heard::taken;
  }
  state_.set_next_directory(as_bytes(document));
  log_info("the data centres announce new addresses (directory {}), valid from {}: {}", content->serial(), rfc3339(WallTime{std::chrono::nanoseconds(content->valid_from_ns())}),
           list_of(content->pair(0)));
  return Heard::taken;
}

void AddressBook::worked(const std::string& address) {
  const Buffer document = state_.next_directory();
  const auto newer = read(document);
  if (!newer || newer->content.valid_from_ns() > now() || !names(newer->content.pair(0), address)) return;
  // Written before the other is removed: in between both say the same.
  state_.set_directory(document);
  state_.clear_next_directory();
  log_info("the new addresses of directory {} work and are used from now on", newer->content.serial());
}

void AddressBook::tried(const std::string& address, const std::string& problem) {
  auto known = state_.endpoints();
  google::protobuf::RepeatedPtrField<agent::pb::Trial> kept;
  agent::pb::Trial now_tried;
  now_tried.set_address(address);
  now_tried.set_at_ns(now());
  now_tried.set_problem(problem.substr(0, kMaxProblem));
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
