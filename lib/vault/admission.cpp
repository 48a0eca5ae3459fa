#include "vault/admission.hpp"

#include <algorithm>

#include "transport/peer.hpp"

namespace farkeep {
namespace {

// A revoked agent is out before its administrator has read what the command printed; ten looks a second at a file in the cache cost nothing.
constexpr auto kLook = std::chrono::milliseconds{100};

}  // namespace

task<std::uint64_t> Admission::generation() {
  auto const now = timers_.now();
  if (looked_ && now - *looked_ < kLook) co_return generation_;
  auto const read = co_await workers_.offload([](Registry* registry) { return registry->generation(); }, &registry_);
  looked_ = now;
  generation_ = read;
  co_return read;
}

void Admission::judge_agent(const PeerIdentity& who, const std::string& key) const {
  auto const agent = registry_.agent(who.agent);
  if (!agent || agent->account() != as_text(who.account.view()))
    throw HangUp(Errc::busy, "this server has not heard of " + who.text() + " yet; if it was registered moments ago, try again, or use the other server of the pair");
  if (agent->revoked()) throw HangUp(Errc::unauthorised, who.text() + " was revoked by the administrator");
  if (key.empty() || std::find(agent->key().begin(), agent->key().end(), key) == agent->key().end())
    throw HangUp(Errc::unauthorised, who.text() + " now acts with another key: its vault was recovered on another machine");
}

void Admission::judge_server(const PeerIdentity& who) const {
  auto const partner = registry_.partner();
  if (!partner || partner->server_id() != as_text(who.server.view()))
    throw HangUp(Errc::unauthorised, who.text() + " is not the partner of this server");
}

}  // namespace farkeep
