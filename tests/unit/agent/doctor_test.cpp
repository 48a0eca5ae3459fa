// From what was seen to the one sentence: every row a case that administrators meet.
#include "agent/doctor.hpp"

#include <catch2/catch.hpp>
#include <cerrno>

using namespace farkeep;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

ServerId id(std::uint8_t n) {
  ServerId i;
  i.bytes.fill(n);
  return i;
}

Examination server(const char* purpose, const char* address, const char* subnet, std::uint8_t n) {
  Examination e;
  e.server.purpose = purpose;
  e.server.address = *parse_address(address);
  e.server.subnet = subnet;
  e.server.id = id(n);
  return e;
}

// A pair in two subnets; `left` and `right` say how each fared.
using Fate = void (*)(Examination&);
std::vector<Examination> pair(Fate left, Fate right) {
  std::vector<Examination> out{server("your data, primary", "204.164.111.10", "204.164.111.0/26", 1), server("your data, alternate", "140.239.229.10", "140.239.229.0/26", 2)};
  left(out[0]);
  right(out[1]);
  return out;
}

void works(Examination& e) {
  e.reached = Stage::done;
  e.answered = e.server.id;
  e.skew = 0s;
}
void system_error(Examination& e, int number) {
  e.reached = Stage::connect;
  e.raw = boost::system::error_code(number, boost::system::system_category());
  e.code = classify(e.raw);
  e.text = e.raw.message();
}
void silent(Examination& e) {
  e.reached = Stage::connect;
  e.code = Errc::timed_out;
  e.text = "no answer in time";
}
void refuses(Examination& e) { system_error(e, ECONNREFUSED); }
void prohibited(Examination& e) { system_error(e, EHOSTUNREACH); }
void offline(Examination& e) { system_error(e, ENETUNREACH); }
template <ProxyTrouble T>
void proxy(Examination& e) {
  ProxyPlace place;
  place.kind = ProxyKind::socks5;
  place.proxy = "fw:1080";
  place.destination = *Endpoint::parse(e.server.address.to_string());
  const proxy_error error(T, place);
  e.trouble = T;
  e.code = classify(error.code());
  e.text = error.what();
}
void stranger(Examination& e) {
  e.reached = Stage::tls;
  e.code = Errc::identity;
  e.doubt = untrusted_peer::Why::stranger;
  e.text = "issued by \"Acme TLS Inspection\"";
}
void early(Examination& e) {
  e.reached = Stage::tls;
  e.code = Errc::identity;
  e.doubt = untrusted_peer::Why::too_early;
}
void expired(Examination& e) {
  e.reached = Stage::tls;
  e.code = Errc::identity;
  e.doubt = untrusted_peer::Why::expired;
}
void portal(Examination& e) {
  e.reached = Stage::tls;
  e.code = Errc::protocol;
  e.text = "the other side is a web page, as of a network that wants a login first";
}
void cut(Examination& e) {
  e.reached = Stage::tls;
  e.code = Errc::unreachable;
}
void silent_tls(Examination& e) {
  e.reached = Stage::tls;
  e.code = Errc::timed_out;
  e.symptom = LineSymptom::silent;
}
void declines(Examination& e) {
  e.reached = Stage::hello;
  e.code = Errc::unauthorised;
  e.text = "it was revoked";
}
void stalls(Examination& e) {
  e.reached = Stage::bulk;
  e.code = Errc::timed_out;
}

ConnectionConfig mode(ConnectionMode m) {
  ConnectionConfig c;
  c.mode = m;
  c.socks.proxy = HostAddress{"fw", 1080};
  c.http.proxy = HostAddress{"fw", 3128};
  return c;
}

struct Row {
  const char* finding;
  ConnectionMode mode;
  Fate left, right;
  Extras extras;
  Who who;
  Exit exit;
  const char* sentence;
  const char* change;
};

Extras none() { return Extras{}; }
Extras other_port() {
  Extras e;
  e.host_refuses_other_port = true;
  return e;
}
Extras speaks(ConnectionMode m) {
  Extras e;
  e.proxy_speaks = m;
  return e;
}
Extras small() {
  Extras e;
  e.small_segments_pass = true;
  return e;
}

}  // namespace

