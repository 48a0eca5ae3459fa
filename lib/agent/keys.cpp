#include "agent/keys.hpp"

#include <algorithm>
#include <map>

#include "base/error.hpp"

namespace farkeep {
namespace {

constexpr int kMaxOfIssuer = 2;
constexpr int kMaxEarlier = 4;  // renewals in a life of a year are one; the rest is for clocks that were wrong

// Empty when it cannot be read, or is for another key.
std::vector<Certificate> parse(const google::protobuf::RepeatedPtrField<std::string>& field, const VerifyKey& ours) {
  std::vector<Certificate> chain;
  for (auto& der : field) {
    auto certificate = Certificate::from_der(as_bytes(der));
    if (!certificate) return {};
    chain.push_back(std::move(*certificate));
  }
  if (chain.empty()) return {};
  const auto key = chain.front().public_key();
  return key && *key == ours ? std::move(chain) : std::vector<Certificate>{};
}

SigningKey signing_key(const AgentState& state) {
  auto key = SigningKey::from_pem(state.key_pem().text());
  if (!key) throw failure(key.error(), "reading " + state.folder() + "/agent.key (" + state.how_to_recover() + ")");
  return std::move(*key);
}

// One that is not valid now, because a clock was wrong, may say any date.
WallTime end_of(const AgentCredentials& present, WallTime now) {
  const Certificate& own = present.chain.front();
  return own.not_before() <= now && now <= own.not_after() ? own.not_after() : now;
}

}  // namespace

AgentCredentials AgentCredentials::load(const AgentState& state, std::optional<WallTime> now) {
  const auto identity = state.identity();
  const KeyOwner owner = owner_in(identity);
  SigningKey signing = signing_key(state);
  std::vector<Certificate> chain = parse(identity.chain(), signing.public_key());
  const auto is_valid = [&](const std::vector<Certificate>& c) { return !c.empty() && c.front().not_before() <= *now && *now <= c.front().not_after(); };
  for (auto& earlier : identity.earlier()) {
    if (!chain.empty() && (!now || is_valid(chain))) break;
    auto other = parse(earlier.certificate(), signing.public_key());
    if (chain.empty() || (now && is_valid(other))) chain = std::move(other);
  }
  if (chain.empty()) throw failure(Errc::identity, "reading the identity in " + state.folder() + ": none of its certificates is for this machine's key agent.key (" + state.how_to_recover() + ")");
  return AgentCredentials{owner.account, owner.agent, identity.name(), std::move(signing), std::move(chain)};
}

AgentKeys AgentKeys::load(const AgentState& state, std::optional<WallTime> now) {
  AgentCredentials credentials = AgentCredentials::load(state, now);
  KeyRing ring(state.root_key());
  CutKey cut(ring.cut_key());
  return AgentKeys{std::move(credentials), std::move(ring), std::move(cut)};
}

std::string objection_to_renewal(const AgentCredentials& present, const CertificateName& name, const Certificate& renewed, WallTime now) {
  const auto key = renewed.public_key();
  if (!key || *key != present.signing.public_key()) return "the certificate is for another key";
  if (name.agent != present.agent || name.account != present.account) return "the certificate names another agent";
  const WallTime from = end_of(present, now);
  if (renewed.not_after() < from) return "the certificate ends at " + rfc3339(renewed.not_after()) + ", sooner than " + rfc3339(from);
  return {};
}

bool gains_enough(const AgentCredentials& present, const Certificate& renewed, WallTime now) {
  const Certificate& own = present.chain.front();
  return renewed.not_after() - end_of(present, now) >= (own.not_after() - own.not_before()) / 2;
}

void keep_new_chain(AgentState& state, const google::protobuf::RepeatedPtrField<std::string>& chain) {
  auto identity = state.identity();
  const VerifyKey ours = signing_key(state).public_key();
  google::protobuf::RepeatedPtrField<agent::pb::CertificateChain> earlier;
  std::map<std::string, int> of_issuer;  // one server's renewals push out no other's
  const auto keep = [&](const google::protobuf::RepeatedPtrField<std::string>& one) {
    if (earlier.size() >= kMaxEarlier || parse(one, ours).empty() || ++of_issuer[one.size() > 1 ? one.Get(1) : std::string{}] > kMaxOfIssuer) return;
    *earlier.Add()->mutable_certificate() = one;
  };
  keep(identity.chain());
  for (auto& one : identity.earlier()) keep(one.certificate());
  identity.mutable_earlier()->Swap(&earlier);
  *identity.mutable_chain() = chain;
  state.set_identity(identity);
}

}  // namespace farkeep
