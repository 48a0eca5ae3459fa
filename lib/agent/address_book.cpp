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

void add(std::vector<ServerTarget>& line, const wire::pb::DataCentre& centre, const char* role) {
  const auto id = ServerId::from(centre.server_id());
  if (!id) return;
  for (auto& address : centre.address()) {
    const bool there = std::any_of(line.begin(), line.end(), [&](const ServerTarget& t) { return t.address == address; });
    if (!there) line.push_back(ServerTarget{*id, centre.name() + " (" + role + ", " + address + ")", address});
  }
}

void add(std::vector<ServerTarget>& line, const wire::pb::Pair& pair) {
  add(line, pair.primary(), "primary");
  add(line, pair.alternate(), "alternate");
}

// What is in force; behind it what still answers.
void add(std::vector<ServerTarget>& line, const Directory& d, std::int64_t now) {
  const bool begun = d.valid_from_ns() <= now || d.before_size() == 0;
  if (begun && d.pair_size() > 0) add(line, d.pair(0));
  if (d.before_size() > 0 && (!begun || d.overlap_until_ns() > now)) add(line, d.before(0));
}

bool names(const wire::pb::Pair& pair, const std::string& address) {
  for (const auto* centre : {&pair.primary(), &pair.alternate()})
    if (std::find(centre->address().begin(), centre->address().end(), address) != centre->address().end()) return true;
  return false;
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
  std::vector<ServerTarget> all;
  for (auto& p : d.pair()) add(all, p);
  return std::any_of(all.begin(), all.end(), [](const ServerTarget& t) {
    const auto e = Endpoint::parse(t.address);
    return e && e->address.is_loopback();
  });
}

std::string list_of(const wire::pb::Pair& pair) {
  std::vector<ServerTarget> line;
  add(line, pair);
  std::string out;
  for (auto& t : line) out += (out.empty() ? "" : ", ") + t.address;
  return out;
}

}  // namespace

std::vector<ServerTarget> pair_of(const Directory& directory, WallTime now) {
  std::vector<ServerTarget> line;
  add(line, directory, now.time_since_epoch().count());
  return line;
}

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
  const auto used = read(state_.directory());
  if (!used) throw failure(Errc::damaged, "reading the address directory in " + state_.folder() + " (register again, or recover)");
  std::vector<ServerTarget> line;
  const auto newer = read(state_.next_directory());
  if (newer && newer->content.valid_from_ns() <= now()) add(line, newer->content, now());
  add(line, used->content, now());
  return line;
}

std::vector<AddressBook::Destination> AddressBook::destinations() const {
  std::vector<Destination> out;
  const auto add_pair = [&](const wire::pb::Pair& pair, std::optional<WallTime> from, std::optional<WallTime> until) {
    for (const auto* centre : {&pair.primary(), &pair.alternate()}) {
      for (auto& address : centre->address()) {
        if (std::any_of(out.begin(), out.end(), [&](const Destination& d) { return d.address == address; })) continue;
        Destination d;
        d.address = address;
        d.id = ServerId::from(centre->server_id()).value_or(ServerId{});
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

}  // namespace farkeep
