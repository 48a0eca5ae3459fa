#include "vault/directory.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "wire/message.hpp"

namespace farkeep {
namespace {

void describe_self(const Identity& identity, wire::pb::DataCentre& out) {
  out.set_server_id(wire::to_field(identity.id()));
  out.set_name(identity.name());
  for (auto const& address : identity.addresses()) out.add_address(address.to_string());
}

bool is_self(const wire::pb::DataCentre& centre, const Identity& identity) { return centre.server_id() == as_text(identity.id().view()); }

}  // namespace

// This server's view: itself as primary, the partner as alternate.
wire::pb::Directory AddressDirectory::wanted(std::uint64_t serial) {
  wire::pb::Directory directory;
  directory.set_serial(serial);
  directory.set_issued_ns(clock_.wall().time_since_epoch().count());
  directory.set_valid_from_ns(directory.issued_ns());
  auto* pair = directory.add_pair();
  pair->set_name(identity_.name());
  describe_self(identity_, *pair->mutable_primary());
  pair->mutable_alternate();
  if (auto const partner = registry_.partner()) {
    pair->mutable_alternate()->set_server_id(partner->server_id());
    pair->mutable_alternate()->set_name(partner->name());
    *pair->mutable_alternate()->mutable_address() = partner->address();
  }
  return directory;
}

// What is stored; nothing when it is no directory.
std::optional<wire::pb::Directory> AddressDirectory::stored_content(wire::pb::SignedDirectory& stored) {
  auto const bytes = registry_.directory();
  if (bytes.empty()) return std::nullopt;
  auto parsed = wire::parse_message<wire::pb::SignedDirectory>(bytes);
  if (!parsed) return std::nullopt;
  stored = std::move(*parsed);
  auto content = wire::parse_message<wire::pb::Directory>(stored.directory());
  if (!content || content->pair_size() == 0) return std::nullopt;
  return std::move(*content);
}

wire::pb::SignedDirectory AddressDirectory::store(const wire::pb::Directory& directory) {
  auto made = wire::sign_directory(directory, identity_.signer());
  registry_.set_directory(made.SerializeAsString());
  return made;
}

wire::pb::SignedDirectory AddressDirectory::current() {
  std::lock_guard guard{mutex_};
  wire::pb::SignedDirectory stored;
  auto const content = stored_content(stored);
  if (!content) return store(wanted(1));
  if (!is_self(content->pair(0).primary(), identity_)) return stored;  // the partner's to renew
  bool const same_signer = stored.signer_chain_size() > 0 && stored.signer_chain(0) == as_text(identity_.chain()[0].der());
  auto fresh = wanted(content->serial() + 1);
  bool const same_pair = content->published() || content->pair(0).SerializeAsString() == fresh.pair(0).SerializeAsString();
  if (same_signer && same_pair) return stored;
  if (content->published()) {  // an operator's word is signed again as it is
    fresh = *content;
    fresh.set_serial(content->serial() + 1);
  }
  return store(fresh);
}

wire::pb::Directory AddressDirectory::publish(const DirectoryOrder& order) {
  static_cast<void>(current());  // there is one now
  std::lock_guard guard{mutex_};
  wire::pb::SignedDirectory stored;
  auto const content = stored_content(stored);
  std::string const doing = "publishing an address directory";
  if (!content) throw failure(Errc::damaged, doing + ": the stored one cannot be read");
  if (!is_self(content->pair(0).primary(), identity_))
    throw failure(Errc::usage, doing + ": the primary signs it: do this on " + content->pair(0).primary().name());
  auto const now = clock_.wall().time_since_epoch().count();
  auto const& in_force = content->valid_from_ns() > now && content->before_size() > 0 ? content->before(0) : content->pair(0);
  wire::pb::Directory next;
  next.set_serial(content->serial() + 1);
  next.set_issued_ns(now);
  next.set_valid_from_ns(std::max(now, order.valid_from.time_since_epoch().count()));
  next.set_overlap_until_ns(next.valid_from_ns() + order.overlap.count());
  next.set_published(true);
  *next.add_pair() = content->pair(0);
  auto const change = [](const DirectoryOrder::Side& side, wire::pb::DataCentre& centre) {
    if (!side.addresses.empty()) {
      centre.clear_address();
      for (auto const& a : side.addresses) centre.add_address(a);
    }
    if (!side.subnets.empty()) {
      centre.clear_subnet();
      for (auto const& n : side.subnets) centre.add_subnet(n);
    }
  };
  change(order.primary, *next.mutable_pair(0)->mutable_primary());
  change(order.alternate, *next.mutable_pair(0)->mutable_alternate());
  if (next.pair(0).alternate().server_id().empty() && !order.alternate.addresses.empty())
    throw failure(Errc::usage, doing + ": this pair has no alternate yet");
  if (next.pair(0).SerializeAsString() == content->pair(0).SerializeAsString()) throw failure(Errc::usage, doing + ": it would say what the present one says");
  *next.add_before() = in_force;
  store(next);
  return next;
}

std::vector<std::string> AddressDirectory::addresses_of(std::string_view server_id) {
  std::lock_guard guard{mutex_};
  wire::pb::SignedDirectory stored;
  auto const content = stored_content(stored);
  std::vector<std::string> out;
  if (!content) return out;
  auto const add = [&](const google::protobuf::RepeatedPtrField<wire::pb::Pair>& pairs) {
    for (auto const& pair : pairs)
      for (auto const* centre : {&pair.primary(), &pair.alternate()})
        if (centre->server_id() == server_id) out.insert(out.end(), centre->address().begin(), centre->address().end());
  };
  bool const begun = content->valid_from_ns() <= clock_.wall().time_since_epoch().count();
  add(begun ? content->pair() : content->before());
  add(begun ? content->before() : content->pair());
  return out;
}

bool AddressDirectory::is_primary() {
  std::lock_guard guard{mutex_};
  wire::pb::SignedDirectory stored;
  auto const content = stored_content(stored);
  return !content || is_self(content->pair(0).primary(), identity_);
}

bool AddressDirectory::adopt(const wire::pb::SignedDirectory& theirs) {
  std::lock_guard guard{mutex_};
  auto const content = wire::verify_directory(theirs, identity_.root(), clock_.wall());
  if (!content) {
    log_warning("the partner's address directory is not properly signed ({}): it is ignored", content.error().message());
    return false;
  }
  auto const bytes = registry_.directory();
  auto const ours = wire::parse_message<wire::pb::SignedDirectory>(bytes);
  if (ours && stored_serial(*ours) >= content->serial()) return false;
  registry_.set_directory(theirs.SerializeAsString());
  return true;
}

std::uint64_t AddressDirectory::stored_serial(const wire::pb::SignedDirectory& stored) const {
  auto const content = wire::parse_message<wire::pb::Directory>(stored.directory());
  return content ? content->serial() : 0;
}

}  // namespace farkeep
