#pragma once

#include <boost/asio/ip/address.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "async/task.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/id.hpp"
#include "crypto/revocation.hpp"
#include "crypto/secret.hpp"
#include "transport/stream.hpp"

namespace farkeep {

/// Whom a client wants to reach: a server by its id, or, before that is known, whoever the data centres' root certifies
/// for this IP address.  It is the address of the *destination*, never that of a proxy or a mapped port that was
/// dialled.
using ExpectedServer = std::variant<ServerId, asio::ip::address>;

/// The peer is a certified server, but not the one that was asked for: two mapped ports are exchanged, or an address
/// moved.
class wrong_server : public failure {
 public:
  wrong_server(const ServerId& found, const std::string& doing) : failure(Errc::identity, doing), found_(found) {}
  const ServerId& found() const noexcept { return found_; }

 private:
  ServerId found_;
};

/// The peer shows a certificate for which the data centres' authority does not vouch now.
class untrusted_peer : public failure {
 public:
  enum class Why {
    stranger,   ///< its chain does not end in our authority: something opens the encryption on the way, or it is another service
    too_early,  ///< it would be right later: one of the two clocks is wrong
    expired,    ///< it was right earlier: one of the two clocks is wrong, or it was not renewed
  };
  untrusted_peer(Why why, const std::string& doing) : failure(Errc::identity, doing), why_(why) {}
  Why why() const noexcept { return why_; }

 private:
  Why why_;
};

/// What a side shows and trusts.
struct TlsCredentials {
  TlsCredentials() = default;
  std::string certificate_pem;  ///< own certificate first, then issuing ones, then links to later roots; empty: a client that has none yet
  SecretText key_pem;           ///< the certificate's Ed25519 key; empty like it
  std::string authority_pem;    ///< the data centres' roots: the only ones trusted, with those that the peer shows links to
  Revocations revoked;          ///< what they took back
};

/// TLS 1.3 over any Stream, ALPN "farkeep/1": no older version, no tickets, no early data, nothing to configure.
///
/// Both sides check the other's chain to these roots, at the time of `clock`; the system's store plays no part.  A
/// client needs a server's certificate with the expected identity; a server takes agents' and servers' certificates,
/// and clients without any as anonymous. Throws failure: identity (wrong_server and untrusted_peer among them; the text names the issuer,
/// the dates or the ids), unreachable (the connection ended before the peer said anything: nothing behind a mapped
/// port), protocol (not TLS, and what instead; TLS that is not ours), disconnected.  A server refuses a client's
/// certificate after the client's handshake is over, so the client hears of it, as identity, from its first
/// read_some(). connect() and accept() take the stream over and close it on failure.  No timeout of their own:
/// with_timeout, or the dialer and the listener, which have one.  A cheap value: copies share everything, and streams
/// keep what they need.
class TlsContext {
 public:
  using AnotherTime = std::function<std::optional<WallTime>()>;
  /// `clock` outlives all copies and handshakes.  `servers_by`: when it gives a time, servers whose certificates do not hold by `clock` are judged once more by that; it is called in any
  /// handshake that fails so, and throws nothing.  Throws failure(configuration) for PEM that is wrong or does not fit.
  TlsContext(const TlsCredentials& credentials, const Clock& clock, AnotherTime servers_by = {});

  task<std::unique_ptr<SecureStream>> connect(std::unique_ptr<Stream> under, ExpectedServer expected) const;
  /// Needs a certificate of our own.
  task<std::unique_ptr<SecureStream>> accept(std::unique_ptr<Stream> under) const;

  struct Parts;  // of tls_context.hpp

 private:
  std::shared_ptr<const Parts> parts_;
};

}  // namespace farkeep
