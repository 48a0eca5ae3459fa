#include "agent/enrol.hpp"

#include <algorithm>
#include <set>

#include "agent/address_book.hpp"
#include "agent/keys.hpp"
#include "agent/server_choice.hpp"
#include "agent/tls_servers.hpp"
#include "agent/vault_client.hpp"
#include "base/hex.hpp"
#include "base/log.hpp"
#include "crypto/authority.hpp"
#include "transport/peer.hpp"
#include "wire/directory_rule.hpp"
#include "wire/message.hpp"
#include "wire/signed_document.hpp"
#include "wire/token_text.hpp"

namespace farkeep {
namespace {

namespace pb = wire::pb;

constexpr std::size_t kMaxAccountName = 64;  // as servers hold it

std::string list_of(const std::vector<ServerId>& servers) {
  std::string out;
  for (auto& id : servers) out += (out.empty() ? "server " : " or server ") + id.hex();
  return out;
}

SecretKey new_root(Random& random) {
  SecretKey root;
  random.fill(root.mutable_view());
  return root;
}

// A new agent gets a new key, unless the one here was made for it by the same work, cut off before.  A recovered one keeps its own, or gets it back, and no other may lie in its place.
void keep_root_key(EnrolParts& parts, const KeyOwner& owner, const EnrolOrder& order) {
  AgentState& state = parts.state;
  if (order.recover && state.root_key_owner() == owner) return;
  if (!order.recover && state.has_root_key() && state.root_key_owner().value_or(owner) == owner) {
    const SecretKey root = state.root_key();  // of an older version: bound now
    state.set_root_key(root, owner);
    return;
  }
  state.put_root_key_aside();
  if (!order.recover) state.set_root_key(new_root(parts.random), owner);
}

std::string work_of(const EnrolOrder& order) { return order.recover ? "recover " + order.recover->hex() : "register"; }

// One that cannot be read is none.
std::optional<SigningKey> key_here(const AgentState& state) {
  if (!state.has_key()) return std::nullopt;
  try {
    auto key = SigningKey::from_pem(state.key_pem().text());
    if (key) return std::move(*key);
  } catch (const failure& f) {
    if (classify(f.code()) != Errc::damaged) throw;
  }
  return std::nullopt;
}

}  // namespace

// A key that was told to a server for other work is not used again: one key, one agent.  An identity that is still here is one that cannot be used.
SigningKey begin_enrolment(AgentState& state, const EnrolOrder& order, Random& random) {
  if (state.has_identity()) {
    state.put_key_aside();
    state.put_identity_aside();
  }
  const std::string work = work_of(order);
  const std::string before = state.unfinished();
  if (before != work) {
    if (!before.empty()) state.remove_key();
    state.set_unfinished(work);
  }
  if (auto mine = key_here(state)) return std::move(*mine);
  state.put_key_aside();
  SigningKey key = SigningKey::generate(random);
  state.set_key_pem(key.to_pem().text());
  return key;
}

// Everything is checked before anything is kept.
void keep_enrolment(EnrolParts& parts, const pb::Registered& reply, const SigningKey& key, const EnrolOrder& order) {
  const std::string doing = "checking the registration's answer";
  const std::string word_bytes = wire::newer_root_word(std::string{as_text(parts.state.root_word())}, reply.directory().root_word(), parts.authority);
  const auto word = wire::stored_root_word(word_bytes, parts.authority);
  const TrustedRoots roots = word ? word->roots : TrustedRoots{parts.authority};
  const auto chain = value_or_throw(wire::parse_chain(reply.chain()), doing);
  std::string why;
  const auto name = check_chain_for(CertificateName::Role::agent, chain.front(), std::span(chain).subspan(1), roots, parts.clock.wall(), &why);
  if (!name) throw failure(Errc::identity, doing + ": " + why);
  if (value_or_throw(chain.front().public_key(), doing) != key.public_key()) throw failure(Errc::identity, doing + ": the certificate is for another key");
  if (reply.account() != name->account->raw() || reply.agent() != name->agent->raw()) throw failure(Errc::identity, doing + ": the certificate names another agent");
  if (order.recover && *name->agent != *order.recover) throw failure(Errc::identity, doing + ": it hands over another agent than the one that was asked for");
  wire::KnownDirectory known;
  known.word = word ? &*word : nullptr;
  const auto believed = wire::believable_directory(reply.directory(), known, roots, parts.clock.wall(), why);
  if (!believed) throw failure(Errc::identity, "checking the signed address directory: " + why);
  if (const auto nonsense = nonsense_in(*believed, true)) throw failure(Errc::protocol, doing + ": the address directory makes no sense: " + *nonsense);
  if (reply.account_name().size() > kMaxAccountName) throw failure(Errc::protocol, doing + ": the account's name is longer than any may be");

  if (order.replaces) {
    // While the identity still says whose they are: files of an older version would be put aside with it.
    parts.state.bind_root_key();
    parts.state.note_owner();
    parts.state.set_unfinished(work_of(order));
    parts.state.put_identity_aside();
    parts.state.put_key_aside();
    parts.state.set_key_pem(key.to_pem().text());
  }
  if (!word_bytes.empty()) parts.state.set_root_word(as_bytes(word_bytes));
  const std::string document = wire::known_part(reply.directory()).SerializeAsString();
  parts.state.set_directory(as_bytes(document));
  parts.state.clear_next_directory();
  parts.state.insist();
  agent::pb::Identity identity;
  identity.set_account(reply.account());
  identity.set_agent(reply.agent());
  identity.set_account_name(reply.account_name());
  identity.set_name(order.name);
  for (auto& c : reply.chain()) identity.add_chain(c);
  const KeyOwner owner{*name->account, *name->agent};
  const std::string aside = parts.state.begin_history(owner);
  if (!aside.empty()) parts.reporter.note("what an earlier agent of this folder knew of its snapshots is no business of this one: it lies in " + aside);
  keep_root_key(parts, owner, order);
  parts.state.set_identity(identity);
}

task<void> enrol(EnrolParts parts, EnrolOrder order) {
  const auto token = wire::parse_token_text(order.token);
  if (!token) throw failure(Errc::bad_token, "reading the token: it is a line of letters and digits 2 to 7 as farkeep-server token create prints it (was it copied whole?)");
  const SigningKey key = order.replaces ? SigningKey::generate(parts.random) : begin_enrolment(parts.state, order, parts.random);
  RootTrust trust(parts.state, parts.authority);
  AgentDialer dialer(parts.line, parts.timers, [&] { return context_of(nullptr, trust, parts.clock); }, parts.state, parts.clock);
  if (token->servers.empty()) parts.reporter.note("the token names no server (an older farkeep-server made it): it is handed to whichever answers at the addresses of the configuration");
  std::string tried;
  std::optional<failure> last;
  for (auto& address : order.servers) {
    const Endpoint destination = value_or_throw(Endpoint::parse(address), "reading the registration server's address " + address);
    ExpectedServer expected = destination.address;
    bool asked = false, not_named = false;
    std::function<task<void>(Peer&)> talk = [&](Peer& peer) -> task<void> {
      co_await VaultClient::hello(peer, parts.clock);
      // A certificate for the address is not enough to be given a token: the key of any server may have been stolen.
      const ServerId& found = peer.identity().server;
      not_named = !token->servers.empty() && std::find(token->servers.begin(), token->servers.end(), found) == token->servers.end();
      if (not_named)
        throw failure(Errc::identity, "registering at " + address + ": it is server " + found.hex() + ", and the token is for " + list_of(token->servers) + " only; it was not handed over");
      pb::Register ask;
      ask.set_token(to_string(token->token));
      ask.set_csr(to_string(CertificateRequest::make(key).der()));
      ask.set_name(order.name);
      if (order.recover) ask.set_recover_agent(order.recover->raw());
      asked = true;
      const pb::Registered reply = co_await peer.call<pb::Registered>(wire::Verb::register_agent, ask);
      keep_enrolment(parts, reply, key, order);
    };
    try {
      co_await with_peer(dialer, parts.timers, destination, std::move(expected), std::move(talk));
      co_return;
    } catch (const failure& f) {
      // A refusal is the answer.  Only silence and strangers are a reason to try the other one.
      if (asked && !is_temporary(f.code())) throw;
      if (!is_server_trouble(f) || fault_of(f) == Fault::path) throw;
      tried += (tried.empty() ? "" : "; ") + address + ": " + f.what();
      parts.reporter.note("registration server " + address + " does not serve (" + f.what() + ")");
      // The partner of the server that made the token is no failure of its own.
      if (!not_named || !last) last.emplace(f);
    }
  }
  if (!last) throw failure(Errc::configuration, "registering: the configuration names no registration server ([registration] server = ip[:port])");
  throw failure::whole(classify(last->code()), "registering: " + tried);
}

task<bool> renew_if_due(EnrolParts parts) {
  const WallTime now = parts.clock.wall();
  const AgentCredentials keys = AgentCredentials::load(parts.state, now);
  const Certificate& own = keys.chain.front();
  if (own.not_before() <= now && own.not_after() - now > (own.not_after() - own.not_before()) / 3) co_return false;
  RootTrust trust(parts.state, parts.authority);
  AgentDialer dialer(parts.line, parts.timers, [&] { return context_of(&keys, trust, parts.clock); }, parts.state, parts.clock);
  AddressBook book(parts.state, parts.authority, parts.clock);
  std::optional<pb::Renewed> best;
  WallTime best_end{};
  bool enough = false;
  std::string tried;
  Errc worst = Errc::unreachable;
  std::set<ServerId> answered;
  for (auto& target : known_ones_first(parts.state, parts.clock, book.pair())) {
    if (answered.contains(target.id)) continue;
    const Endpoint destination = value_or_throw(Endpoint::parse(target.address), "reading the address " + target.address);
    ExpectedServer expected = target.id;
    std::function<task<void>(Peer&)> talk = [&](Peer& peer) -> task<void> {
      co_await VaultClient::hello(peer, parts.clock);
      answered.insert(target.id);
      pb::Renew ask;
      ask.set_csr(to_string(CertificateRequest::make(keys.signing).der()));
      const pb::Renewed reply = co_await peer.call<pb::Renewed>(wire::Verb::renew, ask);
      const auto chain = value_or_throw(wire::parse_chain(reply.chain()), "renewing the certificate");
      std::string why;
      auto name = check_chain_for(CertificateName::Role::agent, chain.front(), std::span(chain).subspan(1), trust.roots(), now, &why);
      if (!name) {  // under a root, perhaps, of which this agent has not heard yet
        co_await ask_for_news(peer, book);
        why.clear();
        name = check_chain_for(CertificateName::Role::agent, chain.front(), std::span(chain).subspan(1), trust.roots(), now, &why);
      }
      if (name) why = objection_to_renewal(keys, *name, chain.front(), now);
      if (!why.empty()) throw failure(Errc::identity, "taking the new certificate of " + target.name + ": " + why);
      if (best && best_end >= chain.front().not_after()) co_return;
      best_end = chain.front().not_after();
      best = reply;
      enough = gains_enough(keys, chain.front(), now);
    };
    try {
      co_await with_peer(dialer, parts.timers, destination, std::move(expected), std::move(talk));
    } catch (const failure& f) {
      if (is_own_affair(f)) throw;
      worst = graver(worst, counts_as(f));
      tried += (tried.empty() ? "" : "; ") + std::string(f.what());
    }
    if (enough) break;
  }
  if (best) {
    if (!enough) log_warning("the new certificate ends at {}, and no server gave a longer one", rfc3339(best_end));
    keep_new_chain(parts.state, best->chain());
    co_return true;
  }
  if (!tried.empty()) throw failure::whole(worst, "renewing the certificate: " + tried);
  co_return false;
}

task<void> keep_certificate(EnrolParts parts) {
  bool renewed = false;
  std::string why;
  try {
    parts.state.bind_root_key();
    parts.state.note_owner();
    renewed = co_await renew_if_due(parts);
  } catch (const failure& f) {
    why = f.what();
  }
  if (renewed) parts.reporter.note("this agent's certificate was renewed");
  if (!why.empty()) parts.reporter.note(why + " (it is tried again at the next run)");
}

}  // namespace farkeep
