#include "vault/identity.hpp"

#include "base/limits.hpp"
#include "platform/atomic_file.hpp"
#include "vault/names.hpp"
#include "vault/registry.pb.h"

namespace farkeep {
namespace {

using std::chrono::hours;
constexpr auto kAuthorityLife = hours{24 * 7300};  // as long as the root: a server that must be joined anew would lose its agents' trust
constexpr auto kServerLife = hours{24 * 365};
constexpr std::size_t kMaxIdentityFile = 64 * limits::kKiB;  // three certificates and addresses: 2 KiB
constexpr std::size_t kMaxServerName = 64;

std::string folder(const std::string& data) { return data + "/identity"; }

void save_key(Disk& disk, const std::string& path, const SigningKey& key) { write_file_atomically(disk, path, key.to_pem().view()); }

std::optional<SigningKey> load_key(Disk& disk, const std::string& path) {
  auto pem = read_file(disk, path, kMaxIdentityFile);
  if (!pem) return std::nullopt;
  auto key = SigningKey::from_pem(as_text(*pem));
  wipe(*pem);
  if (!key) throw failure(Errc::damaged, "reading the key " + path + ": restore it from a backup of the data folder");
  return std::move(*key);
}

SigningKey must_load_key(Disk& disk, const std::string& path) {
  auto key = load_key(disk, path);
  if (!key) throw failure(Errc::not_found, "reading the key " + path + ": restore it from a backup of the data folder");
  return std::move(*key);
}

Certificate certificate_in(const std::string& der, const std::string& where) {
  return value_or_throw(Certificate::from_der(as_bytes(der)), "reading a certificate in " + where);
}

void refuse_second(Disk& disk, const std::string& data) {
  if (Identity::exists(disk, data))
    throw failure(Errc::exists, "initialising " + data + ": there is a server's identity in it already; choose another folder");
  disk.make_folders(folder(data));
}

}  // namespace

Identity::Identity(ServerId id, std::string name, std::vector<ServerAddress> addresses, SigningKey key, Authority issuing, Certificate root)
    : id_(id), name_(printable_name(name, kMaxServerName)), addresses_(std::move(addresses)), key_(std::move(key)),
      issuing_(std::move(issuing)), root_(std::move(root)) {}

Identity Identity::create_first(Disk& disk, const std::string& data, std::string name, std::vector<ServerAddress> addresses,
                                WallTime now, Random& random) {
  refuse_second(disk, data);
  auto const id = random.id<ServerId>();
  auto root = Authority::make_root(SigningKey::generate(random), now, random);
  auto issuing_key = SigningKey::generate(random);
  auto const issuing = root.issue_authority(CertificateRequest::make(issuing_key), id, Validity::starting(now, kAuthorityLife), random);
  auto const root_certificate = root.certificate();
  Identity identity{id, std::move(name), std::move(addresses), SigningKey::generate(random),
                    Authority{issuing, std::move(issuing_key)}, root_certificate};
  identity.root_authority_ = std::move(root);
  identity.chain_ = {identity.issue_own(now, random), issuing};
  identity.save(disk, data);
  return identity;
}

Identity::Draft Identity::draft(Random& random) {
  return {random.id<ServerId>(), SigningKey::generate(random), SigningKey::generate(random)};
}

Identity Identity::create_joined(Disk& disk, const std::string& data, Draft draft, std::string name, std::vector<ServerAddress> addresses,
                                 const Certificate& issuing, const Certificate& root, WallTime now, Random& random) {
  refuse_second(disk, data);
  auto const expected = CertificateName::authority_of(draft.id);
  auto const named = issuing.name();
  if (!named || *named != expected) throw failure(Errc::identity, "joining: the certificate that came back is not for this server");
  Identity identity{draft.id, std::move(name), std::move(addresses), std::move(draft.server_key),
                    Authority{issuing, std::move(draft.issuing_key)}, root};
  identity.chain_ = {identity.issue_own(now, random), issuing};
  std::string why;
  if (!check_chain_for(CertificateName::Role::server, identity.chain_[0], std::span{identity.chain_}.subspan(1), root, now, &why))
    throw failure(Errc::identity, "joining: the certificate that came back is not under the invitation's root: " + why);
  identity.save(disk, data);
  return identity;
}

bool Identity::exists(Disk& disk, const std::string& data) { return disk.exists(folder(data) + "/server"); }

Identity Identity::load(Disk& disk, const std::string& data) {
  auto const file = folder(data) + "/server";
  auto const bytes = read_file(disk, file, kMaxIdentityFile);
  if (!bytes)
    throw failure(Errc::not_found, "opening the data folder " + data + ": no server lives in it; make one with `farkeep-server init --data " + data + " …`");
  vault::pb::ServerIdentity stored;
  auto const id = stored.ParseFromArray(bytes->data(), static_cast<int>(bytes->size())) ? ServerId::from(stored.server_id()) : std::nullopt;
  if (!id) throw failure(Errc::damaged, "reading " + file + ": restore it from a backup of the data folder");
  std::vector<ServerAddress> addresses;
  for (auto const& text : stored.address()) {
    auto const address = parse_address(text);
    if (!address) throw failure(Errc::damaged, "reading " + file + ": address " + text);
    addresses.push_back(*address);
  }
  auto const issuing = certificate_in(stored.issuing_certificate(), file);
  Identity identity{*id, stored.name(), std::move(addresses), must_load_key(disk, folder(data) + "/server.key"),
                    Authority{issuing, must_load_key(disk, folder(data) + "/issuing.key")}, certificate_in(stored.root(), file)};
  if (auto key = load_key(disk, folder(data) + "/root.key")) identity.root_authority_.emplace(identity.root_, std::move(*key));
  identity.chain_ = {certificate_in(stored.certificate(), file), issuing};
  auto const certified = identity.chain_[0].public_key();
  if (!certified || *certified != identity.key_.public_key())
    throw failure(Errc::configuration, "reading " + folder(data) + ": server.key is not the key of the server's certificate");
  return identity;
}

Certificate Identity::issue_own(WallTime now, Random& random) const {
  std::vector<std::string> ips;
  for (auto const& address : addresses_) ips.push_back(address.ip);
  return issuing_.issue_server(CertificateRequest::make(key_), id_, ips, Validity::starting(now, kServerLife), random);
}

bool Identity::renew_if_due(Disk& disk, const std::string& data, WallTime now, Random& random) {
  auto const& own = chain_[0];
  if (own.not_after() - now >= (own.not_after() - own.not_before()) / 2) return false;
  chain_[0] = issue_own(now, random);
  save_description(disk, data);
  return true;
}

void Identity::save(Disk& disk, const std::string& data) const {
  auto const in = folder(data);
  if (root_authority_) save_key(disk, in + "/root.key", root_authority_->key());
  save_key(disk, in + "/issuing.key", issuing_.key());
  save_key(disk, in + "/server.key", key_);
  write_file_atomically(disk, root_path(data), as_bytes(root_.pem()));
  save_description(disk, data);
}

void Identity::save_description(Disk& disk, const std::string& data) const {
  vault::pb::ServerIdentity out;
  out.set_server_id(to_string(id_.view()));
  out.set_name(name_);
  for (auto const& address : addresses_) out.add_address(address.to_string());
  out.set_certificate(to_string(chain_[0].der()));
  out.set_issuing_certificate(to_string(chain_[1].der()));
  out.set_root(to_string(root_.der()));
  write_file_atomically(disk, folder(data) + "/server", as_bytes(out.SerializeAsString()));
}

}  // namespace farkeep