TEST_CASE("doctor: one sentence, who, and what to change, for each thing that can stand in the way") {
  using enum ConnectionMode;
  using enum Who;
  constexpr Exit kNo = Exit::unreachable;
  const std::vector<Row> rows = {
      {"fine", direct, works, works, none(), nobody, Exit::done, "every server is reached", ""},
      {"one_net_closed", direct, silent, works, none(), firewall_administrator, kNo, "the firewall permits only one of the nets", "permit TCP to 204.164.111.0/26 port 16384"},
      {"one_net_closed", direct, works, silent, none(), firewall_administrator, kNo, "140.239.229.10:16384 gets no answer, while 204.164.111.10:16384 works", "permit TCP to 140.239.229.0/26"},
      {"one_net_prohibited", direct, works, prohibited, none(), firewall_administrator, kNo, "cannot be reached", "140.239.229.0/26"},
      {"one_server_refuses", direct, refuses, works, none(), server_operator, kNo, "that server is down", "is the server running?"},
      {"one_server_lost", direct, offline, works, none(), firewall_administrator, kNo, "is not reached", "204.164.111.0/26"},
      {"no_network", direct, offline, offline, none(), this_computer, kNo, "no network", "connect it"},
      {"all_dropped", direct, silent, silent, none(), firewall_administrator, kNo, "drops the packets", "permit TCP to 204.164.111.0/26 and 140.239.229.0/26 port 16384"},
      {"port_closed", direct, silent, silent, other_port(), firewall_administrator, kNo, "drops this port", "port 16384"},
      {"all_prohibited", direct, prohibited, prohibited, none(), firewall_administrator, kNo, "a router or firewall says", "204.164.111.0/26 and 140.239.229.0/26"},
      {"all_refused", direct, refuses, refuses, none(), firewall_administrator, kNo, "most likely a firewall rejects it", "permit TCP"},
      {"not_reached", direct, silent, refuses, none(), firewall_administrator, kNo, "is not reached", "permit TCP"},
      {"intercepted", direct, stranger, stranger, none(), firewall_administrator, Exit::refused, "Acme TLS Inspection", "exempt TCP to 204.164.111.0/26 port 16384 from TLS inspection"},
      {"intercepted", direct, silent, stranger, none(), firewall_administrator, Exit::refused, "opens the encryption", "140.239.229.0/26"},
      {"clock_behind", direct, early, early, none(), this_computer, Exit::refused, "clock is probably behind", "set the clock"},
      {"certificate_expired", direct, expired, works, none(), this_computer, Exit::refused, "was not renewed", "compare the clock"},
      {"not_our_server", direct, portal, portal, none(), this_computer, kNo, "wants a login first", "login in a browser"},
      {"cut_before_tls", direct, cut, works, none(), firewall_administrator, kNo, "cut before the server has said anything", "without looking into it"},
      {"server_declines", direct, declines, declines, none(), server_operator, Exit::refused, "it was revoked", "operator"},
      {"large_packets_lost", direct, stalls, works, none(), firewall_administrator, kNo, "small messages to 204.164.111.10:16384 pass", "clamp the MSS"},
      {"large_packets_lost", direct, stalls, stalls, small(), firewall_administrator, kNo, "pass in segments of 1220 bytes", "fragmentation needed"},
      {"proxy_kinds_mixed_up", socks, proxy<ProxyTrouble::silent>, proxy<ProxyTrouble::silent>, speaks(http), this_computer, kNo, "fw:1080 is an HTTP proxy, not SOCKS", "connection set mode=http http.proxy=fw:1080"},
      {"proxy_kinds_mixed_up", http, proxy<ProxyTrouble::closed_at_once>, proxy<ProxyTrouble::closed_at_once>, speaks(socks), this_computer, kNo, "fw:3128 is a SOCKS proxy", "mode=socks"},
      {"name_unknown", socks, proxy<ProxyTrouble::name_unknown>, proxy<ProxyTrouble::name_unknown>, none(), this_computer, kNo, "cannot be resolved", "correct the proxy's address"},
      {"refused", socks, proxy<ProxyTrouble::refused>, proxy<ProxyTrouble::refused>, none(), this_computer, kNo, "nothing listens at fw:1080", "check the address"},
      {"login_refused", socks, proxy<ProxyTrouble::login_refused>, proxy<ProxyTrouble::login_refused>, none(), this_computer, Exit::refused, "refused the user", "password"},
      {"login_demanded", socks, proxy<ProxyTrouble::login_demanded>, proxy<ProxyTrouble::login_demanded>, none(), this_computer, Exit::refused, "demands a login", "password"},
      {"forbidden", socks, proxy<ProxyTrouble::forbidden>, works, none(), proxy_administrator, kNo, "do not permit 204.164.111.10:16384", "permit TCP CONNECT to 204.164.111.0/26 port 16384"},
      {"behind_silent", socks, proxy<ProxyTrouble::behind_silent>, proxy<ProxyTrouble::behind_silent>, none(), firewall_administrator, kNo, "the same with 140.239.229.10:16384", "permit TCP from the proxy to 204.164.111.0/26 and 140.239.229.0/26"},
      {"behind_refused", socks, proxy<ProxyTrouble::behind_refused>, works, none(), firewall_administrator, kNo, "was refused by 204.164.111.10:16384", "permit TCP from the proxy to 204.164.111.0/26 port 16384"},
      {"closed", socks, proxy<ProxyTrouble::closed>, works, none(), proxy_administrator, kNo, "closed the connection without a reason", "permit TCP CONNECT to 204.164.111.0/26 port 16384"},
      {"large_packets_lost", direct, silent_tls, works, small(), firewall_administrator, kNo, "pass in segments of 1220 bytes", "clamp the MSS"},
      {"cut_before_tls", direct, silent_tls, works, none(), firewall_administrator, kNo, "cut before the server has said anything", "without looking into it"},
      {"not_mapped", mapped, proxy<ProxyTrouble::not_mapped>, works, none(), firewall_administrator, kNo, "no firewall port is mapped to 204.164.111.10:16384", "connection map"},
  };
  for (const Row& row : rows) {
    const auto seen = pair(row.left, row.right);
    const Verdict v = judge(mode(row.mode), seen, row.extras);
    INFO(row.finding << ": " << v.finding << ": " << v.sentence << " / " << v.change);
    CHECK(v.finding == row.finding);
    CHECK(name_of(v.who) == std::string{name_of(row.who)});
    CHECK(v.exit == row.exit);
    CHECK_THAT(v.sentence, Contains(row.sentence));
    CHECK_THAT(v.change, Contains(row.change));
    CHECK(v.evidence.empty() == (row.who == nobody));
  }
}

