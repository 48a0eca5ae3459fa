#include "vault/directory.hpp"

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

wire::pb::SignedDirectory AddressDirectory::current() {
  std::lock_guard guard{mutex_};
  auto const bytes = registry_.directory();
  auto stored = wire::parse_message<wire::pb::SignedDirectory>(bytes);
  auto content = stored ? wire::parse_message<wire::pb::Directory>(stored->directory()) : result<wire::pb::Directory>{Errc::malformed};
  bool const there = !bytes.empty() && stored && content && content->pair_size() > 0;
  if (there && !is_self(content->pair(0).primary(), identity_)) return std::move(*stored);  // the partner's to renew
  auto fresh = wanted(there ? content->serial() + 1 : 1);
  if (there) {
    bool const same_signer = stored->signer_chain_size() > 0 && stored->signer_chain(0) == as_text(identity_.chain()[0].der());
    if (same_signer && content->pair(0).SerializeAsString() == fresh.pair(0).SerializeAsString()) return std::move(*stored);
  }
  auto const made = wire::sign_directory(fresh, identity_.signer());
  registry_.set_directory(made.SerializeAsString());
  return made;
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
