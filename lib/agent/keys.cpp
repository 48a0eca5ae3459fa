#include "agent/keys.hpp"

#include "base/error.hpp"

namespace farkeep {

AgentKeys AgentKeys::load(const AgentState& state) {
  const auto identity = state.identity();
  const auto account = AccountId::from(identity.account());
  const auto agent = AgentId::from(identity.agent());
  if (!account || !agent) throw failure(Errc::damaged, "reading the identity in " + state.folder());
  const SecretKey root = state.root_key();
  std::vector<Certificate> chain;
  for (auto& der : identity.chain()) chain.push_back(value_or_throw(Certificate::from_der(as_bytes(der)), "reading the agent's certificate in " + state.folder()));
  KeyRing ring(root);
  CutKey cut(ring.cut_key());
  SigningKey signing = value_or_throw(SigningKey::from_pem(state.key_pem().text()), "reading the agent's key in " + state.folder());
  return AgentKeys{*account, *agent, identity.name(), std::move(ring), std::move(cut), std::move(signing), std::move(chain)};
}

}  // namespace farkeep
