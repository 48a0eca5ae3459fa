#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/id.hpp"
#include "crypto/handles.hpp"
#include "crypto/signature.hpp"

namespace farkeep {

/// Who a certificate speaks of: one URI among its subject's alternative names (KEYS.md §6).
struct CertificateName {
  enum class Role : std::uint8_t { ca, server, agent };

  Role role = Role::ca;
  std::optional<ServerId> server;    // server; and the authority of a server, which the root is not
  std::optional<AccountId> account;  // agent
  std::optional<AgentId> agent;      // agent

  static CertificateName root() { return {}; }
  static CertificateName authority_of(const ServerId& id) { return {Role::ca, id, {}, {}}; }
  static CertificateName of_server(const ServerId& id) { return {Role::server, id, {}, {}}; }
  static CertificateName of_agent(const AccountId& a, const AgentId& b) { return {Role::agent, {}, a, b}; }

  /// "farkeep:agent:<account>:<agent>" and so on.
  std::string uri() const;
  static result<CertificateName> parse(std::string_view uri);
  bool operator==(const CertificateName&) const = default;
};

inline constexpr std::size_t kMaxCertificate = 16 * 1024;  // ours have 500 bytes, an intercepting proxy's up to 4 KiB
inline constexpr std::size_t kMaxCertificates = 8;         // in one PEM file or chain

/// An X.509 certificate, any that parses: a stranger's too, so that a message can say whose it is.  Being well-formed
/// proves nothing; check_chain() does.  A value: cheap to copy, immutable, safe from several threads at once.
class Certificate {
 public:
  static result<Certificate> from_der(ByteView der);
  static result<Certificate> from_pem(std::string_view pem);
  /// What a TLS peer showed.  Stays the caller's.
  static result<Certificate> from_native(const x509_st* certificate);

  const Buffer& der() const noexcept { return der_; }
  std::string pem() const;
  /// SHA-256 of der().
  Digest fingerprint() const;
  /// Printable, whatever a stranger wrote there: for messages.
  std::string subject() const;
  std::string issuer() const;
  WallTime not_before() const;
  WallTime not_after() const;
  /// Malformed when it has no Farkeep name, more than one, or other names beside it that are not IP addresses.
  result<CertificateName> name() const;
  /// Whether `ip`, in IPv4 or IPv6 notation, is among its IP names.  False for anything that is no address.
  bool has_address(const std::string& ip) const;
  /// Malformed unless it is an Ed25519 key.
  result<VerifyKey> public_key() const;
  /// Whether it is made as a root's: named so, an authority, Ed25519.  Says nothing about who signed it.
  bool is_root() const;
  /// Whether this key signed it.
  bool is_signed_by(const VerifyKey& key) const;

  /// For TLS contexts: stays this object's.
  x509_st* native() const noexcept { return x509_.get(); }
  bool operator==(const Certificate& other) const { return der_ == other.der_; }

 private:
  Certificate(std::shared_ptr<x509_st> x509, ByteView der) : x509_(std::move(x509)), der_(to_buffer(der)) {}
  std::shared_ptr<x509_st> x509_;
  Buffer der_;
};

/// All certificates of a PEM text, in its order; at least one, at most kMaxCertificates.
result<std::vector<Certificate>> certificates_from_pem(std::string_view pem);
std::string to_pem(std::span<const Certificate> chain);

inline constexpr std::size_t kMaxRoots = 4;                     // in the life of a data centre: its first root, and three that follow
inline constexpr std::size_t kMaxTrustedRoots = 2 * kMaxRoots;  // pinned ones that no word names are beside those

class Revocations;

/// The roots that a machine trusts: what it pinned, and what that led to (KEYS.md §6, "A new root").  Never none.  A value.
class TrustedRoots {
 public:
  /// One alone, as most data centres have for years.  Not explicit: a root that is pinned is trusted.
  TrustedRoots(const Certificate& pinned) : all_{pinned} {}
  /// Errors: malformed (also: one of them twice, more than kMaxTrustedRoots).
  static result<TrustedRoots> from_pem(std::string_view pem);

  /// Pinned ones first.
  std::span<const Certificate> all() const noexcept { return all_; }
  std::string pem() const { return to_pem(all_); }
  /// The one with this key; null: there is none.
  const Certificate* with_key(const VerifyKey& key) const;
  /// Trusts one more, because the caller says so.  What signed itself takes the place of a link to the same key.  Beyond kMaxTrustedRoots: none.
  void add(const Certificate& root);
  /// Trusts what those among `links` certify that were made by a root which is trusted and not revoked.  Others are passed over, whatever they are:
  /// a peer may show anything.
  void follow(std::span<const Certificate> links, const Revocations& revoked);

 private:
  std::vector<Certificate> all_;
};

/// Who a certificate speaks of, and what vouches for that: its issuing authority, if there is one, and the root, which is last.
struct CheckedChain {
  CertificateName name;
  std::vector<Certificate> above;
};

/// Who `leaf` speaks of, if one of `roots` says so through `intermediates` (in any order; links to roots among them count for nothing) at the given time.
///
/// Server and agent certificates only.  Every refusal is Errc::identity; then `why`, if given, gets a sentence for the
/// administrator: expired, not yet valid, signed by another authority, or what is wrong with its role.
result<CheckedChain> checked_chain(const Certificate& leaf, std::span<const Certificate> intermediates,
                                   const TrustedRoots& roots, WallTime at, std::string* why = nullptr);
/// The name alone.
result<CertificateName> check_chain(const Certificate& leaf, std::span<const Certificate> intermediates,
                                    const TrustedRoots& roots, WallTime at, std::string* why = nullptr);
/// The same, and it must be a server's, or an agent's.
result<CertificateName> check_chain_for(CertificateName::Role wanted, const Certificate& leaf,
                                        std::span<const Certificate> intermediates, const TrustedRoots& roots,
                                        WallTime at, std::string* why = nullptr);

}  // namespace farkeep
