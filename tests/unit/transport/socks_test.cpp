// A SOCKS client against proxies that are honest, broken, slow, or something else.  Bytes that real proxies were seen to send
// are marked with their names.
#include "transport/socks.hpp"

#include <catch2/catch.hpp>

#include "proxy_world.hpp"

namespace farkeep::test {
namespace {

using Catch::Contains;
using namespace std::chrono_literals;

const Endpoint kV4 = *Endpoint::parse("204.164.111.10:16384");
const Endpoint kV6 = *Endpoint::parse("[2001:db8::10]:16384");

ProxyPlace place(const ProxyLogin& login, const Endpoint& destination = kV4, ProxyKind kind = ProxyKind::socks5) {
  ProxyPlace p;
  p.kind = kind;
  p.proxy = "fw.example.net:1080";
  p.destination = destination;
  p.user = login.user;
  return p;
}

ProxyLogin login(std::string user = {}, std::string_view password = {}) {
  ProxyLogin l;
  l.user = std::move(user);
  l.password = SecretText(password);
  return l;
}

const Buffer kNoLogin = bytes({5, 0});
const Buffer kGranted = bytes({5, 0, 0, 1, 0, 0, 0, 0, 0, 0});
constexpr std::size_t kGreeting = 3, kGreetingWithLogin = 4, kRequest = 10, kRequestV6 = 22;

// Without a login: greeting answered by `method`, request by `reply`.
ProxyScript script(Buffer method, Buffer reply) {
  ProxyScript s;
  s.turns.emplace_back(kGreeting, std::move(method));
  s.turns.emplace_back(kRequest, std::move(reply));
  return s;
}
ProxyScript first_answer(Buffer answer, Ending ending) {
  ProxyScript s;
  s.turns.emplace_back(kGreeting, std::move(answer));
  s.ending = ending;
  return s;
}
ProxyScript request_answer(Buffer answer, Ending ending = Ending::close) {
  ProxyScript s = script(kNoLogin, std::move(answer));
  s.ending = ending;
  return s;
}

Outcome talk5(const ProxyScript& s, const Endpoint& to = kV4, std::string_view tunnel = {}) {
  ProxyWorld w;
  const ProxyLogin none;
  const auto machine = socks5(place(none, to), none, ProxyPatience{});
  return w.talk(*machine, s, tunnel);
}

Outcome talk5_as(const ProxyLogin& who, const ProxyScript& s, std::string_view tunnel = {}) {
  ProxyWorld w;
  const auto machine = socks5(place(who), who, ProxyPatience{});
  return w.talk(*machine, s, tunnel);
}

TEST_CASE("socks5: the conversation, byte for byte, in one piece each") {
  const Outcome o = talk5(script(kNoLogin, kGranted), kV4, "\x16\x03\x03");
  REQUIRE(o.tunnel);
  CHECK(o.heard == bytes({5, 1, 0, /**/ 5, 1, 0, 1, 204, 164, 111, 10, 0x40, 0}));
  CHECK(o.after == "\x16\x03\x03");
  CHECK(o.took == 0ns);
}

TEST_CASE("socks5: an IPv6 destination") {
  ProxyScript s;
  s.turns.emplace_back(kGreeting, kNoLogin);
  s.turns.emplace_back(kRequestV6, kGranted);
  const Outcome o = talk5(s, kV6);
  REQUIRE(o.tunnel);
  CHECK(o.heard == bytes({5, 1, 0, 5, 1, 0, 4, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0x40, 0}));
}

TEST_CASE("socks5: user and password are offered beside no login, and sent when asked for") {
  const ProxyLogin who = login("agent", "s3cret");
  ProxyScript s;
  s.turns.emplace_back(kGreetingWithLogin, bytes({5, 2}));
  s.turns.emplace_back(3 + 5 + 6, bytes({1, 0}));
  s.turns.emplace_back(kRequest, kGranted);
  const Outcome o = talk5_as(who, s, "x");
  REQUIRE(o.tunnel);
  CHECK(as_text(o.heard).substr(0, 18) == std::string_view("\x05\x02\x00\x02\x01\x05" "agent" "\x06" "s3cret", 18));
  ProxyScript open;
  open.turns.emplace_back(kGreetingWithLogin, kNoLogin);
  open.turns.emplace_back(kRequest, kGranted);
  CHECK(talk5_as(who, open).tunnel);
}

TEST_CASE("socks5: user and password of 255 bytes") {
  const ProxyLogin who = login(std::string(255, 'u'), std::string(255, 'p'));
  ProxyScript s;
  s.turns.emplace_back(kGreetingWithLogin, bytes({5, 2}));
  s.turns.emplace_back(3 + 255 + 255, bytes({1, 0}));
  s.turns.emplace_back(kRequest, kGranted);
  CHECK(talk5_as(who, s).tunnel);
}

TEST_CASE("socks5: an answer to the login with another version byte counts by its status") {
  const ProxyLogin who = login("agent", "s3cret");
  ProxyScript s;
  s.turns.emplace_back(kGreetingWithLogin, bytes({5, 2}));
  s.turns.emplace_back(14, bytes({5, 0}));
  s.turns.emplace_back(kRequest, kGranted);
  CHECK(talk5_as(who, s).tunnel);
}

// Every reply that grants, however long, however cut, with the tunnel's first bytes right behind it.
TEST_CASE("socks5: no byte of the tunnel is taken for the reply, and none of the reply for the tunnel") {
  Buffer longest = bytes({5, 0, 0, 3, 255});
  longest.resize(longest.size() + 255 + 2, 'n');
  Buffer v6 = bytes({5, 0, 0, 4});
  v6.resize(v6.size() + 16 + 2);
  const std::vector<Buffer> replies = {
      kGranted,
      bytes({5, 0, 0, 1, 10, 0, 0, 9, 0xa0, 0x11}),  // dante: the real outgoing address
      bytes({5, 0, 0, 3, 0, 0x40, 0}),               // a name of no length: 7 bytes
      bytes({5, 0, 0, 3, 2, 'f', 'w', 0x40, 0}),
      bytes({5, 0, 9, 1, 0, 0, 0, 0, 0, 0}),         // the reserved byte means nothing
      v6,
      longest,  // 262 bytes
  };
  REQUIRE(longest.size() == 262);
  for (const Buffer& reply : replies) {
    for (const std::size_t piece : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{5}, std::size_t{7}}) {
      ProxyScript s = script(kNoLogin, reply);
      s.piece = piece;
      const Outcome o = talk5(s, kV4, "\x16\x03\x01\x02");
      INFO(reply.size() << " bytes in pieces of " << piece << ": " << o.text);
      CHECK(o.tunnel);
      CHECK(o.after == "\x16\x03\x01\x02");
    }
  }
}

struct Row {
  const char* what;
  ProxyScript script;
  ProxyTrouble trouble;
  ProxyBlame blame;
  Errc code;
  Exit exit;
  const char* words;
  std::chrono::nanoseconds at_most;
};

void check(const Row& row, const Outcome& o) {
  INFO(row.what << ": " << o.text);
  CHECK_FALSE(o.tunnel);
  REQUIRE(o.trouble);
  CHECK(name_of(*o.trouble) == std::string{name_of(row.trouble)});
  CHECK(o.blame == row.blame);
  CHECK(o.code == row.code);
  CHECK(exit_code(make_error_code(o.code)) == row.exit);
  CHECK_THAT(o.text, Contains(row.words) && Contains("fw.example.net:1080") && Contains("204.164.111.10:16384"));
  CHECK(o.took <= row.at_most);
}

TEST_CASE("socks5: what a proxy may answer instead of a tunnel, in words for its administrator") {
  using enum ProxyTrouble;
  constexpr auto kPath = ProxyBlame::path, kDestination = ProxyBlame::destination;
  const std::vector<Row> rows = {
      // the greeting's answer
      {"dante, microsocks: no login is not enough", first_answer(bytes({5, 255}), Ending::close), login_demanded, kPath, Errc::proxy_login, Exit::refused, "demands a login, and none is configured", 0ns},
      {"GSSAPI, unasked", first_answer(bytes({5, 1}), Ending::close), login_kind, kPath, Errc::proxy_login, Exit::refused, "Kerberos", 0ns},
      {"user and password, unasked", first_answer(bytes({5, 2}), Ending::open), login_demanded, kPath, Errc::proxy_login, Exit::refused, "none is configured", 0ns},
      {"a private method, unasked", first_answer(bytes({5, 0x80}), Ending::close), malformed, kPath, Errc::proxy, Exit::unreachable, "not offered", 0ns},
      {"SOCKS4 only", first_answer(bytes({0, 91}), Ending::close), other_protocol, kPath, Errc::proxy, Exit::unreachable, "SOCKS4", 0ns},
      {"squid given SOCKS4, or another HTTP server", first_answer(bytes("HTTP/1.1 400 Bad Request\r\n\r\n"), Ending::close), other_protocol, kPath, Errc::proxy, Exit::unreachable, "HTTP/1.1 400 Bad Request", 0ns},
      {"an HTTP server that waits", first_answer(bytes("HTTP/1.0 408 Timeout"), Ending::stall), other_protocol, kPath, Errc::proxy, Exit::unreachable, "HTTP/1.0 408", 200ms},
      {"a web page", first_answer(bytes("<html><body>login"), Ending::close), other_protocol, kPath, Errc::proxy, Exit::unreachable, "login first", 0ns},
      {"TLS: an alert", first_answer(bytes({0x15, 3, 1, 0, 2, 2, 70}), Ending::close), other_protocol, kPath, Errc::proxy, Exit::unreachable, "TLS", 0ns},
      {"TLS: a handshake", first_answer(bytes({0x16, 3, 3, 0, 80}), Ending::close), other_protocol, kPath, Errc::proxy, Exit::unreachable, "TLS", 0ns},
      {"SSH", first_answer(bytes("SSH-2.0-OpenSSH_9.2p1\r\n"), Ending::stall), other_protocol, kPath, Errc::proxy, Exit::unreachable, "SSH", 200ms},
      {"a mail server", first_answer(bytes("220 mail.example.net ESMTP\r\n"), Ending::stall), other_protocol, kPath, Errc::proxy, Exit::unreachable, "mail", 200ms},
      {"PROXY protocol", first_answer(bytes("PROXY TCP4 1.2.3.4"), Ending::close), other_protocol, kPath, Errc::proxy, Exit::unreachable, "PROXY", 0ns},
      {"nonsense", first_answer(bytes({7, 7, 7, 7}), Ending::close), other_protocol, kPath, Errc::proxy, Exit::unreachable, "not a SOCKS proxy", 0ns},
      {"one foreign byte, then the end", first_answer(bytes("H"), Ending::close), other_protocol, kPath, Errc::proxy, Exit::unreachable, "not a SOCKS proxy", 0ns},
      {"a version and then the end", first_answer(bytes({5}), Ending::close), malformed, kPath, Errc::proxy, Exit::unreachable, "05 and closed", 0ns},
      {"a version and then nothing", first_answer(bytes({5}), Ending::stall), malformed, kPath, Errc::proxy, Exit::unreachable, "05 and stopped", 10s},
      {"dante given HTTP, ssh -D given GSSAPI: the end at once", first_answer({}, Ending::close), closed_at_once, kPath, Errc::proxy, Exit::unreachable, "before it said anything", 0ns},
      {"squid: silence", first_answer({}, Ending::stall), silent, kPath, Errc::proxy, Exit::unreachable, "may be an HTTP proxy", 10s},
      // the reply
      {"microsocks: failure", request_answer(bytes({5, 1, 0, 1, 0, 0, 0, 0, 0, 0})), general, kDestination, Errc::unreachable, Exit::unreachable, "see the proxy's log", 0ns},
      {"dante: forbidden, echoing the destination", request_answer(bytes({5, 2, 0, 1, 204, 164, 111, 10, 0x40, 0})), forbidden, kDestination, Errc::unreachable, Exit::unreachable, "permit TCP CONNECT to 204.164.111.10 port 16384", 0ns},
      {"network unreachable", request_answer(bytes({5, 3, 0, 1, 0, 0, 0, 0, 0, 0})), behind_no_way, kDestination, Errc::unreachable, Exit::unreachable, "no way to", 0ns},
      {"dante: host unreachable, as a name", request_answer(bytes({5, 4, 0, 3, 0, 0x40, 0})), behind_no_way, kDestination, Errc::unreachable, Exit::unreachable, "permit TCP from the proxy", 0ns},
      {"refused", request_answer(bytes({5, 5, 0, 1, 0, 0, 0, 0, 0, 0})), behind_refused, kDestination, Errc::unreachable, Exit::unreachable, "the server is down", 0ns},
      {"dante: dropped behind it", request_answer(bytes({5, 6, 0, 1, 0, 0, 0, 0, 0, 0})), behind_silent, kDestination, Errc::timed_out, Exit::unreachable, "a filter behind the proxy drops", 0ns},
      {"no CONNECT", request_answer(bytes({5, 7, 0, 1, 0, 0, 0, 0, 0, 0})), no_connect, kPath, Errc::proxy, Exit::unreachable, "does not make TCP connections", 0ns},
      {"kind of address", request_answer(bytes({5, 8, 0, 1, 0, 0, 0, 0, 0, 0})), address_kind, kDestination, Errc::unreachable, Exit::unreachable, "cannot reach IPv4", 0ns},
      {"a code that no standard knows", request_answer(bytes({5, 0xf0, 0, 1, 0, 0, 0, 0, 0, 0})), general, kDestination, Errc::unreachable, Exit::unreachable, "reply 240", 0ns},
      {"a refusal of four bytes, and nothing more", request_answer(bytes({5, 5, 0, 1}), Ending::stall), behind_refused, kDestination, Errc::unreachable, Exit::unreachable, "refused by", 0ns},
      {"a refusal of two bytes, and nothing more", request_answer(bytes({5, 5}), Ending::stall), behind_refused, kDestination, Errc::unreachable, Exit::unreachable, "refused by", 0ns},
      {"a refusal of three bytes, and the end", request_answer(bytes({5, 2, 0}), Ending::close), forbidden, kDestination, Errc::unreachable, Exit::unreachable, "SOCKS5 reply 2", 0ns},
      {"another version in the reply", request_answer(bytes({4, 0, 0, 1})), malformed, kPath, Errc::proxy, Exit::unreachable, "protocol", 0ns},
      {"an address of an unknown kind", request_answer(bytes({5, 0, 0, 9, 0, 0, 0, 0, 0, 0})), malformed, kPath, Errc::proxy, Exit::unreachable, "protocol", 0ns},
      {"ssh -D: forbidden or unreachable", request_answer({}), closed, kDestination, Errc::unreachable, Exit::unreachable, "ssh -D", 0ns},
      {"microsocks, ssh -D: dropped behind it", request_answer({}, Ending::stall), behind_silent, kDestination, Errc::timed_out, Exit::unreachable, "gets no answer from", 30s},
  };
  for (const Row& row : rows) check(row, talk5(row.script));
}

TEST_CASE("socks5: logins that are refused") {
  const ProxyLogin who = login("agent", "wrong");
  const auto with = [](Buffer answer, Ending ending) {
    ProxyScript s;
    s.turns.emplace_back(kGreetingWithLogin, bytes({5, 2}));
    s.turns.emplace_back(3 + 5 + 5, std::move(answer));
    s.ending = ending;
    return s;
  };
  using enum ProxyTrouble;
  constexpr auto kPath = ProxyBlame::path;
  const std::vector<Row> rows = {
      {"microsocks: wrong password", with(bytes({1, 2}), Ending::close), login_refused, kPath, Errc::proxy_login, Exit::refused, "refused the user \"agent\" or the password", 0ns},
      {"status 1", with(bytes({1, 1}), Ending::stall), login_refused, kPath, Errc::proxy_login, Exit::refused, "not contacted", 0ns},
      {"status 255", with(bytes({1, 255}), Ending::close), login_refused, kPath, Errc::proxy_login, Exit::refused, "refused the user", 0ns},
      {"the end instead", with({}, Ending::close), login_closed, kPath, Errc::proxy_login, Exit::refused, "closed the connection instead of an answer", 0ns},
      {"silence", with({}, Ending::stall), silent, kPath, Errc::proxy, Exit::unreachable, "says nothing", 10s},
      {"half an answer", with(bytes({1}), Ending::close), malformed, kPath, Errc::proxy, Exit::unreachable, "01 and closed", 0ns},
  };
  for (const Row& row : rows) {
    const Outcome o = talk5_as(who, row.script);
    check(row, o);
    CHECK(o.text.find("wrong") == o.text.npos);  // never the password
  }
  ProxyScript nothing_fits;
  nothing_fits.turns.emplace_back(kGreetingWithLogin, bytes({5, 255}));
  const Outcome o = talk5_as(who, nothing_fits);
  CHECK(o.trouble == login_kind);
  CHECK_THAT(o.text, Contains("neither user and password") || Contains("accepts neither"));
}

// The whole conversation with a login, broken off after each byte in each of three ways.
TEST_CASE("socks5: an end, a reset or a stall after any byte is an error within the deadline, never a tunnel and never a hang") {
  const ProxyLogin who = login("agent", "s3cret");
  ProxyScript whole;
  whole.turns.emplace_back(kGreetingWithLogin, bytes({5, 2}));
  whole.turns.emplace_back(14, bytes({1, 0}));
  whole.turns.emplace_back(kRequest, kGranted);
  for (std::size_t most = 0; most < 2 + 2 + 10; ++most) {
    for (const Ending ending : {Ending::close, Ending::stall}) {
      ProxyScript s = whole;
      s.most = most;
      s.ending = ending;
      const Outcome o = talk5_as(who, s);
      INFO("after " << most << " bytes: " << o.text);
      CHECK_FALSE(o.tunnel);
      REQUIRE(o.trouble);
      CHECK(o.took <= (most >= 4 && most < 8 ? 30s : 10s));
      const bool between = most == 0 || most == 2 || most == 4;
      CHECK((*o.trouble == ProxyTrouble::malformed) == !between);
    }
  }
  // a reset: the socket's error instead of an end
  for (std::size_t at = 0; at < 3; ++at) {
    const auto machine = socks5(place(who), who, ProxyPatience{});
    auto step = machine->start();
    if (at > 0) step = machine->received(bytes({5, 2}));
    if (at > 1) step = machine->received(bytes({1, 0}));
    CHECK_THROWS_AS(machine->broken(Handshake::Break::reset, {}), proxy_error);
  }
}

TEST_CASE("socks5: it never asks for a byte beyond the reply, whatever the proxy says") {
  // 65,536 replies of four bytes: each is an error, or asks for exactly what that kind of address has left
  const ProxyLogin none;
  for (int rep = 0; rep < 256; ++rep) {
    for (int kind = 0; kind < 256; ++kind) {
      const auto machine = socks5(place(none), none, ProxyPatience{});
      static_cast<void>(machine->start());
      static_cast<void>(machine->received(kNoLogin));
      try {
        const auto head = machine->received(bytes({5, rep}));
        if (head.read != 2 || !head.write.empty()) FAIL_CHECK(rep << " " << kind);
        const auto step = machine->received(bytes({0, kind}));
        const std::size_t expected = kind == 1 ? 6 : kind == 4 ? 18 : 1;
        if (rep != 0 || (kind != 1 && kind != 3 && kind != 4) || step.read != expected) FAIL_CHECK(rep << " " << kind);
      } catch (const proxy_error&) {
        if (rep == 0 && (kind == 1 || kind == 3 || kind == 4)) FAIL_CHECK(rep << " " << kind);
      }
    }
  }
}

// ---- version 4

Outcome talk4(Buffer answer, Ending ending = Ending::close, const ProxyLogin& who = ProxyLogin{}, std::string_view tunnel = {}, std::size_t piece = 0) {
  ProxyWorld w;
  const auto machine = socks4(place(who, kV4, ProxyKind::socks4), who, ProxyPatience{});
  ProxyScript s;
  s.turns.emplace_back(9 + who.user.size(), std::move(answer));
  s.ending = ending;
  s.piece = piece;
  return w.talk(*machine, s, tunnel);
}

TEST_CASE("socks4: the conversation, byte for byte, however it is cut") {
  for (const std::size_t piece : {0U, 1U, 3U}) {
    const Outcome o = talk4(bytes({0, 90, 0, 0, 0, 0, 0, 0}), Ending::open, login("backup"), "\x16\x03", piece);
    REQUIRE(o.tunnel);
    CHECK(o.heard == bytes({4, 1, 0x40, 0, 204, 164, 111, 10, 'b', 'a', 'c', 'k', 'u', 'p', 0}));
    CHECK(o.after == "\x16\x03");
  }
  CHECK(talk4(bytes({4, 90, 0, 0, 0, 0, 0, 0}), Ending::open).tunnel);  // a wrong version byte, seen in the wild
}

TEST_CASE("socks4: what a proxy may answer instead of a tunnel") {
  using enum ProxyTrouble;
  const auto trouble = [](Buffer answer, Ending ending = Ending::close) { return talk4(std::move(answer), ending); };
  Outcome o = trouble(bytes({0, 91, 0, 0, 0, 0, 0, 0}));
  CHECK(o.trouble == forbidden);
  CHECK_THAT(o.text, Contains("does not say whether forbidden or unreachable"));
  for (int code : {92, 93}) {
    o = trouble(bytes({0, code, 0, 0, 0, 0, 0, 0}));
    CHECK(o.trouble == ident_demanded);
    CHECK(o.code == Errc::proxy_login);
    CHECK_THAT(o.text, Contains("use SOCKS5"));
  }
  CHECK(trouble(bytes({0, 17, 0, 0})).trouble == other_protocol);
  CHECK(trouble(bytes({5, 255})).trouble == other_protocol);  // microsocks
  CHECK_THAT(trouble(bytes("HTTP/1.1 400 Bad Request")).text, Contains("HTTP/1.1 400"));
  o = trouble({});  // ssh -D
  CHECK(o.trouble == closed);
  CHECK(o.blame == ProxyBlame::destination);
  o = trouble({}, Ending::stall);
  CHECK(o.trouble == behind_silent);
  CHECK(o.took == 30s);
  for (std::size_t n = 1; n < 8; ++n) {
    Buffer part = bytes({0, 90, 0, 0, 0, 0, 0, 0});
    part.resize(n);
    for (const Ending ending : {Ending::close, Ending::stall}) {
      o = trouble(part, ending);
      CHECK(o.trouble == malformed);
      CHECK(o.took <= 30s);
    }
  }
}

}  // namespace
}  // namespace farkeep::test
