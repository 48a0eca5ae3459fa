#include "base/hex.hpp"
#include "platform/atomic_file.hpp"
#include "vault/registry.hpp"
#include "vault/registry_entry.hpp"
#include "vault/registry_file.hpp"

// What of the registry is damaged now, and what of that the partner may have.
namespace farkeep {
namespace {

bool is_damage(const failure& f) { return classify(f.code()) == Errc::damaged; }

}  // namespace

std::vector<std::string> Registry::damaged(Look look_at) {
  std::vector<std::string> out;
  auto const look = [&](const std::string& name, auto&& is_whole) {
    try {
      auto const bytes = read(folder_ + "/" + name);
      if (bytes && !is_whole(ByteView{*bytes})) out.push_back(name);
    } catch (const failure& f) {
      if (!is_damage(f)) throw;
      out.push_back(name);
    }
  };
  auto const parses = []<class Message>(Message message) {
    return [message](ByteView bytes) mutable {
      auto const payload = registry_payload(bytes);
      return payload && message.ParseFromArray(payload->bytes.data(), static_cast<int>(payload->bytes.size()));
    };
  };
  auto const look_in = [&](const std::string& kind, auto&& is_whole) {
    for (auto const& name : disk_.list(folder_ + "/" + kind))
      if (!is_temporary_name(name)) look(kind + "/" + name, [&](ByteView bytes) { return is_whole(name, bytes); });
  };
  auto const me = self();
  if (look_at == Look::at_all) {
    look_in("accounts", [&](const std::string& name, ByteView bytes) { return parse_known_account(bytes, to_string(unhex(name).value_or(Buffer{})), me).has_value(); });
    look_in("agents", [&](const std::string& name, ByteView bytes) { return parse_known_agent(bytes, to_string(unhex(name).value_or(Buffer{})), me).has_value(); });
    look_in("told", [&](const std::string&, ByteView bytes) { return parses(vault::pb::Told{})(bytes); });
  }
  look_in("tokens", [&](const std::string&, ByteView bytes) { return parses(vault::pb::Token{})(bytes); });
  look_in("alarms", [&](const std::string&, ByteView bytes) { return parses(vault::pb::Alarm{})(bytes); });
  look("partner", parses(vault::pb::Partner{}));
  for (auto const* name : {"directory", "root-word", "root-word.copy"}) look(name, [](ByteView bytes) { return registry_payload(bytes).has_value(); });
  return out;
}

std::vector<wire::pb::RegistryEntry> Registry::wanted() {
  std::vector<wire::pb::RegistryEntry> out;
  for (auto const& name : damaged()) {
    auto const slash = name.find('/');
    auto const kind = name.substr(0, slash);
    auto const id = unhex(slash == std::string::npos ? std::string_view{} : std::string_view{name}.substr(slash + 1));
    std::uint32_t const number = kind == "accounts" ? kAccountEntry : kind == "agents" ? kAgentEntry : kind == "told" ? kToldEntry : kind == "alarms" ? kAlarmEntry : 0;
    if (number == 0 || !id || id->size() != AgentId::kSize) continue;
    wire::pb::RegistryEntry entry;
    entry.set_kind(number);
    entry.set_key(to_string(*id));
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace farkeep
