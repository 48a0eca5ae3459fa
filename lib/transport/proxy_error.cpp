#include "transport/proxy_error.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMaxSeen = 500;  // what a stranger said may be long

bool is_mapped(const ProxyPlace& place) { return place.kind == ProxyKind::mapped; }

ProxyBlame blame_of(ProxyTrouble trouble, const ProxyPlace& place) {
  if (trouble == ProxyTrouble::not_mapped) return ProxyBlame::mapping;
  return trouble < ProxyTrouble::general && !is_mapped(place) ? ProxyBlame::path : ProxyBlame::destination;
}

Errc code_of(ProxyTrouble trouble, const ProxyPlace& place) {
  switch (trouble) {
    case ProxyTrouble::login_demanded:
    case ProxyTrouble::login_kind:
    case ProxyTrouble::login_refused:
    case ProxyTrouble::login_closed:
    case ProxyTrouble::ident_demanded: return Errc::proxy_login;
    case ProxyTrouble::no_answer: return is_mapped(place) ? Errc::timed_out : Errc::proxy;
    case ProxyTrouble::behind_silent: return Errc::timed_out;
    default: return blame_of(trouble, place) == ProxyBlame::destination ? Errc::unreachable : Errc::proxy;
  }
}

// `p`: the proxy; `d`: the destination; `rule`: what a rule must permit.
std::string words(ProxyTrouble trouble, const ProxyPlace& at) {
  const std::string& p = at.proxy;
  const std::string d = at.destination.text();
  const std::string ip = at.destination.address.to_string();
  const std::string port = std::to_string(at.destination.port);
  const std::string rule = "TCP CONNECT to " + ip + " port " + port;
  const std::string host = p.substr(0, p.rfind(':'));
  const std::string kind = name_of(at.kind);
  const bool socks = at.kind == ProxyKind::socks5 || at.kind == ProxyKind::socks4;
  switch (trouble) {
    case ProxyTrouble::name_unknown:
      return "the name " + host + " of the " + kind + " cannot be resolved on this computer; enter its IP address, or correct the name";
    case ProxyTrouble::refused:
      return "nothing listens at " + p + "; check the address and the port" +
             (socks ? " (a SOCKS proxy's is usually 1080)" : is_mapped(at) ? ", or a firewall behind it rejects what it leads to" : "");
    case ProxyTrouble::no_answer:
      return p + " does not answer: a packet filter between this computer and the " + kind + " drops the packets, or the address is wrong" +
             (is_mapped(at) ? ", or a firewall behind it drops what it leads to" : "") + "; check the address and the port";
    case ProxyTrouble::no_way: return "this computer has no route to " + p + "; check the address, and this computer's network";
    case ProxyTrouble::silent:
      return p + " takes the connection and says nothing; " +
             (socks ? "it may be an HTTP proxy (mode = http) or a mapped port (mode = mapped), not SOCKS" : "it may be a SOCKS proxy (mode = socks), not an HTTP proxy");
    case ProxyTrouble::closed_at_once:
      return p + " closed the connection before it said anything: it is not " + (socks ? "a SOCKS proxy" : "an HTTP proxy") + ", or does not serve this computer's address; see the proxy's log";
    case ProxyTrouble::other_protocol: return p + " is not " + (socks ? "a SOCKS proxy" : "an HTTP proxy");
    case ProxyTrouble::malformed: return p + " does not keep to its protocol";
    case ProxyTrouble::login_demanded: return "the " + kind + " " + p + " demands a login, and none is configured; enter user and password";
    case ProxyTrouble::login_kind:
      return "the " + kind + " " + p + " accepts neither " + (at.user.empty() ? "to be used without a login" : "user and password") +
             (socks ? "; it may insist on Kerberos (GSSAPI), which this agent does not do" : "; it wants a kind of login that this agent does not do") +
             ": its administrator must permit this computer by address" + (at.user.empty() ? ", or give it a user and a password" : "");
    case ProxyTrouble::login_closed:
      return "the " + kind + " " + p + " closed the connection instead of an answer to the login of \"" + at.user + "\": it refused the user or the password, or was just stopped; see its log";
    case ProxyTrouble::login_refused:
      return "the " + kind + " " + p + " refused the user \"" + at.user + "\" or the password; the servers were not contacted";
    case ProxyTrouble::ident_demanded:
      return "the SOCKS4 proxy " + p + " asks this computer who the user is (identd) and gets none or another answer; use SOCKS5 (version = 5)";
    case ProxyTrouble::no_connect: return "the " + kind + " " + p + " does not make TCP connections; it is configured for something else";
    case ProxyTrouble::general: return "the " + kind + " " + p + " reports a failure for " + d + " without a reason; see the proxy's log";
    case ProxyTrouble::forbidden: return "the rules of the " + kind + " " + p + " do not permit " + d + "; its administrator must add a rule: permit " + rule;
    case ProxyTrouble::behind_no_way:
      return "the " + kind + " " + p + " has no way to " + d + ": routing or a filter behind the proxy answers \"unreachable\" or \"prohibited\"; permit TCP from the proxy to " + ip +
             " port " + port;
    case ProxyTrouble::behind_refused:
      return "the " + kind + " " + p + " was refused by " + d + ": the server is down, or a firewall behind the proxy rejects the connection";
    case ProxyTrouble::behind_silent:
      return "the " + kind + " " + p + " gets no answer from " + d + ": most often a filter behind the proxy drops TCP to " + ip + " port " + port + "; permit it";
    case ProxyTrouble::address_kind:
      return "the " + kind + " " + p + " cannot reach " + (at.destination.address.is_v6() ? "IPv6" : "IPv4") + " addresses such as " + d;
    case ProxyTrouble::closed:
      return "the " + kind + " " + p + " closed the connection without a reason when it was asked for " + d +
             " (ssh -D does this when forwarding is forbidden or the server cannot be reached); see the proxy's log";
    case ProxyTrouble::not_mapped:
      return "no firewall port is mapped to " + d + "; the firewall's administrator must choose one, and [mapped] must say: destination = " + d + " via FIREWALL:PORT";
  }
  return "unknown trouble";
}

