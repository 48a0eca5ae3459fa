#include "base/error.hpp"
#include "crypto/digest.hpp"
#include "platform/atomic_file.hpp"
#include "vault/identity.hpp"

// New keys in the place of old ones.  A key and its certificate are two files, so: 1. the new key as <name>.next  2. `server`, whose certificate says which key
// counts  3. <name>.next becomes <name>.  After a crash between 2 and 3 the key of the certificate is found in <name>.next.
namespace farkeep {
namespace {

constexpr std::size_t kMaxKeysFile = 64 * 1024;

std::string keys_folder(const std::string& data) { return data + "/identity"; }

void write_next(Disk& disk, const std::string& path, const SigningKey& key) {
  // One that was cut off before: it counts already, so it gets its name before it is overwritten.
  write_file_atomically(disk, path + ".next", key.to_pem().view());
}

void make_current(Disk& disk, const std::string& data, const std::string& path) {
  disk.rename(path + ".next", path);
  disk.sync_folder(keys_folder(data));
}

// What an earlier renewal did not get to.
void finish(Disk& disk, const std::string& data, const std::string& path, const SigningKey& counts) {
  if (!disk.exists(path + ".next")) return;
  write_file_atomically(disk, path, counts.to_pem().view());
  disk.remove(path + ".next");
  disk.sync_folder(keys_folder(data));
}

}  // namespace

void Identity::renew_server_key(Disk& disk, const std::string& data, WallTime now, Random& random) {
  auto const path = keys_folder(data) + "/server.key";
  finish(disk, data, path, key_);
  key_ = SigningKey::generate(random);
  chain_ = {issue_own(now, random), issuing_.certificate()};
  earlier_.clear();  // of a key that is no more
  write_next(disk, path, key_);
  save_description(disk, data);
  make_current(disk, data, path);
}

void Identity::renew_issuing_key(Disk& disk, const std::string& data, WallTime now, Random& random) {
  auto const* root = acting_root();
  if (root == nullptr) throw failure(Errc::usage, "renewing the issuing authority: it takes the newest root's key, which is not here; bring it with --root-key FILE");
  auto const path = keys_folder(data) + "/issuing.key";
  finish(disk, data, path, issuing_.key());
  auto key = SigningKey::generate(random);
  auto const certificate = root->issue_authority(CertificateRequest::make(key), id_, authority_validity(now), random);
  issuing_ = Authority{certificate, std::move(key)};
  stand_under(root->certificate());
  chain_ = {issue_own(now, random), certificate};
  earlier_.clear();  // under an authority that may be about to be revoked
  write_next(disk, path, issuing_.key());
  save_description(disk, data);
  make_current(disk, data, path);
  // Agents that pin the root before get here by its link: after a crash before this line, nobody is shut out.
  write_file_atomically(disk, root_path(data), as_bytes(root_.pem()));
}

void Identity::bring_root(SigningKey key) {
  auto const* root = roots_.with_key(key.public_key());
  if (root == nullptr) throw failure(Errc::identity, "bringing the root's key: it is the key of another root");
  Authority brought{*root, std::move(key)};
  pin(brought.certificate());
  root_authority_.emplace(std::move(brought));
}

void Identity::bring_new_root(Authority root) {
  pin(root.certificate());
  newest_root_ = root.certificate();
  root_authority_.emplace(std::move(root));
}

// The certificate first: a key of which nothing is known would be none.
void Identity::save_root(Disk& disk, const std::string& data) const {
  save_description(disk, data);
  if (root_authority_) write_file_atomically(disk, keys_folder(data) + "/root.key", root_authority_->key().to_pem().view());
}

namespace {

// On most disks overwriting leaves nothing to find.
void wipe_file(Disk& disk, const std::string& path) {
  auto const old = read_file(disk, path, kMaxKeysFile);
  if (!old) return;
  {
    auto const file = disk.open(path, Open::read_write);
    file->write_at(0, Buffer(old->size(), 0));
    file->sync();
  }
  disk.remove(path);
}

}  // namespace

// 1. from the name by which it is a key: half overwritten it is none, and no server would start with it  2. overwritten, and away; and so whatever calls left of
// one that were cut off, half written ones too
void Identity::remove_root(Disk& disk, const std::string& data) {
  std::string const name = "root.key", folder = keys_folder(data);
  if (disk.exists(folder + "/" + name)) {
    wipe_file(disk, folder + "/" + name + ".removed");
    disk.rename(folder + "/" + name, folder + "/" + name + ".removed");
    disk.sync_folder(folder);
  }
  for (auto const& file : disk.list(folder))
    if (file.starts_with(name + ".")) wipe_file(disk, folder + "/" + file);
  disk.sync_folder(folder);
}

Digest Identity::state_on_disk(Disk& disk, const std::string& data) {
  auto bytes = read_file(disk, keys_folder(data) + "/server", kMaxKeysFile).value_or(Buffer{});
  bytes.push_back(disk.exists(keys_folder(data) + "/root.key") ? 1 : 0);
  return sha256(bytes);
}

}  // namespace farkeep
