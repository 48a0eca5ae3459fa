#include "agent/servers.hpp"

#include <optional>

#include "base/error.hpp"
#include "wire/refusal.hpp"

namespace farkeep {

bool is_server_trouble(const boost::system::system_error& error) noexcept {
  switch (classify(error.code())) {
    case Errc::unreachable:
    case Errc::disconnected:
    case Errc::timed_out:
    case Errc::protocol:
    case Errc::busy:
    case Errc::identity:   // the other one must prove itself too: it is safe to ask
    case Errc::unsupported_version: return true;
    case Errc::no_space:
    case Errc::io:
    case Errc::damaged: return dynamic_cast<const wire::Refusal*>(&error) != nullptr;
    default: return false;
  }
}

task<void> use_any(Servers& servers, ServerChoice& choice, Reporter& reporter, Servers::Work work) {
  std::string tried;
  std::optional<boost::system::error_code> worst;
  std::vector<ServerTarget> line = choice.order(servers.pair());
  for (auto& target : line) {
    bool begun = false;
    std::optional<failure> problem;
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
    }
    const bool identity = classify(problem->code()) == Errc::identity;
    if (!identity) choice.failed(target.address, problem->what());
    if (!worst || identity) worst = problem->code();
    tried += (tried.empty() ? "" : "; ") + target.name + ": " + problem->what();
    if (&target != &line.back()) reporter.note(target.name + " does not serve (" + problem->what() + "); trying the other server");
  }
  if (!worst) throw failure(Errc::configuration, "looking for a server: the address directory names none (register again)");
  throw failure(*worst == make_error_code(Errc::identity) ? Errc::identity : Errc::unreachable, "connecting to the data centres: " + tried);
}

}  // namespace farkeep