TEST_CASE("doctor: mapped ports: exchanged, leading to the wrong server, to nothing, to something else") {
  const auto mapped = [](Fate left, Fate right) {
    auto all = pair(left, right);
    all[0].server.via = HostAddress{"fw", 40001};
    all[1].server.via = HostAddress{"fw", 40002};
    return all;
  };
  const ConnectionConfig c = mode(ConnectionMode::mapped);
  auto swapped = mapped(cut, cut);
  for (auto& e : swapped) e.code = Errc::identity;
  swapped[0].answered = id(2);
  swapped[1].answered = id(1);
  Verdict v = judge(c, swapped, none());
  CHECK(v.finding == "ports_exchanged");
  CHECK(v.exit == Exit::refused);
  CHECK_THAT(v.sentence, Contains("fw:40001 leads to 140.239.229.10:16384"));

  auto both_left = mapped(works, cut);
  both_left[1].code = Errc::identity;
  both_left[1].answered = id(1);
  v = judge(c, both_left, none());
  CHECK(v.finding == "another_server");
  CHECK_THAT(v.change, Contains("fw:40002 must lead to 140.239.229.10:16384"));

  v = judge(c, mapped(cut, works), none());
  CHECK(v.finding == "nothing_behind_mapping");
  CHECK_THAT(v.sentence, Contains("fw:40001 but does not reach 204.164.111.10:16384"));
  v = judge(c, mapped(cut, cut), none());
  CHECK_THAT(v.sentence, Contains("fw:40001 and fw:40002 but does not reach 204.164.111.10:16384 and 140.239.229.10:16384"));
  CHECK_THAT(v.change, Contains("permit TCP from the firewall to 204.164.111.0/26 and 140.239.229.0/26 port 16384") &&
                           Contains("fw:40001 leads to 204.164.111.10:16384, and fw:40002 to 140.239.229.10:16384"));
  v = judge(c, mapped(silent_tls, works), none());
  CHECK(v.finding == "nothing_behind_mapping");
  v = judge(c, mapped(proxy<ProxyTrouble::refused>, proxy<ProxyTrouble::no_answer>), none());  // a firewall that maps rejects by itself
  CHECK(v.finding == "refused");
  CHECK(v.who == Who::firewall_administrator);
  CHECK_THAT(v.change, Contains("permit TCP from the firewall to 204.164.111.0/26 port 16384, and check that fw:40001 leads to 204.164.111.10:16384"));
  v = judge(c, mapped(portal, works), none());
  CHECK(v.finding == "not_our_server");
  CHECK(v.who == Who::firewall_administrator);
}