std::string text_of(ProxyTrouble trouble, const ProxyPlace& place, const std::string& seen) {
  std::string text = "connecting to " + place.destination.text();
  if (trouble != ProxyTrouble::not_mapped) text += " through " + std::string(name_of(place.kind)) + " " + place.proxy;
  text += ": " + words(trouble, place);
  if (!seen.empty()) text += " (" + seen.substr(0, kMaxSeen) + ")";
  return text;
}

}  // namespace

const char* name_of(ProxyKind kind) noexcept {
  switch (kind) {
    case ProxyKind::socks5: return "SOCKS proxy";
    case ProxyKind::socks4: return "SOCKS4 proxy";
    case ProxyKind::http: return "HTTP proxy";
    case ProxyKind::mapped: return "mapped port";
  }
  return "proxy";
}

const char* name_of(ProxyTrouble trouble) noexcept {
  switch (trouble) {
    case ProxyTrouble::name_unknown: return "name_unknown";
    case ProxyTrouble::refused: return "refused";
    case ProxyTrouble::no_answer: return "no_answer";
    case ProxyTrouble::no_way: return "no_way";
    case ProxyTrouble::silent: return "silent";
    case ProxyTrouble::closed_at_once: return "closed_at_once";
    case ProxyTrouble::other_protocol: return "other_protocol";
    case ProxyTrouble::malformed: return "malformed";
    case ProxyTrouble::login_demanded: return "login_demanded";
    case ProxyTrouble::login_kind: return "login_kind";
    case ProxyTrouble::login_refused: return "login_refused";
    case ProxyTrouble::login_closed: return "login_closed";
    case ProxyTrouble::ident_demanded: return "ident_demanded";
    case ProxyTrouble::no_connect: return "no_connect";
    case ProxyTrouble::general: return "general";
    case ProxyTrouble::forbidden: return "forbidden";
    case ProxyTrouble::behind_no_way: return "behind_no_way";
    case ProxyTrouble::behind_refused: return "behind_refused";
    case ProxyTrouble::behind_silent: return "behind_silent";
    case ProxyTrouble::address_kind: return "address_kind";
    case ProxyTrouble::closed: return "closed";
    case ProxyTrouble::not_mapped: return "not_mapped";
  }
  return "unknown";
}

proxy_error::proxy_error(ProxyTrouble trouble, const ProxyPlace& place, const std::string& seen)
    : failure(Whole{}, code_of(trouble, place), text_of(trouble, place, seen)), trouble_(trouble), blame_(blame_of(trouble, place)) {}

}  // namespace farkeep
