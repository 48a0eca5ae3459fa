#include "vault/known_keys.hpp"

#include <algorithm>

#include "archive/manifest.hpp"

namespace farkeep {

std::vector<VerifyKey> keys_of(Registry& registry, const AgentId& agent) {
  std::vector<VerifyKey> out;
  auto const known = registry.agent(agent);
  if (!known) return out;
  for (auto const* keys : {&known->key(), &known->retired_key()})
    for (auto const& text : *keys)
      if (auto const key = VerifyKey::from(as_bytes(text))) out.push_back(*key);
  return out;
}

result<ManifestFacts> SignedByKnownKey::judge(ByteView bytes) {
  auto facts = judge_->judge(bytes);
  if (!facts) return facts;
  auto const manifest = Manifest::parse(bytes);
  bool const known = manifest && std::any_of(keys_.begin(), keys_.end(), [&](const VerifyKey& key) { return manifest->is_signed_by(key); });
  if (!known) return Errc::identity;
  return facts;
}

}  // namespace farkeep
