#pragma once

#include "async/scope.hpp"
#include "pki.hpp"
#include "sim/sim_net.hpp"
#include "unit/async/support.hpp"

namespace farkeep::test {

inline const ServerId kServerA = id_of<ServerId>(0xaa), kServerB = id_of<ServerId>(0xbb);
inline const AccountId kAccount = id_of<AccountId>(0x01);
inline const AgentId kAgent = id_of<AgentId>(0x02);

/// A net with one line from a client machine to 10.0.0.1:16384, and an operator's certificates.
struct TlsWorld : World {
  struct End {
    std::unique_ptr<SecureStream> stream;
    boost::system::error_code error;
    std::string text;
    std::optional<ServerId> found;  // of a wrong_server
  };

  static task<void> note(task<std::unique_ptr<SecureStream>> handshake, End& end) {
    try {
      end.stream = co_await std::move(handshake);
    } catch (const wrong_server& e) {
      end.found = e.found();
      end.error = e.code();
      end.text = e.what();
    } catch (const boost::system::system_error& e) {
      end.error = e.code();
      end.text = e.what();
    }
  }
  static task<void> both(Executor executor, task<std::unique_ptr<SecureStream>> a, End& end_a,
                         task<std::unique_ptr<SecureStream>> b, End& end_b) {
    Scope scope{executor};
    scope.spawn(note(std::move(a), end_a), "client");
    scope.spawn(note(std::move(b), end_b), "server");
    co_await scope.join();
  }

  /// Two ends of a new line: the client's, the server's.
  std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> line() {
    std::unique_ptr<Stream> near = run(dialer.dial(place));
    std::unique_ptr<Stream> far = run(listener.accept());
    return {std::move(near), std::move(far)};
  }
  void shake_hands(const TlsContext& client_tls, ExpectedServer expected, const TlsContext& server_tls) {
    client = End{};
    server = End{};
    auto [a, b] = line();
    run(both(executor(), client_tls.connect(std::move(a), std::move(expected)), client, server_tls.accept(std::move(b)),
             server));
  }
  TlsContext context(const TlsCredentials& credentials) { return TlsContext{credentials, clock}; }
  TlsContext context(const TlsCredentials& credentials, const Clock& other) { return TlsContext{credentials, other}; }

  sim::SimClock clock{timers};
  sim::SimNet net{timers, 1};
  Endpoint place = *Endpoint::parse("10.0.0.1:16384");
  sim::SimListener listener{net, place, PeerIdentity{}};
  sim::SimDialer dialer{net, asio::ip::make_address("10.0.0.9"), PeerIdentity{}};
  Pki pki{clock.wall()};
  TlsContext agent = context(pki.agent(kAccount, kAgent, kServerA));
  TlsContext server_a = context(pki.server(kServerA, {"10.0.0.1", "2001:db8::1"}));
  End client, server;
};

inline ExpectedServer at(const char* address) { return asio::ip::make_address(address); }

/// Reads until `size` bytes have come or the stream ends.
inline task<Buffer> read_all(Stream& stream, std::size_t size) {
  Buffer all;
  Buffer piece(100'000);
  while (all.size() < size) {
    const std::size_t n = co_await stream.read_some(piece);
    if (n == 0) break;
    append(all, ByteView{piece}.first(n));
  }
  co_return all;
}

}  // namespace farkeep::test
