#include "authority_act.hpp"

#include <algorithm>

#include "base/build_time.hpp"
#include "base/hex.hpp"
#include "config/secret_line.hpp"
#include "platform/atomic_file.hpp"
#include "platform/process.hpp"
#include "vault/audit_log.hpp"

namespace farkeep::server {
namespace {

constexpr std::size_t kMaxKeyFile = 16 * 1024;
constexpr std::size_t kMaxPassphraseFile = 4 * 1024;
constexpr const char* kReplaceable[] = {"server", "issuing"};

std::string note_of(const std::string& data, const std::string& which) { return data + "/identity/" + which + ".revoking"; }

SecretText asked(const std::string& prompt) {
  Buffer typed = read_passphrase(prompt);
  SecretText text{as_text(typed)};
  wipe(typed);
  return text;
}

}  // namespace

std::string key_text(const VerifyKey& key) { return hex(key.view()); }
std::string key_text(const Certificate& certificate) {
  auto const key = certificate.public_key();
  return key ? key_text(*key) : "-";
}

PassphraseFile passphrase_in(App& app, const std::string& file) {
  auto bytes = read_file(app.disk(), file, kMaxPassphraseFile);
  if (!bytes) throw failure(Errc::not_found, "reading the passphrase in " + file);
  PassphraseFile out{SecretText{secret_line(as_text(*bytes))}, SecretText{secret_line_before(as_text(*bytes))}};
  wipe(*bytes);
  if (out.passphrase.empty()) throw failure(Errc::usage, "reading the passphrase in " + file + ": nothing is in it");
  return out;
}

SecretText new_passphrase(App& app, const po::variables_map& values, const char* option) {
  if (auto const file = text_of(values, option)) return passphrase_in(app, *file).passphrase;
  auto first = asked("Passphrase for the root's key: ");
  auto const second = asked("Once more: ");
  if (first.text() != second.text()) throw failure(Errc::usage, "encrypting the root's key: the two passphrases differ; nothing was written");
  if (first.empty()) throw failure(Errc::usage, "encrypting the root's key: an empty passphrase protects nothing; nothing was written");
  return first;
}

SigningKey root_key_in(App& app, const std::string& file, const po::variables_map& values) {
  auto bytes = read_file(app.disk(), file, kMaxKeyFile);
  if (!bytes) throw failure(Errc::not_found, "reading the root's key in " + file);
  bool const encrypted = as_text(*bytes).find("ENCRYPTED PRIVATE KEY") != std::string_view::npos;
  PassphraseFile from;
  if (encrypted) {
    if (auto const named = text_of(values, "passphrase-file")) from = passphrase_in(app, *named);
    else from.passphrase = asked("Passphrase of " + file + ": ");
  }
  auto key = signing_key_from_pem(as_text(*bytes), from.passphrase);
  if (!key && !from.as_before.empty() && from.as_before.text() != from.passphrase.text()) key = signing_key_from_pem(as_text(*bytes), from.as_before);
  wipe(*bytes);
  if (!key) throw failure(key.error(), "opening the root's key in " + file);
  return std::move(*key);
}

std::optional<SigningKey> root_key_written_before(App& app, const std::string& file, const SecretText& passphrase, const std::string& doing) {
  auto bytes = read_file(app.disk(), file, kMaxKeyFile);
  if (!bytes) return std::nullopt;
  auto key = signing_key_from_pem(as_text(*bytes), passphrase);
  wipe(*bytes);
  if (!key) throw failure(Errc::exists, doing + ": " + file + " is there already, is not what this passphrase opens, and is not replaced");
  return std::move(*key);
}

void write_root_key(App& app, const std::string& file, const SigningKey& key, const SecretText& passphrase, const std::string& doing) {
  auto const pem = encrypted_pem(key, passphrase);
  write_file_atomically(app.disk(), file, pem.view());
  auto const again = read_file(app.disk(), file, kMaxKeyFile);
  auto const opened = again ? signing_key_from_pem(as_text(*again), passphrase) : result<SigningKey>{Errc::not_found};
  if (!opened || opened->public_key() != key.public_key()) throw failure(Errc::damaged, doing + ": " + file + " does not open again; nothing else was done");
}

Replacing::Replacing(App& app, std::string which, const VerifyKey& present, bool revoke, const std::string& doing)
    : app_(app), file_(note_of(app.data(), which)), old_(present) {
  auto const text = read_file(app.disk(), file_, kMaxKeyFile);
  auto const raw = text ? unhex(as_text(*text)) : std::nullopt;
  auto const begun = raw ? VerifyKey::from(*raw) : std::nullopt;
  if (begun && !revoke)
    throw failure(Errc::usage, doing + ": this was begun with --revoke-old, and cut off before the old key was revoked; give it with --revoke-old again");
  if (!revoke) return;
  has_successor_ = begun && *begun != present;
  if (begun) old_ = *begun;
  else write_file_atomically(app.disk(), file_, as_bytes(key_text(present)));
  noted_ = true;
}

void Replacing::done() {
  if (!noted_) return;
  app_.disk().remove(file_);
  app_.disk().sync_folder(app_.data() + "/identity");
}

std::vector<std::string> Replacing::cut_off(Disk& disk, const std::string& data) {
  std::vector<std::string> out;
  for (auto const* which : kReplaceable)
    if (disk.exists(note_of(data, which))) out.push_back(std::string{"`authority renew-"} + which + " --revoke-old`");
  return out;
}

void root_option(po::options_description& d) {
  d.add_options()("root-key", po::value<std::string>()->value_name("FILE"), "the root's key, for this act alone; without it, the one on this server")(
      "passphrase-file", po::value<std::string>()->value_name("FILE"), "first line of this file opens it, instead of asking");
}

Identity begin_act(App& app, const po::variables_map& values) {
  std::optional<SigningKey> brought;
  if (auto const file = text_of(values, "root-key")) brought.emplace(root_key_in(app, *file, values));
  app.identity();
  auto identity = Identity::load(app.disk(), app.data());
  app.hear_root_word(identity);
  if (brought) identity.bring_root(std::move(*brought));
  return identity;
}

const Authority& root_of(const Identity& identity, const std::string& doing) {
  if (!identity.root_authority())
    throw failure(Errc::configuration, doing + ": it takes the root's key, which is not on this server; bring it with --root-key FILE, or `authority import-root`");
  if (identity.acting_root() == nullptr)
    throw failure(Errc::usage, doing + ": this is the key of an older root; it takes that of the newest, " + key_text(identity.newest_root()) + ", which `authority roll-root` wrote: --root-key FILE");
  return *identity.root_authority();
}

void believe_clock(App& app, const std::string& doing) { ClockGuard{app.disk(), app.data(), app.clock(), build_time()}.require(doing); }

void audit(App& app, const std::string& what) {
  boost::json::object line;
  line["act"] = what;
  farkeep::audit(app.disk(), app.data(), app.clock().wall().time_since_epoch().count(), std::move(line));
}

}  // namespace farkeep::server
