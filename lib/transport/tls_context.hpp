#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <optional>
#include <string>

#include "crypto/certificate.hpp"
#include "transport/tls.hpp"

/// OpenSSL's side of tls.hpp, for the tls_*.cpp files.
namespace farkeep {

struct SslFree {
  void operator()(SSL_CTX* p) const noexcept { SSL_CTX_free(p); }
  void operator()(SSL* p) const noexcept { SSL_free(p); }
};

struct TlsContext::Parts {
  Parts(const TlsCredentials& credentials, const Clock& c, AnotherTime servers);

  const Clock& clock;
  const AnotherTime servers_by;
  TrustedRoots roots;
  Revocations revoked;
  bool has_certificate = false;
  std::unique_ptr<SSL_CTX, SslFree> native;
};

/// Who is expected, and who came: OpenSSL asks it for its verdict in the middle of a handshake.
class PeerCheck {
 public:
  /// Without `expected`: a server's view of its clients.
  PeerCheck(std::shared_ptr<const TlsContext::Parts> parts, std::optional<ExpectedServer> expected)
      : parts_(std::move(parts)), expected_(std::move(expected)) {}

  /// The verdict on a chain, leaf first: X509_V_OK, or the error whose alert the peer gets; then refusal() says why.
  int check(const X509* leaf, const STACK_OF(X509) * shown);

  const PeerIdentity& peer() const noexcept { return peer_; }
  /// Why the peer was refused; empty while it was not.
  const std::string& refusal() const noexcept { return refusal_; }
  /// Set when it is a good server, only another one.
  const std::optional<ServerId>& other_server() const noexcept { return other_server_; }

  /// Set when it is nobody whom our authority vouches for now.
  const std::optional<untrusted_peer::Why>& doubt() const noexcept { return doubt_; }

  /// Makes `ssl` ask this object, which outlives the handshake.
  void attach(SSL* ssl);

 private:
  int refuse(int error, std::string why);

  std::shared_ptr<const TlsContext::Parts> parts_;
  std::optional<ExpectedServer> expected_;
  PeerIdentity peer_;
  std::string refusal_;
  std::optional<ServerId> other_server_;
  std::optional<untrusted_peer::Why> doubt_;
};

/// OpenSSL's newest error in words; empties its queue.
std::string ssl_error_text();

inline constexpr unsigned char kAlpn[] = {9, 'f', 'a', 'r', 'k', 'e', 'e', 'p', '/', '1'};

}  // namespace farkeep
