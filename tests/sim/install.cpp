#include "agent/state.hpp"
#include "sim/server_machine.hpp"
#include "wire/message.hpp"

namespace farkeep::sim {
namespace {

constexpr const char* kRegistry = "/data/registry";
constexpr std::chrono::hours kHour{1};

std::vector<ServerAddress> address_of(const ServerMachine& machine) { return {*parse_address(machine.address().to_string())}; }

Registry::TokenOrder order(vault::pb::Token::Purpose purpose, const AccountId& account = {}) {
  Registry::TokenOrder out;
  out.purpose = purpose;
  out.account = account;
  out.valid = kHour;
  return out;
}

/// `farkeep-server invite` there, `farkeep-server join` here.
void join_pair(Registration& registration, Registry& registry, ServerMachine& second, Random& random) {
  auto draft = Identity::draft(random);
  wire::pb::Join ask;
  ask.set_invitation(to_string(registry.create_token(order(vault::pb::Token::INVITE)).view()));
  ask.set_server_id(draft.id.raw());
  ask.set_issuing_csr(to_string(CertificateRequest::make(draft.issuing_key).der()));
  ask.set_name(second.name());
  ask.add_address(second.address().to_string());
  auto const answer = registration.join(ask);

  Registry own{second.disk(), second.clock(), random, kRegistry};
  vault::pb::Partner partner;
  partner.set_server_id(answer.partner_id());
  partner.set_name(answer.partner_name());
  *partner.mutable_address() = answer.partner_address();
  own.set_partner(partner);
  own.set_directory(answer.directory().SerializeAsString());
  auto const issuing = Certificate::from_der(as_bytes(answer.issuing_certificate())).value();
  auto const root = Certificate::from_der(as_bytes(answer.root())).value();
  Identity::create_joined(second.disk(), ServerMachine::kData, std::move(draft), second.name(), address_of(second), issuing, root, second.clock().wall(), random);
}

}  // namespace

Installed install(Earth& earth, ServerMachine& first, ServerMachine& second, Disk& agent_disk, const std::string& agent_folder) {
  SimRandom random{earth.next_seed()};
  for (auto* machine : {&first, &second}) machine->disk().make_folders(ServerMachine::kData);
  auto const identity = Identity::create_first(first.disk(), ServerMachine::kData, first.name(), address_of(first), first.clock().wall(), random);
  Registry registry{first.disk(), first.clock(), random, kRegistry};
  registry.sign_as(identity);
  AddressDirectory directory{registry, identity, first.clock()};
  ClockGuard const guard{first.disk(), ServerMachine::kData, first.clock()};
  Registration registration{registry, identity, directory, first.clock(), guard, random};
  join_pair(registration, registry, second, random);

  auto const account = *AccountId::from(registry.add_account("acme", 0).id());
  AgentState state{agent_disk, agent_folder};
  auto const key = SigningKey::generate(random);
  state.set_key_pem(key.to_pem().text());
  wire::pb::Register ask;
  ask.set_token(to_string(registry.create_token(order(vault::pb::Token::ENROL, account)).view()));
  ask.set_csr(to_string(CertificateRequest::make(key).der()));
  ask.set_name("laptop");
  auto const answer = registration.register_agent(ask);
  agent::pb::Identity who;
  who.set_account(answer.account());
  who.set_agent(answer.agent());
  who.set_name("laptop");
  for (auto const& der : answer.chain()) who.add_chain(der);
  state.set_root_key(random.secret<32>(), KeyOwner{account, *AgentId::from(answer.agent())});
  state.set_directory(as_bytes(answer.directory().SerializeAsString()));
  state.set_identity(who);
  return {identity.root(), account, *AgentId::from(answer.agent())};
}

}  // namespace farkeep::sim
