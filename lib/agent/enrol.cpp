#include "agent/enrol.hpp"

#include "agent/keys.hpp"
#include "agent/tls_servers.hpp"
#include "agent/vault_client.hpp"
#include "base/hex.hpp"
#include "crypto/authority.hpp"
#include "crypto/key_slot.hpp"
#include "transport/peer.hpp"
#include "wire/message.hpp"
#include "wire/signed_document.hpp"

namespace farkeep {
namespace {

namespace pb = wire::pb;

SigningKey own_key(AgentState& state, Random& random) {
  if (state.has_key()) return value_or_throw(SigningKey::from_pem(state.key_pem().text()), "reading the agent's key in " + state.folder());
  SigningKey key = SigningKey::generate(random);
  state.set_key_pem(key.to_pem().text());
  return key;
}

SecretKey new_root(Random& random) {
  SecretKey root;
  random.fill(root.mutable_view());
  return root;
}

// Everything is checked before anything is kept.
void keep(EnrolParts& parts, const pb::Registered& reply, const SigningKey& key, const EnrolOrder& order) {
  const std::string doing = "checking the registration's answer";
  const auto chain = value_or_throw(wire::parse_chain(reply.chain()), doing);
  std::string why;
  const auto name = check_chain_for(CertificateName::Role::agent, chain.front(), std::span(chain).subspan(1), parts.authority, parts.clock.wall(), &why);
  if (!name) throw failure(Errc::identity, doing + ": " + why);
  if (value_or_throw(chain.front().public_key(), doing) != key.public_key()) throw failure(Errc::identity, doing + ": the certificate is for another key");
  if (reply.account() != name->account->raw() || reply.agent() != name->agent->raw()) throw failure(Errc::identity, doing + ": the certificate names another agent");
  const auto directory = value_or_throw(wire::verify_directory(reply.directory(), parts.authority, parts.clock.wall()), "checking the signed address directory");
  if (directory.pair_size() == 0 || directory.pair(0).primary().address_size() == 0) throw failure(Errc::protocol, doing + ": the address directory assigns no server");

  const std::string document = reply.directory().SerializeAsString();
  parts.state.set_directory(as_bytes(document));
  parts.state.clear_next_directory();
  agent::pb::Identity identity;
  identity.set_account(reply.account());
  identity.set_agent(reply.agent());
  identity.set_account_name(reply.account_name());
  identity.set_name(order.name);
  for (auto& c : reply.chain()) identity.add_chain(c);
  if (!order.recover && !parts.state.has_root_key()) parts.state.set_root_key(new_root(parts.random));
  parts.state.set_identity(identity);
}

}  // namespace

task<void> enrol(EnrolParts parts, EnrolOrder order) {
  const auto token = unbase32(order.token);
  if (!token || token->empty()) throw failure(Errc::bad_token, "reading the token: it is a line of letters and digits 2 to 7 as farkeep-server token create prints it (was it copied whole?)");
  const SigningKey key = own_key(parts.state, parts.random);
  AgentDialer dialer(parts.line, parts.timers, TlsContext(credentials_of(nullptr, parts.authority), parts.clock), parts.state, parts.clock);
  std::string tried;
  std::optional<failure> last;
  for (auto& address : order.servers) {
    const Endpoint destination = value_or_throw(Endpoint::parse(address), "reading the registration server's address " + address);
    ExpectedServer expected = destination.address;
    bool asked = false;
    std::function<task<void>(Peer&)> talk = [&](Peer& peer) -> task<void> {
      co_await VaultClient::hello(peer, parts.clock);
      pb::Register ask;
      ask.set_token(to_string(*token));
      ask.set_csr(to_string(CertificateRequest::make(key).der()));
      ask.set_name(order.name);
      if (order.recover) ask.set_recover_agent(order.recover->raw());
      asked = true;
      const pb::Registered reply = co_await peer.call<pb::Registered>(wire::Verb::register_agent, ask);
      keep(parts, reply, key, order);
    };
    try {
      co_await with_peer(dialer, parts.timers, destination, std::move(expected), std::move(talk));
      co_return;
    } catch (const failure& f) {
      // A refusal is the answer.  Only silence and strangers are a reason to try the other one.
      if (asked && !is_temporary(f.code())) throw;
      if (!is_server_trouble(f) || fault_of(f) == Fault::path) throw;
      last.emplace(f);
    }
    tried += (tried.empty() ? "" : "; ") + address + ": " + last->what();
    parts.reporter.note("registration server " + address + " does not serve (" + last->what() + ")");
  }
  if (!last) throw failure(Errc::configuration, "registering: the configuration names no registration server ([registration] server = ip[:port])");
  throw failure::whole(classify(last->code()), "registering: " + tried);
}

task<bool> renew_if_due(EnrolParts parts) {
  const AgentKeys keys = AgentKeys::load(parts.state);
  const Certificate& own = keys.chain.front();
  const WallTime now = parts.clock.wall();
  if (own.not_after() - now > (own.not_after() - own.not_before()) / 3) co_return false;
  AgentDialer dialer(parts.line, parts.timers, TlsContext(credentials_of(&keys, parts.authority), parts.clock), parts.state, parts.clock);
  const PeerServers servers(parts.state, parts.authority, dialer, parts.timers, parts.clock);
  std::optional<failure> last;
  for (auto& target : servers.pair()) {
    const Endpoint destination = value_or_throw(Endpoint::parse(target.address), "reading the address " + target.address);
    ExpectedServer expected = target.id;
    std::function<task<void>(Peer&)> talk = [&](Peer& peer) -> task<void> {
      co_await VaultClient::hello(peer, parts.clock);
      pb::Renew ask;
      ask.set_csr(to_string(CertificateRequest::make(keys.signing).der()));
      const pb::Renewed reply = co_await peer.call<pb::Renewed>(wire::Verb::renew, ask);
      const auto chain = value_or_throw(wire::parse_chain(reply.chain()), "renewing the certificate");
      std::string why;
      const auto name = check_chain_for(CertificateName::Role::agent, chain.front(), std::span(chain).subspan(1), parts.authority, now, &why);
      if (!name || name->agent != keys.agent) throw failure(Errc::identity, "renewing the certificate: " + why);
      auto identity = parts.state.identity();
      identity.clear_chain();
      for (auto& c : reply.chain()) identity.add_chain(c);
      parts.state.set_identity(identity);
    };
    try {
      co_await with_peer(dialer, parts.timers, destination, std::move(expected), std::move(talk));
      co_return true;
    } catch (const failure& f) {
      if (!is_server_trouble(f)) throw;
      last.emplace(f);
    }
  }
  if (last) throw failure(classify(last->code()), std::string("renewing the certificate: ") + last->what());
  co_return false;
}

task<void> keep_certificate(EnrolParts parts) {
  bool renewed = false;
  std::string why;
  try {
    renewed = co_await renew_if_due(parts);
  } catch (const failure& f) {
    why = f.what();
  }
  if (renewed) parts.reporter.note("this agent's certificate was renewed");
  if (!why.empty()) parts.reporter.note(why + " (it is tried again at the next run)");
}

task<void> add_passphrase_slot(AgentState& state, VaultPort& vault, ByteView passphrase, Random& random) {
  const SecretKey root = state.root_key();
  Buffer slot = seal_passphrase_slot(root, passphrase, ScryptCost{}, random);
  co_await vault.add_slot(std::move(slot));
}

task<SecretKey> root_key_from_slots(VaultPort& vault, const SecretText& passphrase) {
  const std::vector<Buffer> slots = co_await vault.slots();
  bool any = false;
  for (auto& slot : slots) {
    const auto kind = slot_kind(slot);
    if (!kind || *kind != SlotKind::passphrase) continue;
    any = true;
    auto root = open_passphrase_slot(slot, passphrase.view());
    if (root) co_return std::move(*root);
    if (root.error() != make_error_code(Errc::bad_secret)) throw failure(root.error(), "opening a key slot of " + vault.server());
  }
  if (!any) throw failure(Errc::not_found, "recovering the root key: there is no passphrase slot on " + vault.server() + " (use the printed recovery key)");
  throw failure(Errc::bad_secret, "recovering the root key: the passphrase opens none of the key slots");
}

}  // namespace farkeep
