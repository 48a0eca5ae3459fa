#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/id.hpp"
#include "config/address.hpp"
#include "crypto/authority.hpp"
#include "crypto/random.hpp"
#include "platform/disk.hpp"
#include "vault/clock_guard.hpp"
#include "wire/signed_document.hpp"

namespace farkeep {

/// Who this server is: the files in `<data>/identity`.
///
///   server      a ServerIdentity message: id, name, announced addresses, certificates
///   server.key  issuing.key    PKCS #8 PEM, mode 0600
///   root.key    only on the first server of a data centre pair: it admits servers; it may be moved off the machine afterwards
///   ../ca.pem   the certificate of the root that the issuing authority is under: what agents are given
///
/// `server` is written last: its existence is the identity.  The server's own certificate is good for a year; it is renewed
/// from the issuing key when less than half of that is left.  The ones before it are kept: where the newest was made while the clock
/// was wrong, an older one is shown (crypto/KEYS.md §6, "Clocks").
class Identity {
 public:
  /// A new data centre: a root, an issuing authority and a server key.  Errors: exists.
  static Identity create_first(Disk& disk, const std::string& data, std::string name, std::vector<ServerAddress> addresses,
                               WallTime now, Random& random);

  /// What a joining server prepares before it asks: its keys, not yet its certificates.
  struct Draft {
    ServerId id;
    SigningKey server_key, issuing_key;
  };
  static Draft draft(Random& random);
  /// The same, kept in the folder until the server is made of it: the one that is there already comes again.  An invitation belongs to the server and the key
  /// that used it, so whoever was cut off and asks again must be the same.  Errors: exists.
  static Draft kept_draft(Disk& disk, const std::string& data, Random& random);
  /// Whether one is kept there.
  static bool has_draft(Disk& disk, const std::string& data);
  /// The joined server, with the issuing certificate that one of the inviter's roots signed.  Errors: exists, identity (the certificate is
  /// not for this draft, or not under these roots).
  static Identity create_joined(Disk& disk, const std::string& data, Draft draft, std::string name, std::vector<ServerAddress> addresses,
                                const Certificate& issuing, const TrustedRoots& roots, WallTime now, Random& random);

  /// Of an issuing authority that is made now.
  static Validity authority_validity(WallTime now);
  static bool exists(Disk& disk, const std::string& data);
  /// Errors: not_found (its text says to run init), damaged, configuration (a key that is not its certificate's).
  static Identity load(Disk& disk, const std::string& data);
  /// What the running server has to do; commands only read.
  enum class Renewal {
    none,
    other,  ///< an older certificate is the right one now
    issue,  ///< a new one is needed
  };
  Renewal renewal(WallTime now, ClockGuard::Verdict clock) const;
  /// Does it.  True when another certificate is shown from now on.
  bool renew_if_due(Disk& disk, const std::string& data, WallTime now, ClockGuard::Verdict clock, Random& random);

  // ---- an operator's acts (`farkeep-server authority …`).  Interrupted at any point, the folder holds the keys from before or those after it.
  /// A new key of this server, under the same id, certified by its issuing authority.
  void renew_server_key(Disk& disk, const std::string& data, WallTime now, Random& random);
  /// A new issuing authority under the newest root, and the server's certificate anew under it.  What the old one issued stays good.  Errors: usage (not
  /// the newest root's key).
  void renew_issuing_key(Disk& disk, const std::string& data, WallTime now, Random& random);
  /// A root's key for one act, from a safe.  Errors: identity (it is of no root that is known here).
  void bring_root(SigningKey key);
  /// The same for a root that is new: from now on it is known here.
  void bring_new_root(Authority root);
  /// Keeps what was brought; forgets it on this disk, and what an earlier call that was cut off left of it.
  void save_root(Disk& disk, const std::string& data) const;
  static void remove_root(Disk& disk, const std::string& data);
  /// Changes when another process did one of these.
  static Digest state_on_disk(Disk& disk, const std::string& data);

  const ServerId& id() const noexcept { return id_; }
  const std::string& name() const noexcept { return name_; }
  const std::vector<ServerAddress>& addresses() const noexcept { return addresses_; }
  /// The one that the issuing authority is under.
  const Certificate& root() const noexcept { return root_; }
  /// What the root's word in the registry, if there is any, says of roots: to be told after load().
  void hear(std::string_view root_word);
  /// All that are trusted: this server's own, and those that it heard of.
  const TrustedRoots& roots() const noexcept { return roots_; }
  /// The one that none follows yet.
  const Certificate& newest_root() const noexcept { return newest_root_; }
  /// What is shown behind chain() to machines that know earlier roots only.
  const std::vector<Certificate>& links() const noexcept { return links_; }
  const Authority& issuing() const noexcept { return issuing_; }
  const SigningKey& key() const noexcept { return key_; }
  /// The server's certificate, then its issuing authority's.
  const std::vector<Certificate>& chain() const noexcept { return chain_; }
  wire::Signer signer() const { return {key_, chain_}; }
  /// A root with its key: present on the server that may admit others.
  const std::optional<Authority>& root_authority() const noexcept { return root_authority_; }
  /// The newest root with its key, the only one that acts; null: it is not here.
  const Authority* acting_root() const noexcept { return root_authority_ && root_authority_->certificate() == newest_root_ ? &*root_authority_ : nullptr; }
  static std::string root_path(const std::string& data) { return data + "/ca.pem"; }

 private:
  Identity(ServerId id, std::string name, std::vector<ServerAddress> addresses, SigningKey key, Authority issuing, Certificate root);
  using Chain = std::vector<Certificate>;
  void pin(const Certificate& root);
  void stand_under(const Certificate& root);
  Certificate issue_own(WallTime now, Random& random) const;
  const Chain* best(WallTime now) const;
  void show(Chain chain);
  void save(Disk& disk, const std::string& data) const;
  void save_description(Disk& disk, const std::string& data) const;

  ServerId id_;
  std::string name_;
  std::vector<ServerAddress> addresses_;
  SigningKey key_;
  Authority issuing_;
  Certificate root_;
  std::vector<Certificate> other_roots_;  // under which this server acted, or will
  TrustedRoots roots_;
  Certificate newest_root_;
  std::vector<Certificate> links_;
  std::optional<Authority> root_authority_;
  std::vector<Certificate> chain_;
  std::vector<Chain> earlier_;  // newest first
};

}  // namespace farkeep