TEST_CASE("doctor: a clock that is off, and an announced server, are said only when everything needed works") {
  auto all = pair(works, works);
  all[1].skew = -20min;
  Verdict v = judge(mode(ConnectionMode::direct), all, none());
  CHECK(v.finding == "clock");
  CHECK(v.exit == Exit::done);
  CHECK_THAT(v.sentence, Contains("20 minutes ahead of"));
  all[1].skew = 4min;
  CHECK(judge(mode(ConnectionMode::direct), all, none()).finding == "fine");

  all.push_back(server("your data, primary", "204.164.112.10", "204.164.112.0/26", 1));
  all[2].server.from = from_unix_seconds(1'800'000'000);
  silent(all[2]);
  v = judge(mode(ConnectionMode::direct), all, none());
  CHECK(v.finding == "announced_not_reached");
  CHECK(v.exit == Exit::done);
  CHECK_THAT(v.change, Contains("204.164.112.0/26"));
  silent(all[0]);
  CHECK(judge(mode(ConnectionMode::direct), all, none()).finding == "one_net_closed");
}

TEST_CASE("doctor: without a subnet the address itself is named") {
  auto all = pair(silent, works);
  all[0].server.subnet.clear();
  CHECK_THAT(judge(mode(ConnectionMode::direct), all, none()).change, Contains("permit TCP to 204.164.111.10 port 16384"));
}

TEST_CASE("doctor: how far packets get is said where it is known, and silence that kills where everything else works") {
  Extras extras;
  extras.hops = 3;
  CHECK_THAT(judge(mode(ConnectionMode::direct), pair(silent, silent), extras).sentence, Contains("the router at hop 3 from here answers, nothing beyond it"));
  CHECK_THAT(judge(mode(ConnectionMode::direct), pair(works, silent), extras).sentence, Contains("the router at hop 3"));
  extras.hops = 0;
  CHECK_THAT(judge(mode(ConnectionMode::direct), pair(silent, silent), extras).sentence, !Contains("hop"));
  extras.idle_cut = 20s;
  const Verdict v = judge(mode(ConnectionMode::direct), pair(works, works), extras);
  CHECK(v.finding == "idle_cut");
  CHECK(v.exit == Exit::unreachable);
  CHECK_THAT(v.sentence, Contains("silent for 20 s is gone"));
  CHECK_THAT(v.change, Contains("204.164.111.0/26 and 140.239.229.0/26 port 16384"));
  CHECK(judge(mode(ConnectionMode::direct), pair(works, silent), extras).finding == "one_net_closed");  // first things first
}

TEST_CASE("doctor: two ports that lead to each other's server are exchanged, and nothing less is") {
  const auto answered = [](std::uint8_t left, std::uint8_t right, bool right_works, bool mapped) {
    auto all = pair(cut, right_works ? works : cut);
    all[0].answered = id(left);
    all[1].answered = id(right);
    if (mapped) {
      all[0].server.via = HostAddress{"fw", 40001};
      all[1].server.via = HostAddress{"fw", 40002};
    }
    return exchanged(all);
  };
  const auto found = answered(2, 1, false, true);
  REQUIRE(found);
  CHECK_THAT(*found, Contains("rows 1 and 2 are exchanged") && Contains("fw:40001 leads to 140.239.229.10:16384"));
  CHECK_FALSE(answered(2, 2, true, true));   // both lead to one server
  CHECK_FALSE(answered(3, 1, false, true));
  CHECK_FALSE(answered(1, 2, false, true));
  CHECK_FALSE(answered(2, 1, false, false));  // no mapping: addresses moved, or somebody plays tricks
}
