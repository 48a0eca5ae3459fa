#pragma once

#include <optional>
#include <string>
#include <vector>

#include "command.hpp"
#include "crypto/signing_key_file.hpp"
#include "vault/directory.hpp"

// What the verbs share that act on keys: verbs_authority.cpp and verbs_root.cpp.
namespace farkeep::server {

std::string key_text(const VerifyKey& key);
std::string key_text(const Certificate& certificate);

struct PassphraseFile {
  SecretText passphrase;
  SecretText as_before;  ///< what older versions took for it (secret_line_before()): a key that they wrote may open with that alone
};
/// Errors: not_found, usage (nothing is in it).
PassphraseFile passphrase_in(App& app, const std::string& file);
/// Of the file that --`option` names; else asked for twice.
SecretText new_passphrase(App& app, const po::variables_map& values, const char* option);
/// A root's key from a file, which --passphrase-file opens, or what is typed.
SigningKey root_key_in(App& app, const std::string& file, const po::variables_map& values);
/// The key that an earlier try wrote to the file before it was ended; nothing: there is no such file.  Errors: exists (the passphrase does not open it).
std::optional<SigningKey> root_key_written_before(App& app, const std::string& file, const SecretText& passphrase, const std::string& doing);
/// Writes a root's key, encrypted, and reads it back: what cannot be opened is no copy.  Errors: damaged.
void write_root_key(App& app, const std::string& file, const SigningKey& key, const SecretText& passphrase, const std::string& doing);

void root_option(po::options_description& d);
/// This server, with the key of --root-key in its hands: read before the folder's owner is become, because a key in root's safe is root's.
Identity begin_act(App& app, const po::variables_map& values);
/// The newest root with its key.  Errors: configuration (no root's key is here), usage (it is an older root's).
const Authority& root_of(const Identity& identity, const std::string& doing);
void believe_clock(App& app, const std::string& doing);
/// Every act on keys leaves a line for whoever looks later.
void audit(App& app, const std::string& what);

/// A key that gets a successor and is then revoked.  It is noted before: the command may be cut off in between, and given again it must take back this key,
/// not the successor.
class Replacing {
 public:
  /// `which`: "server" or "issuing"; `doing` for the errors.  Errors: usage (without `revoke`, where one with it was cut off).
  Replacing(App& app, std::string which, const VerifyKey& present, bool revoke, const std::string& doing);
  const VerifyKey& old() const { return old_; }
  /// By the one that was cut off: only the rest is to be done.
  bool has_successor() const { return has_successor_; }
  /// It is revoked.
  void done();
  /// The verbs that were cut off so in this folder, as they are to be given again.
  static std::vector<std::string> cut_off(Disk& disk, const std::string& data);

 private:
  App& app_;
  std::string file_;
  VerifyKey old_;
  bool noted_ = false, has_successor_ = false;
};

/// Refuses (usage, and what to do) while a server of the pair stands under one of these roots.
void require_unused(App& app, const Identity& identity, const std::vector<VerifyKey>& roots, const std::string& doing);
/// Which roots there are, who stands under which, and what remains to be done; empty text where no root was ever followed.
struct RootsShown {
  std::string text;
  boost::json::object json;
};
RootsShown show_roots(App& app, const Identity& identity, const std::optional<wire::RootWord>& word);

}  // namespace farkeep::server
