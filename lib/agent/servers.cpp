#include "agent/servers.hpp"

#include <optional>

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

Fault fault_of(const boost::system::system_error& error) noexcept {
  if (const auto* proxy = dynamic_cast<const proxy_error*>(&error)) {
    switch (proxy->blame()) {
      case ProxyBlame::path: return Fault::path;
      case ProxyBlame::mapping: return Fault::nobody;
      case ProxyBlame::destination: return Fault::server;
    }
  }
  namespace bs = boost::system::errc;
  const auto& code = error.code();
  if (code == bs::network_unreachable || code == bs::network_down || code == bs::address_not_available) return Fault::nobody;
  return classify(code) == Errc::identity ? Fault::nobody : Fault::server;
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

task<void> use_any(Servers& servers, ServerChoice& choice, Reporter& reporter, Servers::Work work) {
  std::string tried;
  Strangers strangers;
  std::optional<boost::system::error_code> worst;
  std::vector<ServerTarget> line = choice.order(servers.pair());
  for (auto& target : line) {
    bool begun = false;
    std::optional<failure> problem;
    Fault fault{};
    Servers::Work started = [&](VaultPort& vault) -> task<void> {
      begun = true;
      choice.worked(target.address);
      return work(vault);
    };
    try {
      co_await servers.use(target, std::move(started));
      co_return;
    } catch (const failure& f) {
      if (begun || !is_server_trouble(f)) throw;
      problem.emplace(f);
      fault = fault_of(f);
      strangers.saw(target, f);
    }
    const bool identity = classify(problem->code()) == Errc::identity;
    if (fault == Fault::server) choice.failed(target.address, problem->what());
    if (!worst || identity) worst = problem->code();
    tried += (tried.empty() ? "" : "; ") + target.name + ": " + problem->what();
    if (fault == Fault::path) break;
    if (&target != &line.back()) reporter.note(target.name + " does not serve (" + problem->what() + "); trying the other server");
  }
  if (!worst) throw failure(Errc::configuration, "looking for a server: the address directory names none (register again)");
  const Errc kind = classify(*worst);
  throw failure::whole(kind == Errc::identity || kind == Errc::proxy ? kind : Errc::unreachable, "connecting to the data centres: " + tried + strangers.hint());
}

}  // namespace farkeep
