#include "tls_world.hpp"

namespace farkeep::test {
namespace {

using Catch::Contains;
constexpr auto kYear = std::chrono::hours{24 * 365};

TEST_CASE("tls: a registered agent and its server know each other") {
  TlsWorld w;
  w.shake_hands(w.agent, kServerA, w.server_a);
  REQUIRE(w.client.stream);
  REQUIRE(w.server.stream);
  CHECK(w.client.stream->peer().role == PeerIdentity::Role::server);
  CHECK(w.client.stream->peer().server == kServerA);
  CHECK(w.server.stream->peer().role == PeerIdentity::Role::agent);
  CHECK(w.server.stream->peer().account == kAccount);
  CHECK(w.server.stream->peer().agent == kAgent);
  CHECK_FALSE(w.server.stream->peer().certificate.empty());
  CHECK(w.client.stream->describe() == "10.0.0.1:16384");
}

TEST_CASE("tls: before the id is known, the certificate's address decides, in either family") {
  TlsWorld w;
  w.shake_hands(w.agent, at("10.0.0.1"), w.server_a);
  CHECK(w.client.stream);
  w.shake_hands(w.agent, at("2001:db8::1"), w.server_a);
  CHECK(w.client.stream);
  for (const char* other : {"10.0.0.2", "2001:db8::2", "::ffff:10.0.0.1"}) {
    w.shake_hands(w.agent, at(other), w.server_a);
    CHECK_FALSE(w.client.stream);
    CHECK(w.client.error == Errc::identity);
    CHECK(w.client.found == kServerA);
    CHECK_THAT(w.client.text, Contains(other));
  }
}

TEST_CASE("tls: a client without a certificate is anonymous; a server may be a client") {
  TlsWorld w;
  w.shake_hands(w.context(w.pki.unregistered()), at("10.0.0.1"), w.server_a);
  REQUIRE(w.server.stream);
  CHECK(w.server.stream->peer().role == PeerIdentity::Role::anonymous);
  CHECK(w.server.stream->peer().certificate.empty());
  w.shake_hands(w.context(w.pki.server(kServerB)), kServerA, w.server_a);
  REQUIRE(w.server.stream);
  CHECK(w.server.stream->peer().role == PeerIdentity::Role::server);
  CHECK(w.server.stream->peer().server == kServerB);
}

TEST_CASE("tls: a server's certificate may come from its own issuing authority") {
  TlsWorld w;
  w.shake_hands(w.agent, kServerB, w.context(w.pki.server_through_issuer(kServerB)));
  REQUIRE(w.client.stream);
  CHECK(w.client.stream->peer().server == kServerB);
}

TEST_CASE("tls: the other member of the pair is told apart, and named") {
  TlsWorld w;
  w.shake_hands(w.agent, kServerB, w.server_a);
  CHECK_FALSE(w.client.stream);
  CHECK(w.client.error == Errc::identity);
  CHECK(w.client.found == kServerA);
  CHECK_THAT(w.client.text, Contains(kServerA.hex()) && Contains(kServerB.hex()) && Contains("10.0.0.1:16384"));
  CHECK_FALSE(w.server.stream);
  CHECK(w.server.error == Errc::identity);
}

TEST_CASE("tls: a chain that ends elsewhere is refused, and its issuer named") {
  TlsWorld w;
  Pki stranger{w.clock.wall()};
  w.shake_hands(w.agent, kServerA, w.context(stranger.server(kServerA, {"10.0.0.1"})));
  CHECK(w.client.error == Errc::identity);
  CHECK_FALSE(w.client.found);
  CHECK_THAT(w.client.text, Contains(stranger.root_subject()) && Contains("another authority"));
  w.shake_hands(w.agent, kServerA, w.context(stranger.server_through_issuer(kServerA)));
  CHECK(w.client.error == Errc::identity);
}

TEST_CASE("tls: who pins the old root follows the link that a server under the new one shows, and no other") {
  TlsWorld w;
  Pki next{w.clock.wall()}, stranger{w.clock.wall()};
  const auto shown = [&](Pki& by, const std::string& link) {
    auto c = by.server_through_issuer(kServerA);
    c.certificate_pem += link;
    c.authority_pem += w.pki.root_pem();
    return c;
  };
  const auto link = w.pki.link_to(next);
  w.shake_hands(w.agent, kServerA, w.context(shown(next, "")));
  CHECK(w.client.error == Errc::identity);
  w.shake_hands(w.agent, kServerA, w.context(shown(next, link)));
  REQUIRE(w.client.stream);
  CHECK(w.client.stream->peer().root_key == to_buffer(next.root().key().public_key().view()));
  CHECK(w.server.stream->peer().agent == kAgent);  // whose certificate is the old root's still
  w.shake_hands(w.agent, kServerA, w.context(shown(stranger, stranger.link_to(stranger))));
  CHECK(w.client.error == Errc::identity);
  w.shake_hands(w.agent, kServerA, w.context(shown(stranger, next.link_to(stranger) + link)));
  CHECK(w.client.stream);  // two steps
  w.shake_hands(w.agent, kServerA, w.context(shown(stranger, link)));
  CHECK(w.client.error == Errc::identity);
}

TEST_CASE("tls: a retired root vouches for no server, shows no way on, and its agents stay") {
  TlsWorld w;
  Pki next{w.clock.wall()}, stranger{w.clock.wall()};
  const auto both = [&](TlsCredentials c) {
    c.authority_pem = next.root_pem() + w.pki.root_pem();
    c.revoked = Revocations{};
    c.revoked.add_key(w.pki.root().key().public_key(), w.clock.wall() + 1h);
    return c;
  };
  const auto agent = both(w.pki.agent(kAccount, kAgent, kServerA));
  w.shake_hands(w.context(agent), kServerA, w.context(both(w.pki.server_through_issuer(kServerA))));
  CHECK(w.client.error == Errc::identity);
  CHECK_THAT(w.client.text, Contains("older root"));
  auto thief = both(stranger.server_through_issuer(kServerA));
  thief.certificate_pem += w.pki.link_to(stranger);
  w.shake_hands(w.context(agent), kServerA, w.context(thief));
  CHECK(w.client.error == Errc::identity);
  auto server = both(next.server_through_issuer(kServerA));
  server.certificate_pem += w.pki.link_to(next);
  w.shake_hands(w.context(agent), kServerA, w.context(server));
  REQUIRE(w.server.stream);
  CHECK(w.server.stream->peer().agent == kAgent);
}

TEST_CASE("tls: an authority's certificate is nobody's identity") {
  TlsWorld w;
  w.shake_hands(w.agent, kServerA, w.context(w.pki.root_itself()));
  CHECK(w.client.error == Errc::identity);
  Pki stranger{w.clock.wall()};
  w.shake_hands(w.agent, at("10.0.0.1"), w.context(stranger.root_itself()));
  CHECK(w.client.error == Errc::identity);
}

TEST_CASE("tls: an agent cannot play a server") {
  TlsWorld w;
  w.shake_hands(w.agent, kServerA, w.context(w.pki.agent(kAccount, kAgent, kServerA)));
  CHECK(w.client.error == Errc::identity);
  CHECK_THAT(w.client.text, Contains("agent"));
  CHECK_FALSE(w.client.found);
}

TEST_CASE("tls: dates count, by our clock") {
  TlsWorld w;
  sim::SimClock late{w.timers, kYear}, early{w.timers, -kYear};
  const auto agent = w.pki.unregistered();
  w.shake_hands(w.context(agent, late), kServerA, w.server_a);
  CHECK(w.client.error == Errc::identity);
  CHECK_THAT(w.client.text, Contains("expired"));
  w.shake_hands(w.context(agent, early), kServerA, w.server_a);
  CHECK(w.client.error == Errc::identity);
  CHECK_THAT(w.client.text, Contains("not valid before") && Contains("clock"));
}

task<std::size_t> first_read(Stream& stream) {
  Buffer space(100);
  const std::size_t n = co_await stream.read_some(space);
  co_return n;
}
std::string refusal_at_first_read(TlsWorld& w) {
  try {
    w.run(first_read(*w.client.stream));
  } catch (const failure& e) {
    CHECK(e.code() == Errc::identity);
    return e.what();
  }
  return "read";
}

TEST_CASE(
    "tls: a server refuses a strange and an authority's client; the client hears why at its first read") {
  TlsWorld w;
  Pki stranger{w.clock.wall()};
  auto strange = stranger.agent(kAccount, kAgent, kServerA);
  strange.authority_pem = w.pki.root_pem();
  w.shake_hands(w.context(strange), kServerA, w.server_a);
  CHECK(w.server.error == Errc::identity);
  CHECK_THAT(w.server.text, Contains("another authority"));
  REQUIRE(w.client.stream);
  CHECK_THAT(refusal_at_first_read(w), Contains("it refused our certificate"));

  w.shake_hands(w.context(w.pki.root_itself()), kServerA, w.server_a);
  CHECK(w.server.error == Errc::identity);
}

TEST_CASE("tls: a client of ours whose dates do not fit the server's clock is nobody there, and the server knows what to tell it") {
  TlsWorld w;
  sim::SimClock late{w.timers, kYear}, early{w.timers, -kYear};
  const auto own = w.pki.agent(kAccount, kAgent, kServerA);
  w.shake_hands(w.context(own), kServerA, w.context(w.pki.server(kServerA), late));
  REQUIRE(w.server.stream);
  CHECK(w.server.stream->peer().role == PeerIdentity::Role::anonymous);
  CHECK_THAT(w.server.stream->peer().untimely, Contains("expired"));
  w.shake_hands(w.context(own), kServerA, w.context(w.pki.server(kServerA), early));
  REQUIRE(w.server.stream);
  CHECK(w.server.stream->peer().role == PeerIdentity::Role::anonymous);
  CHECK_THAT(w.server.stream->peer().untimely, Contains("not valid before"));

  // A stranger's is refused, whatever its dates are.
  Pki stranger{w.clock.wall()};
  auto strange = stranger.agent(kAccount, kAgent, kServerA);
  strange.authority_pem = w.pki.root_pem();
  w.shake_hands(w.context(strange), kServerA, w.context(w.pki.server(kServerA), late));
  CHECK(w.server.error == Errc::identity);
  CHECK_FALSE(w.server.stream);
}

TEST_CASE("tls: credentials that cannot work are a configuration error") {
  TlsWorld w;
  const auto code_of = [&](const TlsCredentials& c) -> boost::system::error_code {
    try {
      TlsContext context{c, w.clock};
    } catch (const failure& e) {
      return e.code();
    }
    return {};
  };
  CHECK_FALSE(code_of(w.pki.server(kServerA)));
  CHECK_FALSE(code_of(w.pki.unregistered()));
  CHECK(code_of(TlsCredentials{}) == Errc::configuration);
  auto c = w.pki.server(kServerA);
  c.key_pem = w.pki.server(kServerB).key_pem;
  CHECK(code_of(c) == Errc::configuration);
  c.key_pem = SecretText{};
  CHECK(code_of(c) == Errc::configuration);
  c = w.pki.server(kServerA);
  c.certificate_pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  CHECK(code_of(c) == Errc::configuration);
  c = w.pki.server(kServerA);
  c.authority_pem += c.authority_pem;
  CHECK(code_of(c) == Errc::configuration);
}

Buffer pattern(std::size_t size) {
  Buffer b(size);
  for (std::size_t i = 0; i < size; ++i) b[i] = static_cast<std::uint8_t>(i * 2654435761U >> 13U);
  return b;
}
task<void> write_parts(Stream& stream, const Buffer& data, std::vector<std::size_t> cuts) {
  std::vector<ByteView> parts;
  std::size_t from = 0;
  for (std::size_t cut : cuts) {
    parts.push_back(ByteView{data}.subspan(from, cut));
    from += cut;
  }
  parts.push_back(ByteView{data}.subspan(from));
  co_await stream.write(parts);
}
task<void> read_secure_into(Stream& stream, std::size_t size, Buffer& to) { to = co_await read_all(stream, size); }
task<void> exchange(TlsWorld& w, const Buffer& data, const std::vector<std::size_t>& cuts, Buffer& at_server,
                    Buffer& at_client) {
  Scope scope{w.executor()};
  scope.spawn(write_parts(*w.client.stream, data, cuts), "client writes");
  scope.spawn(read_secure_into(*w.client.stream, data.size(), at_client), "client reads");
  scope.spawn(write_parts(*w.server.stream, data, cuts), "server writes");
  scope.spawn(read_secure_into(*w.server.stream, data.size(), at_server), "server reads");
  co_await scope.join();
}

TEST_CASE("tls: bytes arrive whole and in order, both ways at once, however they are cut into parts") {
  TlsWorld w;
  w.shake_hands(w.agent, kServerA, w.server_a);
  REQUIRE(w.client.stream);
  const std::vector<std::vector<std::size_t>> cuts = {{},
                                                      {0},
                                                      {1},
                                                      {16, 100},
                                                      {16383},
                                                      {16384},
                                                      {16385},
                                                      {16, 16384, 1},
                                                      {100'000, 7, 300'000},
                                                      {262'144, 262'144},
                                                      {1, 0, 1, 0, 32'767}};
  for (std::size_t size : {1U, 16U, 16384U, 700'001U, 1'500'000U}) {
    const Buffer data = pattern(size);
    for (const auto& cut : cuts) {
      std::size_t sum = 0;
      for (std::size_t c : cut) sum += c;
      if (sum > size) continue;
      Buffer at_server, at_client;
      w.run(exchange(w, data, cut, at_server, at_client));
      CHECK(at_server == data);
      CHECK(at_client == data);
    }
  }
}

TEST_CASE("tls: the end of the connection is the end of the stream") {
  TlsWorld w;
  w.shake_hands(w.agent, kServerA, w.server_a);
  REQUIRE(w.client.stream);
  const Buffer data = pattern(1000);
  w.run(write_parts(*w.server.stream, data, {}));
  w.server.stream->close();
  CHECK(w.run(read_all(*w.client.stream, 5000)) == data);
  CHECK(w.run(first_read(*w.client.stream)) == 0);
  CHECK(w.error_of(first_read(*w.server.stream)) == Errc::disconnected);
}

task<void> write_a_lot(Stream& stream) {
  const Buffer data(4'000'000);
  co_await stream.write(data);
}

TEST_CASE("tls: an interrupted write finishes the stream; an interrupted read does not") {
  TlsWorld w;
  w.shake_hands(w.agent, kServerA, w.server_a);
  REQUIRE(w.client.stream);
  struct Read {
    static task<void> once(Stream& stream) { static_cast<void>(co_await first_read(stream)); }
  };
  CHECK(w.run_cancelled(Read::once(*w.server.stream), 1s) == aborted());
  CHECK(w.run_cancelled(write_a_lot(*w.client.stream), 1s) == aborted());
  CHECK(w.error_of(write_a_lot(*w.client.stream)) == Errc::disconnected);
  CHECK(w.run(first_read(*w.server.stream)) > 0);
}

TEST_CASE("tls: closing wakes whoever waits") {
  TlsWorld w;
  w.shake_hands(w.agent, kServerA, w.server_a);
  REQUIRE(w.client.stream);
  w.timers.after(1s, [&] { w.client.stream->close(); });
  CHECK(w.error_of(first_read(*w.client.stream)) == Errc::disconnected);
}

}  // namespace
}  // namespace farkeep::test
