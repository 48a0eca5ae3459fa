#include "vault/identity.hpp"

#include <algorithm>

#include "base/build_time.hpp"
#include "base/limits.hpp"
#include "platform/atomic_file.hpp"
#include "vault/names.hpp"
#include "vault/registry.pb.h"
#include "wire/root_word.hpp"

namespace farkeep {
namespace {

using std::chrono::hours;
constexpr auto kAuthorityLife = hours{24 * 7300};  // as long as the root: a server that must be joined anew would lose its agents' trust
constexpr auto kServerLife = hours{24 * 365};
constexpr std::size_t kMaxIdentityFile = 64 * limits::kKiB;  // three certificates, addresses and what is kept of earlier ones: 12 KiB
constexpr std::size_t kMaxEarlier = 8;  // a clock can go wrong that often within a year, and the right one is still here

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

bool is_of(const SigningKey& key, const Certificate& certificate) {
  auto const certified = certificate.public_key();
  return certified && *certified == key.public_key();
}

// The key of this certificate: `<path>`, or `<path>.next` where a renewal was cut off after the certificate was written (identity_keys.cpp).
SigningKey key_of(Disk& disk, const Certificate& certificate, const std::string& path) {
  auto next = disk.exists(path + ".next") ? load_key(disk, path + ".next") : std::nullopt;
  if (next && is_of(*next, certificate)) return std::move(*next);
  return must_load_key(disk, path);
}

Certificate certificate_in(const std::string& der, const std::string& where) {
  return value_or_throw(Certificate::from_der(as_bytes(der)), "reading a certificate in " + where);
}

std::string draft_path(const std::string& data) { return folder(data) + "/joining"; }

void refuse_second(Disk& disk, const std::string& data) {
  if (Identity::exists(disk, data))
    throw failure(Errc::exists, "initialising " + data + ": there is a server's identity in it already; choose another folder");
  disk.make_folders(folder(data));
}

}  // namespace

Identity::Identity(ServerId id, std::string name, std::vector<ServerAddress> addresses, SigningKey key, Authority issuing, Certificate root)
    : id_(id), name_(printable_name(name, kMaxServerName)), addresses_(std::move(addresses)), key_(std::move(key)),
      issuing_(std::move(issuing)), root_(std::move(root)), roots_(root_), newest_root_(root_) {}

Identity Identity::create_first(Disk& disk, const std::string& data, std::string name, std::vector<ServerAddress> addresses,
                                WallTime now, Random& random) {
  refuse_second(disk, data);
  auto const id = random.id<ServerId>();
  auto root = Authority::make_root(SigningKey::generate(random), now, random, build_time());
  auto issuing_key = SigningKey::generate(random);
  auto const issuing = root.issue_authority(CertificateRequest::make(issuing_key), id, authority_validity(now), random);
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

bool Identity::has_draft(Disk& disk, const std::string& data) { return disk.exists(draft_path(data)); }

// 1. the one that is there  2. else the keys  3. the id, which says that they are whole
Identity::Draft Identity::kept_draft(Disk& disk, const std::string& data, Random& random) {
  refuse_second(disk, data);
  auto const server = folder(data) + "/server.key", issuing = folder(data) + "/issuing.key";
  if (auto const text = read_file(disk, draft_path(data), kMaxIdentityFile)) {
    auto const id = ServerId::from_hex(as_text(*text));
    if (!id) throw failure(Errc::damaged, "reading " + draft_path(data) + ": remove it, and join with a new invitation");
    return {*id, must_load_key(disk, server), must_load_key(disk, issuing)};
  }
  disk.remove(folder(data) + "/root.key");  // of a first server that was begun here and is none
  auto made = draft(random);
  save_key(disk, server, made.server_key);
  save_key(disk, issuing, made.issuing_key);
  write_file_atomically(disk, draft_path(data), as_bytes(made.id.hex()));
  return made;
}

Identity Identity::create_joined(Disk& disk, const std::string& data, Draft draft, std::string name, std::vector<ServerAddress> addresses,
                                 const Certificate& issuing, const TrustedRoots& roots, WallTime now, Random& random) {
  refuse_second(disk, data);
  auto const expected = CertificateName::authority_of(draft.id);
  auto const named = issuing.name();
  if (!named || *named != expected) throw failure(Errc::identity, "joining: the certificate that came back is not for this server");
  Identity identity{draft.id, std::move(name), std::move(addresses), std::move(draft.server_key),
                    Authority{issuing, std::move(draft.issuing_key)}, roots.all().front()};
  identity.chain_ = {identity.issue_own(now, random), issuing};
  std::string why;
  auto const checked = checked_chain(identity.chain_[0], std::span{identity.chain_}.subspan(1), roots, now, &why);
  if (!checked) throw failure(Errc::identity, "joining: the certificate that came back is not under the invitation's root: " + why);
  for (auto const& root : roots.all()) identity.pin(root);
  identity.stand_under(checked->above.back());
  identity.save(disk, data);
  disk.remove(draft_path(data));
  return identity;
}

// An authority made under a clock that is ahead would be good for nothing when the clock is right again.
Validity Identity::authority_validity(WallTime now) {
  auto validity = Validity::starting(now, kAuthorityLife);
  validity.from = std::min(validity.from, build_time());
  return validity;
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
  auto const issuing = certificate_in(stored.issuing_certificate(), file), own = certificate_in(stored.certificate(), file);
  Identity identity{*id, stored.name(), std::move(addresses), key_of(disk, own, folder(data) + "/server.key"),
                    Authority{issuing, key_of(disk, issuing, folder(data) + "/issuing.key")}, certificate_in(stored.root(), file)};
  for (auto const& der : stored.other_root()) {
    if (identity.other_roots_.size() == kMaxTrustedRoots) break;
    identity.pin(certificate_in(der, file));
  }
  if (auto key = load_key(disk, folder(data) + "/root.key")) {
    auto const* root = identity.roots_.with_key(key->public_key());
    if (root == nullptr) throw failure(Errc::configuration, "reading " + folder(data) + "/root.key: it is the key of no root that this server knows");
    identity.root_authority_.emplace(*root, std::move(*key));
  }
  identity.chain_ = {own, issuing};
  if (!is_of(identity.key_, identity.chain_[0]))
    throw failure(Errc::configuration, "reading " + folder(data) + ": server.key is not the key of the server's certificate");
  // Of another key: from before `authority renew-server`, and of no use any more.
  for (auto const& one : stored.earlier()) {
    if (identity.earlier_.size() == kMaxEarlier) break;
    Chain chain{certificate_in(one.certificate(), file), certificate_in(one.issuing_certificate(), file)};
    auto const key = chain[0].public_key();
    if (key && *key == identity.key_.public_key()) identity.earlier_.push_back(std::move(chain));
  }
  return identity;
}

void Identity::pin(const Certificate& root) {
  if (root != root_ && std::find(other_roots_.begin(), other_roots_.end(), root) == other_roots_.end()) other_roots_.push_back(root);
  roots_.add(root);
}

// The one of this key that signed itself, where it is known: agents pin it.
void Identity::stand_under(const Certificate& root) {
  auto const key = root.public_key();
  auto const* found = key ? roots_.with_key(*key) : nullptr;
  if (found == nullptr || *found == root_) return;
  auto const other = root_;
  root_ = *found;
  std::erase(other_roots_, root_);
  other_roots_.push_back(other);
}

void Identity::hear(std::string_view root_word) {
  roots_ = TrustedRoots{root_};
  for (auto const& other : other_roots_) roots_.add(other);
  newest_root_ = root_;
  links_.clear();
  auto word = wire::stored_root_word(root_word, roots_);
  if (!word) return;
  roots_ = std::move(word->roots);
  links_ = std::move(word->links);
  if (auto const newest = word->newest()) newest_root_ = *newest;
}

Certificate Identity::issue_own(WallTime now, Random& random) const {
  std::vector<std::string> ips;
  for (auto const& address : addresses_) ips.push_back(address.ip);
  return issuing_.issue_server(CertificateRequest::make(key_), id_, ips, Validity::starting(now, kServerLife), random);
}

// Of those that are valid now the one that lasts longest; nothing when none is.
const Identity::Chain* Identity::best(WallTime now) const {
  const Chain* found = nullptr;
  auto const look_at = [&](const Chain& chain) {
    auto const& own = chain[0];
    if (now < own.not_before() || now > own.not_after()) return;
    if (found == nullptr || own.not_after() > (*found)[0].not_after()) found = &chain;
  };
  look_at(chain_);
  for (auto const& chain : earlier_) look_at(chain);
  return found;
}

// A clock far ahead is not obeyed: agents, whose clocks are right, would refuse what it makes.  One that went back is obeyed, because it may be the right one
// again, and because what is made then replaces nothing: all are kept.
Identity::Renewal Identity::renewal(WallTime now, ClockGuard::Verdict clock) const {
  using Verdict = ClockGuard::Verdict;
  auto const* right = best(now);
  bool const obeyed = clock == Verdict::plausible || clock == Verdict::behind;
  bool const due = right == nullptr || (*right)[0].not_after() - now < ((*right)[0].not_after() - (*right)[0].not_before()) / 2;
  if (due && obeyed && now >= issuing_.certificate().not_before() && now < issuing_.certificate().not_after()) return Renewal::issue;
  return right != nullptr && right != &chain_ ? Renewal::other : Renewal::none;
}

bool Identity::renew_if_due(Disk& disk, const std::string& data, WallTime now, ClockGuard::Verdict clock, Random& random) {
  auto const what = renewal(now, clock);
  if (what == Renewal::none) return false;
  if (what == Renewal::issue) show({issue_own(now, random), issuing_.certificate()});
  else show(Chain{*best(now)});
  save_description(disk, data);
  return true;
}

// It comes first, and what was shown before is remembered.
void Identity::show(Chain chain) {
  std::erase(earlier_, chain);
  earlier_.insert(earlier_.begin(), std::move(chain_));
  if (earlier_.size() > kMaxEarlier) earlier_.resize(kMaxEarlier);
  chain_ = std::move(chain);
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
  for (auto const& other : other_roots_) out.add_other_root(to_string(other.der()));
  for (auto const& chain : earlier_) {
    auto* one = out.add_earlier();
    one->set_certificate(to_string(chain[0].der()));
    one->set_issuing_certificate(to_string(chain[1].der()));
  }
  write_file_atomically(disk, folder(data) + "/server", as_bytes(out.SerializeAsString()));
}

}  // namespace farkeep
