#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "crypto/certificate.hpp"
#include "crypto/random.hpp"
#include "crypto/signature.hpp"

namespace farkeep {

/// A request for a certificate (PKCS #10).  It proves that its sender has the private key, and nothing else: names,
/// extensions and attributes in it are ignored.
class CertificateRequest {
 public:
  static CertificateRequest make(const SigningKey& key);
  /// malformed: no PKCS #10, or another key than Ed25519.  identity: its signature is not by its key.
  static result<CertificateRequest> from_der(ByteView der);
  static result<CertificateRequest> from_pem(std::string_view pem);

  const Buffer& der() const noexcept { return der_; }
  std::string pem() const;
  const VerifyKey& public_key() const noexcept { return key_; }

 private:
  CertificateRequest(ByteView der, const VerifyKey& key) : der_(to_buffer(der)), key_(key) {}
  Buffer der_;
  VerifyKey key_;
};

/// From an hour before `now`, because other machines' clocks are slow, to `lasts` after it.
struct Validity {
  WallTime from, until;
  static Validity starting(WallTime now, std::chrono::seconds lasts);
};

/// The root, or a server's issuing authority: a certificate that may sign others, and its key (KEYS.md §6).
///
/// What it signs never outlives its own certificate.  Const calls are safe from several threads at once (each with its
/// own Random).
class Authority {
 public:
  /// Self-signed, valid for 20 years; from `known_past` on where the clock says more, which it may do wrongly.
  static Authority make_root(SigningKey key, WallTime now, Random& random, WallTime known_past = WallTime::max());
  /// From storage.  Throws failure (configuration) when the key is not the certificate's, or it is no authority's.
  Authority(Certificate certificate, SigningKey key);

  const Certificate& certificate() const noexcept { return certificate_; }
  const SigningKey& key() const noexcept { return key_; }

  /// The issuing authority of a server.  Throws failure (usage) unless this is the root.
  Certificate issue_authority(const CertificateRequest& request, const ServerId& server, const Validity& validity,
                              Random& random) const;
  /// A link to another root, with its name and key: who trusts this root trusts that one.  Throws failure (usage) unless both are roots.
  Certificate issue_link(const Certificate& successor, Random& random) const;
  /// `addresses` become IP names; failure (configuration) for one that is no IPv4 or IPv6 address.  Throws failure
  /// (usage) when this is the authority of another server.
  Certificate issue_server(const CertificateRequest& request, const ServerId& server,
                           std::span<const std::string> addresses, const Validity& validity, Random& random) const;
  Certificate issue_agent(const CertificateRequest& request, const AccountId& account, const AgentId& agent,
                          const Validity& validity, Random& random) const;

 private:
  Certificate certificate_;
  SigningKey key_;
  CertificateName name_;
};

}  // namespace farkeep
