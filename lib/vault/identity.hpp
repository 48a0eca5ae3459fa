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
#include "wire/signed_document.hpp"

namespace farkeep {

/// Who this server is: the files in `<data>/identity`.
///
///   server      a ServerIdentity message: id, name, announced addresses, certificates
///   server.key  issuing.key    PKCS #8 PEM, mode 0600
///   root.key    only on the first server of a data centre pair: it admits servers; it may be moved off the machine afterwards
///   ../ca.pem   the root certificate: what agents are given
///
/// `server` is written last: its existence is the identity.  The server's own certificate is good for a year; it is renewed
/// from the issuing key when less than half of that is left.
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
  /// The joined server, with the issuing certificate that the inviter's root signed.  Errors: exists, identity (the certificate is
  /// not for this draft, or not under this root).
  static Identity create_joined(Disk& disk, const std::string& data, Draft draft, std::string name, std::vector<ServerAddress> addresses,
                                const Certificate& issuing, const Certificate& root, WallTime now, Random& random);

  static bool exists(Disk& disk, const std::string& data);
  /// Errors: not_found (its text says to run init), damaged, configuration (a key that is not its certificate's).
  static Identity load(Disk& disk, const std::string& data);
  /// The running server's daily duty; commands only read.  True when there is a new certificate.
  bool renew_if_due(Disk& disk, const std::string& data, WallTime now, Random& random);

  const ServerId& id() const noexcept { return id_; }
  const std::string& name() const noexcept { return name_; }
  const std::vector<ServerAddress>& addresses() const noexcept { return addresses_; }
  const Certificate& root() const noexcept { return root_; }
  const Authority& issuing() const noexcept { return issuing_; }
  const SigningKey& key() const noexcept { return key_; }
  /// The server's certificate, then its issuing authority's.
  const std::vector<Certificate>& chain() const noexcept { return chain_; }
  wire::Signer signer() const { return {key_, chain_}; }
  /// The root with its key: present on the server that may admit others.
  const std::optional<Authority>& root_authority() const noexcept { return root_authority_; }
  static std::string root_path(const std::string& data) { return data + "/ca.pem"; }

 private:
  Identity(ServerId id, std::string name, std::vector<ServerAddress> addresses, SigningKey key, Authority issuing, Certificate root);
  Certificate issue_own(WallTime now, Random& random) const;
  void save(Disk& disk, const std::string& data) const;
  void save_description(Disk& disk, const std::string& data) const;

  ServerId id_;
  std::string name_;
  std::vector<ServerAddress> addresses_;
  SigningKey key_;
  Authority issuing_;
  Certificate root_;
  std::optional<Authority> root_authority_;
  std::vector<Certificate> chain_;
};

}  // namespace farkeep
