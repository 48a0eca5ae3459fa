#include "vault/registration.hpp"

#include "base/log.hpp"
#include "vault/names.hpp"
#include "wire/message.hpp"
#include "wire/token_text.hpp"

namespace farkeep {
namespace {

constexpr auto kAgentLife = std::chrono::hours{24 * 365};
constexpr std::size_t kMaxAddresses = 16;
constexpr std::string_view kRecover = "farkeep/1/recover";

CertificateRequest parse_request(const std::string& der, const char* what) {
  auto request = CertificateRequest::from_der(as_bytes(der));
  if (!request) throw failure(Errc::malformed, std::string{what} + ": the certificate request is none, or its signature is wrong");
  return std::move(*request);
}

}  // namespace

bool proves_recovery(const vault::pb::Agent& agent, const std::string& csr, const std::string& signature) {
  auto const key = VerifyKey::from(as_bytes(agent.recovery_key()));
  if (!key || signature.empty()) return false;
  auto const message = std::string{kRecover} + agent.id() + csr;
  return key->verify(as_bytes(message), as_bytes(signature));
}

wire::pb::Registered Registration::register_agent(const wire::pb::Register& request) {
  guard_.require("registering");
  auto const csr = parse_request(request.csr(), "registering");
  Registry::Enrolment enrolment;
  enrolment.token = std::string{wire::bare_token(request.token())};
  enrolment.name = request.name();
  enrolment.key = to_string(csr.public_key().view());
  enrolment.recovery_key = VerifyKey::from(as_bytes(request.recovery_key())) ? request.recovery_key() : std::string{};
  if (!request.recover_agent().empty()) {
    enrolment.recover = AgentId::from(request.recover_agent());
    if (!enrolment.recover) throw failure(Errc::malformed, "recovering: an agent's id has 16 bytes");
    if (request.csr().size() > registry_limits::kMaxProofCsr) throw failure(Errc::malformed, "recovering: the certificate request has more than 1 KiB");
    auto const known = registry_.agent(*enrolment.recover);
    enrolment.recovery_proved = known && proves_recovery(*known, request.csr(), request.recovery_signature());
    if (enrolment.recovery_proved) {
      enrolment.recovery_csr = request.csr();
      enrolment.recovery_signature = request.recovery_signature();
    }
    if (enrolment.token.empty() && !enrolment.recovery_proved)
      throw failure(Errc::bad_token, "recovering: the recovery key is not that of this agent, or this server does not know the agent; a token made with --recover helps");
  }
  auto const agent = registry_.enrol(enrolment);
  auto const account_id = AccountId::from(agent.account());
  auto const agent_id = AgentId::from(agent.id());
  if (!account_id || !agent_id) throw failure(Errc::damaged, "registering: the registry's record of the agent");

  wire::pb::Registered answer;
  answer.set_account(agent.account());
  answer.set_agent(agent.id());
  auto const chain = certify(csr, *account_id, *agent_id);
  wire::to_field(chain, *answer.mutable_chain());
  *answer.mutable_directory() = directory_.current();
  if (auto const account = registry_.account(*account_id)) answer.set_account_name(account->name());
  log_info("{} agent {} ({}) of account {}", enrolment.recover ? "recovered" : "registered", agent_id->brief(), agent.name(), account_id->brief());
  return answer;
}

std::vector<Certificate> Registration::certify(const CertificateRequest& csr, const AccountId& account, const AgentId& agent) {
  auto const validity = Validity::starting(clock_.wall(), kAgentLife);
  return {identity_.issuing().issue_agent(csr, account, agent, validity, random_), identity_.issuing().certificate()};
}

wire::pb::Renewed Registration::renew(const PeerIdentity& who, const wire::pb::Renew& request) {
  guard_.require("renewing a certificate");
  auto const csr = parse_request(request.csr(), "renewing a certificate");
  auto const shown = Certificate::from_der(who.certificate);
  if (!shown || !shown->public_key() || *shown->public_key() != csr.public_key())
    throw failure(Errc::unauthorised, "renewing a certificate: the request is for another key; a new key needs a recovery");
  wire::pb::Renewed answer;
  auto const chain = certify(csr, who.account, who.agent);
  wire::to_field(chain, *answer.mutable_chain());
  return answer;
}

wire::pb::Joined Registration::join(const wire::pb::Join& request) {
  auto const* root = identity_.acting_root();
  if (root == nullptr)
    throw failure(Errc::unauthorised, "joining: this server does not hold the newest root's key; invite from the first server of the data centres");
  guard_.require("joining");
  auto const id = ServerId::from(request.server_id());
  if (!id || *id == identity_.id()) throw failure(Errc::malformed, "joining: the server's id");
  auto const csr = parse_request(request.issuing_csr(), "joining");
  vault::pb::Partner partner;
  partner.set_server_id(request.server_id());
  partner.set_name(printable_name(request.name(), kMaxServerName));
  if (request.address().empty() || static_cast<std::size_t>(request.address_size()) > kMaxAddresses)
    throw failure(Errc::malformed, "joining: a server has 1 to 16 addresses");
  for (auto const& text : request.address()) {
    auto const address = parse_address(text);
    if (!address || address->is_any()) throw failure(Errc::malformed, "joining: an address that agents cannot connect to");
    partner.add_address(address->to_string());
  }
  registry_.accept_invitation(request.invitation(), *id, to_string(csr.public_key().view()));
  registry_.set_partner(partner);

  wire::pb::Joined answer;
  auto const issuing = root->issue_authority(csr, *id, Identity::authority_validity(clock_.wall()), random_);
  answer.set_issuing_certificate(to_string(issuing.der()));
  answer.set_root(to_string(identity_.root().der()));
  answer.set_partner_id(wire::to_field(identity_.id()));
  answer.set_partner_name(identity_.name());
  for (auto const& address : identity_.addresses()) answer.add_partner_address(address.to_string());
  *answer.mutable_directory() = directory_.current();
  log_info("server {} ({}) joined as partner", id->brief(), partner.name());
  return answer;
}

}  // namespace farkeep
