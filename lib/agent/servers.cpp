#include "agent/servers.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "transport/proxy_error.hpp"
#include "transport/tls.hpp"
#include "wire/refusal.hpp"

namespace farkeep {

bool is_server_trouble(const boost::system::system_error& error) noexcept {
  switch (classify(error.code())) {
    case Errc::unreachable:
    case Errc::disconnected:
    case Errc::timed_out:
    case Errc::protocol:
    case Errc::busy:
    case Errc::proxy:
    case Errc::identity:   // the other one must prove itself too: it is safe to ask
    case Errc::unsupported_version: return true;
    case Errc::no_space:
    case Errc::io:
    case Errc::damaged: return dynamic_cast<const wire::Refusal*>(&error) != nullptr;
    default: return false;
  }
}

bool is_own_affair(const boost::system::system_error& error) noexcept {
  if (dynamic_cast<const wire::Refusal*>(&error) || dynamic_cast<const not_here*>(&error)) return false;
  switch (classify(error.code())) {
    case Errc::cancelled:
    case Errc::usage:
    case Errc::configuration:
    case Errc::not_found:
    case Errc::exists:
    case Errc::io:
    case Errc::no_space:
    case Errc::incomplete:
    case Errc::command:
    case Errc::proxy_login: return true;
    default: return false;
  }
}

Errc counts_as(const boost::system::system_error& error) noexcept {
  const Errc code = classify(error.code());
  if (code == Errc::identity || code == Errc::proxy) return code;
  return is_server_trouble(error) ? Errc::unreachable : code;
}

namespace {
int weight(Errc code) noexcept {
  switch (exit_code(make_error_code(code))) {
    case Exit::alarm: return 6;
    case Exit::refused: return 5;
    case Exit::quota: return 4;
    case Exit::unreachable: return code == Errc::proxy ? 2 : 1;
    default: return 3;
  }
}
}  // namespace

Errc graver(Errc a, Errc b) noexcept { return weight(b) > weight(a) ? b : a; }

Fault fault_of(const boost::system::system_error& error) noexcept {
  if (const auto* proxy = dynamic_cast<const proxy_error*>(&error)) {
    switch (proxy->blame()) {
      case ProxyBlame::path: return Fault::path;
      case ProxyBlame::mapping: return Fault::nobody;
      case ProxyBlame::destination: return Fault::server;
    }
  }
  if (dynamic_cast<const not_here*>(&error)) return Fault::nobody;
  namespace bs = boost::system::errc;
  const auto& code = error.code();
  if (code == bs::network_unreachable || code == bs::network_down || code == bs::address_not_available) return Fault::nobody;
  return classify(code) == Errc::identity || classify(code) == Errc::quota ? Fault::nobody : Fault::server;
}

void Strangers::saw(const ServerTarget& expected, const boost::system::system_error& error) {
  if (const auto* wrong = dynamic_cast<const wrong_server*>(&error)) answered_[expected.id] = wrong->found();
}

std::string Strangers::hint() const {
  for (auto& [expected, found] : answered_) {
    const auto other = answered_.find(found);
    if (other != answered_.end() && other->second == expected)
      return "; each of the two answers in the place of the other: the firewall ports in [mapped] are exchanged, or the firewall's mappings are (farkeep doctor says which)";
  }
  return {};
}

std::vector<ServerId> ids_of(const std::vector<ServerTarget>& pair) {
  std::vector<ServerId> out;
  for (auto& target : pair)
    if (std::find(out.begin(), out.end(), target.id) == out.end()) out.push_back(target.id);
  return out;
}

task<void> use_any(Servers& servers, ServerChoice& choice, Reporter& reporter, Servers::Work work) {
  co_await use_any(servers, choice, reporter, std::move(work), choice.order(servers.pair()));
}

task<void> use_any(Servers& servers, ServerChoice& choice, Reporter& reporter, Servers::Work work, std::vector<ServerTarget> line, HearsOfFailure heard) {
  std::string tried;
  Strangers strangers;
  Errc worst = Errc::unreachable;
  Errc lacks = Errc::not_found;
  bool all_answered = true;
  for (auto& target : line) {
    Servers::Work started = [&](VaultPort& vault) -> task<void> {
      choice.worked(target.address);
      return work(vault);
    };
    std::string problem;
    Fault fault{};
    bool answered = false;
    try {
      co_await servers.use(target, std::move(started));
      co_return;
    } catch (const failure& f) {
      if (is_own_affair(f)) throw;
      problem = f.what();
      fault = fault_of(f);
      answered = dynamic_cast<const not_here*>(&f) != nullptr;
      if (answered) lacks = classify(f.code());
      else worst = graver(worst, counts_as(f));
      strangers.saw(target, f);
      if (heard) heard(target, f);
    }
    all_answered = all_answered && answered;
    if (fault == Fault::server) choice.failed(target.address, problem);
    tried += (tried.empty() ? "" : "; ") + target.name + ": " + problem;
    if (fault == Fault::path) break;
    if (&target != &line.back()) reporter.note(answered ? target.name + ": " + problem + "; asking the other server" : target.name + " does not serve (" + problem + "); trying the other server");
  }
  if (line.empty()) throw failure(Errc::configuration, "looking for a server: the address directory names none that this machine can use (see: farkeep doctor)");
  if (all_answered) throw failure::whole(lacks, tried);
  throw failure::whole(worst, "connecting to the data centres: " + tried + strangers.hint());
}

}  // namespace farkeep
