#pragma once

#include <string>
#include <vector>

#include "crypto/authority.hpp"
#include "crypto/random.hpp"
#include "transport/tls.hpp"

namespace farkeep::test {

/// One data-centre operator: a root, and whom it certified.
class Pki {
 public:
  explicit Pki(WallTime now) : now_(now), root_(Authority::make_root(SigningKey::generate(random_), now, random_)) {}

  TlsCredentials server(const ServerId& id, std::vector<std::string> addresses = {}) {
    SigningKey key = SigningKey::generate(random_);
    return credentials(root_.issue_server(CertificateRequest::make(key), id, addresses, lasting(), random_), key);
  }
  /// Through the server's own issuing authority.
  TlsCredentials server_through_issuer(const ServerId& id) {
    Authority issuing = issuing_of(id);
    SigningKey key = SigningKey::generate(random_);
    auto c = credentials(issuing.issue_server(CertificateRequest::make(key), id, {}, lasting(), random_), key);
    c.certificate_pem += issuing.certificate().pem();
    return c;
  }
  TlsCredentials agent(const AccountId& account, const AgentId& agent, const ServerId& issuer) {
    Authority issuing = issuing_of(issuer);
    SigningKey key = SigningKey::generate(random_);
    auto c = credentials(issuing.issue_agent(CertificateRequest::make(key), account, agent, lasting(), random_), key);
    c.certificate_pem += issuing.certificate().pem();
    return c;
  }
  TlsCredentials unregistered() {
    TlsCredentials c;
    c.authority_pem = root_.certificate().pem();
    return c;
  }
  /// The root's own certificate, used as a server's.
  TlsCredentials root_itself() { return credentials(root_.certificate(), root_.key()); }
  const Authority& root() const { return root_; }
  std::string link_to(const Pki& successor) { return root_.issue_link(successor.root_.certificate(), random_).pem(); }
  std::string root_pem() const { return root_.certificate().pem(); }
  std::string root_subject() const { return root_.certificate().subject(); }

 private:
  Validity lasting() const { return Validity::starting(now_, std::chrono::hours{24 * 90}); }
  Authority issuing_of(const ServerId& id) {
    SigningKey key = SigningKey::generate(random_);
    Certificate certificate = root_.issue_authority(CertificateRequest::make(key), id, lasting(), random_);
    return Authority{std::move(certificate), std::move(key)};
  }
  TlsCredentials credentials(const Certificate& certificate, const SigningKey& key) {
    TlsCredentials c;
    c.certificate_pem = certificate.pem();
    c.key_pem = key.to_pem();
    c.authority_pem = root_.certificate().pem();
    return c;
  }

  SystemRandom random_;
  WallTime now_;
  Authority root_;
};

template <class IdT>
IdT id_of(std::uint8_t first) {
  IdT id;
  id.bytes[0] = first;
  return id;
}

}  // namespace farkeep::test
