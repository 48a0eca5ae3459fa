#include <algorithm>

#include "agent/doctor.hpp"

// From what was seen to one sentence.  Network practice §6.
namespace farkeep {
namespace {

using namespace std::chrono_literals;
constexpr auto kSkew = 5min;

bool needed_now(const Examination& e) { return !e.server.from && !e.server.until; }

std::string at(const Examination& e) { return e.server.address.to_string(); }
std::string net(const Examination& e) { return e.server.subnet.empty() ? e.server.address.ip : e.server.subnet; }
std::string port(const Examination& e) { return std::to_string(e.server.address.port); }

// "204.164.111.0/26 and 140.239.229.0/26, port 16384"
std::string nets(const std::vector<const Examination*>& which) {
  std::vector<std::string> all;
  for (auto* e : which)
    if (std::find(all.begin(), all.end(), net(*e)) == all.end()) all.push_back(net(*e));
  std::string out;
  for (auto& n : all) out += (out.empty() ? "" : " and ") + n;
  return out + " port " + (which.empty() ? "16384" : port(*which.front()));
}

std::string addresses(const std::vector<const Examination*>& which) {
  std::string out;
  for (auto* e : which) out += (out.empty() ? "" : " and ") + at(*e);
  return out;
}

using Seen = std::vector<const Examination*>;

// "fw:40001 leads to 204.164.111.10:16384, and fw:40002 to …"
std::string mappings(const Seen& which) {
  std::string out;
  for (auto* e : which)
    if (e->server.via) out += (out.empty() ? "" : ", and ") + e->server.via->to_string() + (out.empty() ? " leads to " : " to ") + at(*e);
  return out;
}

template <class Test>
Seen those(const std::vector<Examination>& all, Test test) {
  Seen out;
  for (auto& e : all)
    if (needed_now(e) && test(e)) out.push_back(&e);
  return out;
}

Verdict verdict(std::string finding, Who who, std::string sentence, std::string change, Exit exit) {
  Verdict v;
  v.finding = std::move(finding);
  v.who = who;
  v.sentence = std::move(sentence);
  v.change = std::move(change);
  v.exit = exit;
  return v;
}

bool refused(const Examination& e) { return e.raw == boost::system::errc::connection_refused; }
// Where what gets no answer is lost, as far as routers tell.
std::string where(const Extras& extras) {
  const int hop = extras.hops.value_or(0);
  if (hop == 0) return {};
  return " (the router at hop " + std::to_string(hop) + " from here answers, nothing beyond it does: it is dropped there or behind)";
}

bool no_network(const Examination& e) { return e.raw == boost::system::errc::network_unreachable || e.raw == boost::system::errc::network_down; }
bool prohibited(const Examination& e) { return e.raw == boost::system::errc::host_unreachable; }

// The proxy itself, or what it says.  All of its errors are sentences already.
std::optional<Verdict> about_proxy(const ConnectionConfig& connection, const Seen& broken, const Extras& extras) {
  const auto first = std::find_if(broken.begin(), broken.end(), [](auto* e) { return e->trouble.has_value(); });
  if (first == broken.end()) return std::nullopt;
  const Examination& e = **first;
  const ProxyConfig* proxy = connection.proxy();
  const std::string place = proxy ? proxy->proxy.to_string() : "";
  if (extras.proxy_speaks && proxy) {
    const bool http = *extras.proxy_speaks == ConnectionMode::http;
    return verdict("proxy_kinds_mixed_up", Who::this_computer, place + " is " + (http ? "an HTTP proxy, not SOCKS" : "a SOCKS proxy, not HTTP"),
                   http ? "farkeep connection set mode=http http.proxy=" + place : "farkeep connection set mode=socks socks.proxy=" + place, Exit::unreachable);
  }
  const Exit exit = exit_code(make_error_code(e.code));
  Seen same, others;
  for (auto* b : broken) {
    if (b->trouble == e.trouble) same.push_back(b);
    if (b->trouble == e.trouble && b != &e) others.push_back(b);
  }
  const std::string text = e.text + (others.empty() ? "" : "; the same with " + addresses(others));
  if (connection.mode == ConnectionMode::mapped && (*e.trouble == ProxyTrouble::refused || *e.trouble == ProxyTrouble::no_answer))
    return verdict(name_of(*e.trouble), Who::firewall_administrator, text, "permit TCP from the firewall to " + nets(same) + ", and check that " + mappings(same), exit);
  switch (*e.trouble) {
    case ProxyTrouble::not_mapped:
      return verdict("not_mapped", Who::firewall_administrator, "no firewall port is mapped to " + addresses(same),
                     "choose a free port for each and forward it to the destination (farkeep connection map lists them); then on this computer: farkeep connection set with "
                     "all mappings as mapped.destination=\"IP via FIREWALL:PORT\"",
                     exit);
    case ProxyTrouble::name_unknown:
    case ProxyTrouble::no_way: return verdict(name_of(*e.trouble), Who::this_computer, e.text, "correct the proxy's address (farkeep connection set), or this computer's network", exit);
    case ProxyTrouble::login_demanded:
    case ProxyTrouble::login_kind:
    case ProxyTrouble::login_refused:
    case ProxyTrouble::login_closed:
    case ProxyTrouble::ident_demanded: return verdict(name_of(*e.trouble), Who::this_computer, e.text, "enter the user and the password that the proxy's administrator gave", exit);
    case ProxyTrouble::refused:
    case ProxyTrouble::no_answer:
    case ProxyTrouble::silent:
    case ProxyTrouble::closed_at_once:
    case ProxyTrouble::other_protocol:
    case ProxyTrouble::malformed:
    case ProxyTrouble::no_connect: return verdict(name_of(*e.trouble), Who::this_computer, e.text, "check the address, the port and the kind of the proxy (farkeep connection set)", exit);
    case ProxyTrouble::behind_no_way:
    case ProxyTrouble::behind_refused:
    case ProxyTrouble::behind_silent:
      return verdict(name_of(*e.trouble), Who::firewall_administrator, text, "permit TCP from the proxy to " + nets(same) + " on the firewall behind it; if that is so already, see the proxy's log", exit);
    default:
      return verdict(name_of(*e.trouble), Who::proxy_administrator, text, "permit TCP CONNECT to " + nets(same) + " (farkeep connection rules --for dante, squid or ssh)", exit);
  }
}

std::optional<Verdict> about_identity(const std::vector<Examination>& all, const Seen& broken) {
  if (const auto swapped = exchanged(all))
    return verdict("ports_exchanged", Who::firewall_administrator, *swapped, "exchange the two mappings, or the two lines in [mapped]", Exit::refused);
  for (auto* e : broken) {
    if (!e->doubt) continue;
    switch (*e->doubt) {
      case untrusted_peer::Why::stranger:
        return verdict("intercepted", Who::firewall_administrator, "something between this computer and " + at(*e) + " opens the encryption, or is in the server's place: " + e->text,
                       "exempt TCP to " + nets({e}) + " from TLS inspection; do not trust its certificate", Exit::refused);
      case untrusted_peer::Why::too_early:
        return verdict("clock_behind", Who::this_computer, "this computer's clock is probably behind: " + e->text, "set the clock", Exit::refused);
      case untrusted_peer::Why::expired:
        return verdict("certificate_expired", Who::this_computer, "either this computer's clock is ahead, or the server's certificate was not renewed: " + e->text,
                       "compare the clock; if it is right, tell the operator of the servers", Exit::refused);
    }
  }
  for (auto* e : broken)
    if (e->reached == Stage::tls && e->answered)
      return verdict("another_server", e->server.via ? Who::firewall_administrator : Who::server_operator, "another data centre answers in the place of " + at(*e) + ": " + e->text,
                     e->server.via ? "the firewall port " + e->server.via->to_string() + " must lead to " + at(*e) : "ask which addresses are in force", Exit::refused);
  return std::nullopt;
}

std::optional<Verdict> about_tls(const Seen& broken) {
  for (auto* e : broken) {
    if (e->reached != Stage::tls) continue;
    if (e->code == Errc::protocol)
      return verdict("not_our_server", e->server.via ? Who::firewall_administrator : Who::this_computer, "what answers at " + (e->server.via ? e->server.via->to_string() : at(*e)) + " is no server of ours: " + e->text,
                     e->server.via ? "the firewall port must lead to " + at(*e) : "if this network wants a login in a browser first, do that; else check the address", Exit::unreachable);
    if (e->server.via) {
      Seen same;
      std::string ports;
      for (auto* b : broken) {
        if (b->reached != Stage::tls || !b->server.via || b->code == Errc::protocol) continue;
        same.push_back(b);
        ports += (ports.empty() ? "" : " and ") + b->server.via->to_string();
      }
      return verdict("nothing_behind_mapping", Who::firewall_administrator, "the firewall takes the connection at " + ports + " but does not reach " + addresses(same) + " behind it",
                     "permit TCP from the firewall to " + nets(same) + ", and check that " + mappings(same), Exit::unreachable);
    }
    return verdict("cut_before_tls", Who::firewall_administrator, "the connection to " + at(*e) + " is made, and cut before the server has said anything: " + e->text,
                   "let TCP to " + nets({e}) + " through without looking into it", Exit::unreachable);
  }
  return std::nullopt;
}

std::optional<Verdict> about_segments(const Seen& broken, const Extras& extras) {
  const bool small_pass = extras.small_segments_pass.value_or(false);
  for (auto* e : broken) {
    if (!stalls(*e) || (e->reached == Stage::tls && !small_pass)) continue;
    return verdict("large_packets_lost", Who::firewall_administrator,
                   "small messages to " + at(*e) + " pass, large ones do not" + (small_pass ? ", and pass in segments of 1220 bytes, which this agent uses by itself" : "") +
                       ": a link on the way takes only smaller packets, and the ICMP messages that say so are dropped",
                   "let ICMP \"fragmentation needed\" (IPv6: \"packet too big\") pass, or clamp the MSS (farkeep connection rules writes such a line)", Exit::unreachable);
  }
  return std::nullopt;
}

std::optional<Verdict> about_servers(const Seen& broken) {
  for (auto* e : broken) {
    if (e->reached == Stage::hello) return verdict("server_declines", Who::server_operator, "the server at " + at(*e) + " is reached and does not serve: " + e->text, "tell its operator", exit_code(make_error_code(e->code)));
  }
  return std::nullopt;
}

Verdict about_packets(const Seen& broken, const Seen& working, const Extras& extras) {
  const Examination& e = *broken.front();
  const auto all = [&](auto test) { return std::all_of(broken.begin(), broken.end(), [&](auto* b) { return test(*b); }); };
  if (all(no_network) && working.empty()) return verdict("no_network", Who::this_computer, "this computer has no network, or no route: " + e.text, "connect it", Exit::unreachable);
  const std::string permit = "permit TCP to " + nets(broken) + " (farkeep connection rules writes the rules)";
  if (!working.empty()) {
    const bool other_net = std::none_of(working.begin(), working.end(), [&](auto* w) { return net(*w) == net(e); });
    if (all(unanswered) && other_net)
      return verdict("one_net_closed", Who::firewall_administrator, "TCP to " + addresses(broken) + " gets no answer, while " + addresses(working) + " works: the firewall permits only one of the nets" + where(extras), permit, Exit::unreachable);
    if (all(prohibited))
      return verdict("one_net_prohibited", Who::firewall_administrator, "a router or firewall says that " + addresses(broken) + " cannot be reached, while " + addresses(working) + " works", permit, Exit::unreachable);
    if (all(refused))
      return verdict("one_server_refuses", Who::server_operator, addresses(broken) + " refuses the connection, while " + addresses(working) + " works: that server is down, or a firewall answers in its place",
                     "is the server running? if it is: " + permit, Exit::unreachable);
    return verdict("one_server_lost", Who::firewall_administrator, addresses(broken) + " is not reached, while " + addresses(working) + " works: " + e.text, permit, Exit::unreachable);
  }
  if (all(unanswered)) {
    if (extras.host_refuses_other_port.value_or(false))
      return verdict("port_closed", Who::firewall_administrator, "packets get to the servers' nets and back, but TCP port " + port(e) + " gets no answer: a firewall drops this port" + where(extras), permit, Exit::unreachable);
    return verdict("all_dropped", Who::firewall_administrator, "TCP to " + addresses(broken) + " gets no answer: a firewall drops the packets" + where(extras), permit, Exit::unreachable);
  }
  if (all(prohibited)) return verdict("all_prohibited", Who::firewall_administrator, "a router or firewall says that " + addresses(broken) + " cannot be reached", permit, Exit::unreachable);
  if (all(refused))
    return verdict("all_refused", Who::firewall_administrator, addresses(broken) + " refuse the connection: most likely a firewall rejects it, for two servers are seldom down at once",
                   permit + "; if that is so already, tell the operator of the servers", Exit::unreachable);
  return verdict("not_reached", Who::firewall_administrator, addresses(broken) + " is not reached: " + e.text, permit, exit_code(make_error_code(e.code)));
}

// When everything that is needed works.
Verdict about_working(const std::vector<Examination>& all, const Extras& extras) {
  if (extras.idle_cut) {
    Seen working;
    for (auto& e : all)
      if (e.works()) working.push_back(&e);
    return verdict("idle_cut", Who::firewall_administrator,
                   "every server is reached; but a connection that was silent for " + std::to_string(extras.idle_cut->count()) + " s is gone: a firewall or proxy on the way forgets it",
                   "let TCP connections to " + nets(working) + " be silent for 60 s at the least", Exit::unreachable);
  }
  for (auto& e : all) {
    if (!e.skew || std::chrono::abs(*e.skew) <= kSkew) continue;
    const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(std::chrono::abs(*e.skew)).count();
    return verdict("clock", Who::this_computer, "every server is reached; but this computer's clock is " + std::to_string(minutes) + " minutes " + (e.skew->count() > 0 ? "behind" : "ahead of") + " that of " + at(e),
                   "set the clock: schedules and certificates depend on it", Exit::done);
  }
  for (auto& e : all)
    if (e.server.from && !e.works())
      return verdict("announced_not_reached", Who::firewall_administrator, "every server that is needed now is reached; " + at(e) + ", which is needed from " + rfc3339(*e.server.from) + " on, is not yet: " + e.text,
                     "by then permit TCP to " + nets({&e}), Exit::done);
  return verdict("fine", Who::nobody, "every server is reached", "", Exit::done);
}

Verdict decide(const ConnectionConfig& connection, const std::vector<Examination>& all, const Extras& extras) {
  const Seen broken = those(all, [](const Examination& e) { return !e.works(); });
  const Seen working = those(all, [](const Examination& e) { return e.works(); });
  if (broken.empty()) return about_working(all, extras);
  // What is false weighs more than what is missing.
  if (auto v = about_identity(all, broken)) return std::move(*v);
  if (auto v = about_proxy(connection, broken, extras)) return std::move(*v);
  if (auto v = about_segments(broken, extras)) return std::move(*v);
  if (auto v = about_tls(broken)) return std::move(*v);
  if (auto v = about_servers(broken)) return std::move(*v);
  return about_packets(broken, working, extras);
}

}  // namespace

bool unanswered(const Examination& e) noexcept { return e.reached == Stage::connect && !e.trouble && e.code == Errc::timed_out; }

bool stalls(const Examination& e) noexcept {
  if (e.reached == Stage::bulk) return true;
  if (e.reached != Stage::tls || e.code != Errc::timed_out || e.answered) return false;
  // A mapped port that leads nowhere is silent, too, and more often.
  return e.symptom == LineSymptom::swallowing || (e.symptom == LineSymptom::silent && !e.server.via);
}

std::optional<std::string> exchanged(const std::vector<Examination>& seen) {
  for (std::size_t i = 0; i < seen.size(); ++i) {
    for (std::size_t j = i + 1; j < seen.size(); ++j) {
      const NeededServer &a = seen[i].server, &b = seen[j].server;
      if (!a.id || !b.id || !a.via || !b.via || a.id == b.id) continue;
      if (seen[i].works() || seen[j].works() || seen[i].answered != b.id || seen[j].answered != a.id) continue;
      return "the firewall ports of rows " + std::to_string(i + 1) + " and " + std::to_string(j + 1) + " are exchanged: " + a.via->to_string() + " leads to " +
             b.address.to_string() + ", and " + b.via->to_string() + " to " + a.address.to_string();
    }
  }
  return std::nullopt;
}

Verdict judge(const ConnectionConfig& connection, const std::vector<Examination>& seen, const Extras& extras) {
  Verdict v = decide(connection, seen, extras);
  for (auto& e : seen) {
    if (e.works() && v.finding != "clock") continue;
    v.evidence.push_back(at(e) + " (" + e.server.purpose + "): " + name_of(e.reached) + " after " + std::to_string(e.took.count()) + " ms: " + e.text);
  }
  return v;
}

const char* name_of(Stage stage) noexcept {
  switch (stage) {
    case Stage::connect: return "connect";
    case Stage::tls: return "tls";
    case Stage::hello: return "hello";
    case Stage::bulk: return "bulk";
    case Stage::done: return "done";
  }
  return "unknown";
}

const char* name_of(Who who) noexcept {
  switch (who) {
    case Who::nobody: return "nobody";
    case Who::this_computer: return "this computer";
    case Who::proxy_administrator: return "proxy administrator";
    case Who::firewall_administrator: return "firewall administrator";
    case Who::server_operator: return "server operator";
  }
  return "unknown";
}

}  // namespace farkeep
