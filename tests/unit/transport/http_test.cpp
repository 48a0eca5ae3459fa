// An HTTP CONNECT client against proxies that are honest, broken, slow, or something else.
#include <catch2/catch.hpp>

#include "proxy_world.hpp"
#include "transport/http_connect.hpp"
#include "transport/http_head.hpp"

namespace farkeep::test {
namespace {

using Catch::Contains;
using namespace std::chrono_literals;

const Endpoint kTarget = *Endpoint::parse("204.164.111.10:16384");
const std::string kConnect = "CONNECT 204.164.111.10:16384 HTTP/1.1\r\nHost: 204.164.111.10:16384\r\n\r\n";

ProxyPlace http_place(const std::string& user = {}, const Endpoint& to = kTarget) {
  ProxyPlace p;
  p.kind = ProxyKind::http;
  p.proxy = "proxy.example.net:3128";
  p.destination = to;
  p.user = user;
  return p;
}

ProxyScript script(std::string_view answer, Ending ending = Ending::open, std::size_t piece = 0) {
  ProxyScript s;
  s.turns.emplace_back(kConnect.size(), bytes(answer));
  s.ending = ending;
  s.piece = piece;
  return s;
}

Outcome talk(const ProxyScript& s, std::string_view tunnel = {}) {
  ProxyWorld w;
  const auto machine = http_connect(http_place(), no_authenticator(), ProxyPatience{});
  return w.talk(*machine, s, tunnel);
}

TEST_CASE("http connect: the request, byte for byte; IPv6 stands in brackets") {
  const Outcome o = talk(script("HTTP/1.1 200 Connection established\r\n\r\n"), "\x16\x03\x01");
  REQUIRE(o.tunnel);
  CHECK(to_string(o.heard) == kConnect);
  CHECK(o.after == "\x16\x03\x01");
  const auto machine = http_connect(http_place({}, *Endpoint::parse("[2001:db8::10]:16384")), no_authenticator(), ProxyPatience{});
  CHECK_THAT(to_string(machine->start().write), Contains("CONNECT [2001:db8::10]:16384 HTTP/1.1\r\nHost: [2001:db8::10]:16384\r\n"));
}

TEST_CASE("http connect: no byte of the tunnel is taken for the answer, however that is written and cut") {
  const std::vector<std::string> answers = {
      "HTTP/1.1 200 Connection established\r\n\r\n",  // squid
      "HTTP/1.0 200 OK\r\nVia: 1.1 proxy\r\nX-Cache: MISS\r\n\r\n",
      "HTTP/1.1 200\r\n\r\n",
      "HTTP/1.1 299 Fine\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",  // to be ignored (RFC 9110 9.3.6)
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.1 200 OK\n\n",
      "HTTP/1.1 200 OK\r\nA: b\n\r\n",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
      std::string{"HTTP/1.1 200 OK\r\nX: "} + std::string(8000, 'x') + "\r\n\r\n",
  };
  for (const std::string& answer : answers) {
    for (const std::size_t piece : {0U, 1U, 2U, 3U, 7U}) {
      for (const char* tunnel : {"\r\n\r\n", "\n", "\x16\x03"}) {
        const Outcome o = talk(script(answer, Ending::open, piece), tunnel);
        INFO(answer.substr(0, 60) << " in pieces of " << piece << ": " << o.text);
        CHECK(o.tunnel);
        CHECK(o.after == tunnel);
      }
    }
  }
}

struct HttpRow {
  const char* what;
  std::string answer;
  Ending ending;
  ProxyTrouble trouble;
  ProxyBlame blame;
  Errc code;
  const char* words;
  std::chrono::nanoseconds at_most = 0ns;
};

TEST_CASE("http connect: what a proxy may answer instead of a tunnel, in words for its administrator") {
  using enum ProxyTrouble;
  constexpr auto kPath = ProxyBlame::path, kDestination = ProxyBlame::destination;
  const auto status = [](const std::string& line, const std::string& fields = {}) { return std::string{"HTTP/1.1 "} + line + "\r\n" + fields + "Content-Length: 5\r\n\r\nhello"; };
  const std::vector<HttpRow> rows = {
      {"squid: a rule", status("403 Forbidden", "X-Squid-Error: ERR_ACCESS_DENIED 0\r\n"), Ending::open, forbidden, kDestination, Errc::unreachable, "permit TCP CONNECT to 204.164.111.10 port 16384"},
      {"401 from something that thinks it is a server", status("401 Unauthorized"), Ending::open, login_demanded, kPath, Errc::proxy_login, "HTTP 401"},
      {"401 for a kind of login that we do not do", status("401 Unauthorized", "WWW-Authenticate: Negotiate\r\n"), Ending::open, login_kind, kPath, Errc::proxy_login, "Negotiate"},
      {"407 without a challenge", status("407 Proxy Authentication Required"), Ending::open, login_demanded, kPath, Errc::proxy_login, "it offers nothing"},
      {"407 without its head's end, and the end", "HTTP/1.1 407 Authentication Required\r\nProxy-Authenticate: Basic\r\n", Ending::close, login_demanded, kPath, Errc::proxy_login, "none is configured"},
      {"407 within a field, and nothing more", "HTTP/1.1 407 Authentication Required\r\nProxy-Auth", Ending::stall, login_demanded, kPath, Errc::proxy_login, "HTTP 407", 10s},
      {"400", status("400 Bad Request"), Ending::close, general, kDestination, Errc::unreachable, "HTTP 400 Bad Request"},
      {"404: a web server", status("404 Not Found"), Ending::close, no_connect, kPath, Errc::proxy, "does not make TCP connections"},
      {"405", status("405 Method Not Allowed"), Ending::close, no_connect, kPath, Errc::proxy, "HTTP 405"},
      {"501", status("501 Not Implemented"), Ending::close, no_connect, kPath, Errc::proxy, "HTTP 501"},
      {"squid: refused behind it", status("503 Service Unavailable", "X-Squid-Error: ERR_CONNECT_FAIL 111\r\n"), Ending::open, behind_refused, kDestination, Errc::unreachable, "was refused by 204.164.111.10:16384"},
      {"squid: dropped behind it", status("503 Service Unavailable", "X-Squid-Error: ERR_CONNECT_FAIL 110\r\n"), Ending::open, behind_silent, kDestination, Errc::timed_out, "gets no answer from"},
      {"squid: unreachable behind it", status("503 Service Unavailable", "X-Squid-Error: ERR_CONNECT_FAIL 113\r\n"), Ending::open, behind_no_way, kDestination, Errc::unreachable, "has no way to"},
      {"503 without a reason", status("503 Service Unavailable"), Ending::open, general, kDestination, Errc::unreachable, "see the proxy's log"},
      {"502", status("502 Bad Gateway"), Ending::open, behind_no_way, kDestination, Errc::unreachable, "HTTP 502"},
      {"504", status("504 Gateway Timeout"), Ending::open, behind_silent, kDestination, Errc::timed_out, "HTTP 504"},
      {"500", status("500 Oops"), Ending::open, general, kDestination, Errc::unreachable, "HTTP 500"},
      {"a captive portal", status("302 Found", "Location: http://login.example.net/\r\n"), Ending::open, other_protocol, kPath, Errc::proxy, "login in a browser first"},
      {"a login, none configured", status("407 Proxy Authentication Required", "Proxy-Authenticate: Basic realm=\"x\"\r\n"), Ending::open, login_demanded, kPath, Errc::proxy_login, "none is configured"},
      {"a login of a kind we do not do", status("407 Proxy Authentication Required", "Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n"), Ending::open, login_kind, kPath, Errc::proxy_login, "Negotiate, NTLM"},
      {"SOCKS, as microsocks answers", std::string("\x05\xff", 2), Ending::close, other_protocol, kPath, Errc::proxy, "SOCKS"},
      {"SSH", "SSH-2.0-OpenSSH_9.2\r\n", Ending::stall, other_protocol, kPath, Errc::proxy, "SSH", 200ms},
      {"TLS", std::string("\x15\x03\x01\x00\x02\x02\x46", 7), Ending::close, other_protocol, kPath, Errc::proxy, "TLS"},
      {"a page without a head", "<html>", Ending::close, other_protocol, kPath, Errc::proxy, "web page"},
      {"mail", "220 mail ready\r\n", Ending::stall, other_protocol, kPath, Errc::proxy, "mail", 200ms},
      {"HTTP/2", "HTTP/2 200 OK\r\n\r\n", Ending::close, malformed, kPath, Errc::proxy, "does not keep to its protocol"},
      {"a status of two digits", "HTTP/1.1 20 OK\r\n\r\n", Ending::close, malformed, kPath, Errc::proxy, "HTTP/1.1 20 OK"},
      {"a status that is no number", "HTTP/1.1 abc OK\r\n\r\n", Ending::close, malformed, kPath, Errc::proxy, "protocol"},
      {"a status beyond 599", "HTTP/1.1 999 OK\r\n\r\n", Ending::close, malformed, kPath, Errc::proxy, "protocol"},
      {"a field without a colon", "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", Ending::open, malformed, kPath, Errc::proxy, "protocol"},
      {"a folded field", "HTTP/1.1 200 OK\r\nA: b\r\n c: d\r\n\r\n", Ending::open, malformed, kPath, Errc::proxy, "protocol"},
      {"a head that never ends", std::string{"HTTP/1.1 200 OK\r\nX: "} + std::string(17'000, 'x'), Ending::open, malformed, kPath, Errc::proxy, "16 KiB"},
      {"interim answers for ever", [] {
         std::string all;
         for (int i = 0; i < 20; ++i) all += "HTTP/1.1 100 Continue\r\n\r\n";
         return all;
       }(), Ending::open, malformed, kPath, Errc::proxy, "interim"},
      {"the end at once (dante)", "", Ending::close, closed_at_once, kPath, Errc::proxy, "before it said anything"},
      {"silence", "", Ending::stall, behind_silent, kDestination, Errc::timed_out, "not an HTTP proxy at all", 30s},
      {"half a head, then the end", "HTTP/1.1 200 O", Ending::close, malformed, kPath, Errc::proxy, "and closed"},
      {"half a head, then nothing", "HTTP/1.1 200 OK\r\nVia: x\r\n", Ending::stall, malformed, kPath, Errc::proxy, "and stopped", 10s},
      {"one byte, then the end", "H", Ending::close, malformed, kPath, Errc::proxy, "and closed"},
  };
  REQUIRE(rows.size() >= 30);
  for (const HttpRow& row : rows) {
    const Outcome o = talk(script(row.answer, row.ending));
    INFO(row.what << ": " << o.text);
    CHECK_FALSE(o.tunnel);
    REQUIRE(o.trouble);
    CHECK(std::string{name_of(*o.trouble)} == name_of(row.trouble));
    CHECK(o.blame == row.blame);
    CHECK(o.code == row.code);
    CHECK(exit_code(make_error_code(o.code)) == (row.code == Errc::proxy_login ? Exit::refused : Exit::unreachable));
    CHECK_THAT(o.text, Contains(row.words) && Contains("proxy.example.net:3128"));
    CHECK(o.took <= row.at_most);
  }
}

TEST_CASE("http connect: an end or a stall after any byte of the answer is an error within the deadline") {
  const std::string answer = "HTTP/1.1 200 Connection established\r\nVia: 1.1 x\r\n\r\n";
  for (std::size_t most = 0; most < answer.size(); ++most) {
    for (const Ending ending : {Ending::close, Ending::stall}) {
      ProxyScript s = script(answer, ending);
      s.most = most;
      const Outcome o = talk(s);
      INFO("after " << most << " bytes: " << o.text);
      CHECK_FALSE(o.tunnel);
      CHECK(o.trouble);
      CHECK(o.took <= (most < 2 ? 30s : 10s));
    }
  }
}

ProxyLogin http_login(std::string user, std::string_view password) {
  ProxyLogin l;
  l.user = std::move(user);
  l.password = SecretText(password);
  return l;
}

TEST_CASE("http connect: an answer that comes byte by byte has one deadline as a whole") {
  const ProxyPatience patience;
  ProxyScript slow = script("HTTP/1.1 200 OK\r\nX: " + std::string(8000, 'x') + "\r\n\r\n", Ending::open, 1);
  slow.pause = 1s;
  const Outcome never = talk(slow);
  CHECK_FALSE(never.tunnel);
  CHECK(never.trouble == ProxyTrouble::malformed);
  CHECK(never.took <= patience.reply + patience.greeting);
  slow = script("HTTP/1.1 200 OK\r\n\r\n", Ending::open, 1);
  slow.pause = (patience.reply + patience.greeting) / 25;
  CHECK(talk(slow).tunnel);  // slow, and in time
}

TEST_CASE("http connect: Basic goes with the first request (RFC 7617's example), and a refusal is not met with the same again") {
  const ProxyLogin who = http_login("Aladdin", "open sesame");
  const std::string asked = "CONNECT 204.164.111.10:16384 HTTP/1.1\r\nHost: 204.164.111.10:16384\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n";
  for (const bool right : {true, false}) {
    ProxyWorld w;
    const auto machine = http_connect(http_place(who.user), basic_authenticator(who), ProxyPatience{});
    ProxyScript s;
    s.turns.emplace_back(asked.size(), bytes(right ? "HTTP/1.1 200 OK\r\n\r\n" : "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n"));
    const Outcome o = w.talk(*machine, s);
    CHECK(to_string(o.heard) == asked);
    CHECK(o.tunnel == right);
    if (right) continue;
    CHECK(o.trouble == ProxyTrouble::login_refused);
    CHECK(o.code == Errc::proxy_login);
    CHECK_THAT(o.text, Contains("\"Aladdin\"") && !Contains("sesame") && !Contains("QWxh"));
  }
}

TEST_CASE("http connect: a login that is refused by 401, or by a head that is cut off, is a login that is refused") {
  const ProxyLogin who = http_login("Aladdin", "open sesame");
  for (const char* answer : {"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\n"}) {
    ProxyWorld w;
    const auto machine = http_connect(http_place(who.user), basic_authenticator(who), ProxyPatience{});
    ProxyScript s = script(answer, Ending::close);
    s.turns.front().first += std::string_view("Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n").size();
    const Outcome o = w.talk(*machine, s);
    CHECK(o.trouble == ProxyTrouble::login_refused);
    CHECK_THAT(o.text, Contains("\"Aladdin\""));
  }
}

// A scheme of two rounds, as Negotiate and NTLM are.
class TwoRounds final : public Authenticator {
 public:
  std::optional<SecretText> next(const std::vector<std::string>& challenges) override {
    if (challenges.empty()) return std::nullopt;
    if (challenges.size() == 1 && challenges[0] == "Rounds") return SecretText("Rounds first");
    if (challenges.size() == 1 && challenges[0] == "Rounds step2") return SecretText("Rounds second");
    return std::nullopt;
  }
};

TEST_CASE("http connect: a login of several rounds stays on its connection, past the pages in between") {
  const std::string with = "CONNECT 204.164.111.10:16384 HTTP/1.1\r\nHost: 204.164.111.10:16384\r\nProxy-Authorization: Rounds ";
  for (const std::size_t piece : {0U, 1U, 5U}) {
    ProxyWorld w;
    const auto machine = http_connect(http_place("user"), std::make_unique<TwoRounds>(), ProxyPatience{});
    ProxyScript s;
    s.piece = piece;
    s.turns.emplace_back(kConnect.size(), bytes("HTTP/1.1 407 No\r\nProxy-Authenticate: Rounds\r\nContent-Length: 11\r\n\r\n<html>\r\n\r\n1"));
    s.turns.emplace_back(with.size() + 5 + 4, bytes("HTTP/1.1 407 No\r\nProxy-Authenticate: Rounds step2\r\nContent-Length: 0\r\n\r\n"));
    s.turns.emplace_back(with.size() + 6 + 4, bytes("HTTP/1.1 200 Go\r\n\r\n"));
    const Outcome o = w.talk(*machine, s, "T");
    INFO(o.text);
    CHECK(o.tunnel);
    CHECK(o.after == "T");
  }
}

TEST_CASE("http connect: between the rounds of a login the page must have a length that is bearable") {
  for (const char* fields : {"", "Content-Length: 70000\r\n", "Content-Length: x\r\n", "Content-Length: 1\r\nContent-Length: 1\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"}) {
    ProxyWorld w;
    const auto machine = http_connect(http_place("user"), std::make_unique<TwoRounds>(), ProxyPatience{});
    const Outcome o = w.talk(*machine, script(std::string{"HTTP/1.1 407 No\r\nProxy-Authenticate: Rounds\r\n"} + fields + "\r\n"));
    CHECK(o.trouble == ProxyTrouble::malformed);
  }
  // and a proxy that asks for ever is left
  ProxyWorld w;
  const auto machine = http_connect(http_place("user"), std::make_unique<TwoRounds>(), ProxyPatience{});
  ProxyScript s;
  const std::string with = kConnect.substr(0, kConnect.size() - 2) + "Proxy-Authorization: Rounds first\r\n\r\n";
  for (int i = 0; i < 9; ++i) s.turns.emplace_back(i == 0 ? kConnect.size() : with.size(), bytes("HTTP/1.1 407 No\r\nProxy-Authenticate: Rounds\r\nContent-Length: 0\r\n\r\n"));
  const Outcome o = w.talk(*machine, s);
  CHECK(o.trouble == ProxyTrouble::malformed);
  CHECK_THAT(o.text, Contains("again and again"));
}

TEST_CASE("http head: control characters of a reason and of values are not printed") {
  const auto head = HttpHead::parse(as_bytes("HTTP/1.1 403 a\x1b[2Jb\r\nX-Y: c\x07\xff\r\n\r\n"));
  REQUIRE(head.has_value());
  CHECK(head->reason == "a?[2Jb");
  CHECK(head->all("x-y") == std::vector<std::string>{"c??"});
}

}  // namespace
}  // namespace farkeep::test
