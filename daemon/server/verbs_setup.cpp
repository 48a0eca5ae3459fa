#include <algorithm>

#include "base/build_time.hpp"
#include "base/hex.hpp"
#include "command.hpp"
#include "join.hpp"
#include "platform/atomic_file.hpp"
#include "platform/process.hpp"
#include "vault/directory.hpp"
#include "vault/names.hpp"
#include "wire/message.hpp"
#include "wire/root_word.hpp"

// init, invite: how a pair comes to be.
namespace farkeep::server {
namespace {

constexpr auto kInvitationLife = std::chrono::hours{24};
constexpr std::size_t kMaxInvitation = 64 * 1024;

using AddressList = std::vector<std::string>;

std::vector<ServerAddress> addresses_of(const po::variables_map& values) {
  std::vector<ServerAddress> out;
  if (values.count("address") == 0) throw failure(Errc::usage, "initialising a server: --address IP[:PORT] is needed, the address that agents will connect to");
  for (auto const& text : values["address"].as<AddressList>()) {
    auto const address = parse_address(text);
    if (!address) throw failure(Errc::usage, "--address " + text + ": " + address.error().text);
    if (address->is_any()) throw failure(Errc::usage, "--address " + text + ": agents cannot connect to that; name the address itself");
    if (std::find(out.begin(), out.end(), *address) == out.end()) out.push_back(*address);
  }
  return out;
}

std::string list(const std::vector<ServerAddress>& addresses) {
  std::string out;
  for (auto const& a : addresses) out += (out.empty() ? "" : ", ") + a.to_string();
  return out;
}

// A line of base32, or a file that holds one.
vault::pb::Invitation read_invitation(App& app, const std::string& given) {
  auto text = given;
  if (auto const file = app.disk().exists(given) ? read_file(app.disk(), given, kMaxInvitation) : std::nullopt) text = to_string(*file);
  std::erase_if(text, [](char c) { return c == '\n' || c == '\r'; });
  auto const bytes = unbase32(text);
  vault::pb::Invitation invitation;
  if (!bytes || !invitation.ParseFromArray(bytes->data(), static_cast<int>(bytes->size())) || !ServerId::from(invitation.server_id()))
    throw failure(Errc::usage, "reading the invitation: this is not the line, or a file with the line, that `farkeep-server invite` printed; copy it whole");
  if (invitation.expires_ns() < app.clock().wall().time_since_epoch().count())
    throw failure(Errc::bad_token, "reading the invitation: it expired at " + time_text(invitation.expires_ns()) + "; make a new one with `farkeep-server invite`");
  return invitation;
}

void report(App& app, const Identity& identity, const std::string& partner) {
  boost::json::object o;
  o["server"] = identity.id().hex();
  o["name"] = identity.name();
  o["data"] = app.data();
  o["authority"] = Identity::root_path(app.data());
  o["authority_sha256"] = identity.root().fingerprint().hex();
  if (!partner.empty()) o["partner"] = partner;
  app.out().result(fmt::format("Server {} ({}), at {}", identity.name(), identity.id().brief(), list(identity.addresses())) +
                       (partner.empty() ? "" : ", partner of " + partner) + "\nAuthority for agents: " + Identity::root_path(app.data()) +
                       "\n  SHA-256 " + identity.root().fingerprint().hex(),
                   o);
}

}  // namespace

void init_options(po::options_description& d) {
  d.add_options()("address", po::value<AddressList>()->value_name("IP[:PORT]"), "where agents reach this server (port 16384 unless written); may be repeated")(
      "name", po::value<std::string>()->value_name("NAME"), "for messages and listings (default: the machine's host name)")(
      "invite", po::value<std::string>()->value_name("TEXT_OR_FILE"), "join as partner: what `farkeep-server invite` printed");
}

Exit init(App& app, const po::variables_map& values, const Operands& operands) {
  no_operands(operands);
  auto const addresses = addresses_of(values);
  auto const given = text_of(values, "name");
  if (given && !is_name(*given, kMaxServerName))
    throw failure(Errc::usage, fmt::format("initialising a server: --name must be 1 to {} bytes of printable UTF-8", kMaxServerName));
  auto const name = given.value_or(app.has_config() && !app.config().name.empty() ? app.config().name : printable_name(host_name(), kMaxServerName));
  auto const data = app.data();
  auto const now = app.clock().wall();
  become_owner_of(data);
  if (now < build_time()) throw failure(Errc::usage, "initialising a server: this machine's clock says " + rfc3339(now) + ", which is before the program was built: set it first");
  if (Identity::exists(app.disk(), data)) {
    auto const there = Identity::load(app.disk(), data);
    throw failure(Errc::exists, "initialising " + data + ": server " + there.name() + " (" + there.id().brief() + "), at " + list(there.addresses()) +
                                    ", lives in it already; start it with `farkeep-server run --data " + data + "`, or choose another folder for another one");
  }

  auto const invitation_text = text_of(values, "invite");
  if (!invitation_text) {
    if (Identity::has_draft(app.disk(), data))
      throw failure(Errc::exists, "initialising " + data + ": a server that joins was begun in it; give the same with --invite again, or choose another folder");
    auto const identity = Identity::create_first(app.disk(), data, name, addresses, now, app.random());
    report(app, identity, "");
    app.out().hint(fmt::format("\nNext: farkeep-server run --data {0}\n      farkeep-server invite --data {0}     (for the second data centre)\n"
                               "      farkeep-server account add NAME --data {0}\n"
                               "{0}/identity/root.key alone admits and revokes servers: when the pair is complete, take it offline with\n"
                               "      farkeep-server authority export-root --file FILE --remove --data {0}", data));
    return Exit::done;
  }

  auto const invitation = read_invitation(app, *invitation_text);
  auto const root = value_or_throw(Certificate::from_der(as_bytes(invitation.root())), "reading the invitation: its authority");
  std::vector<Endpoint> inviter_at;
  for (auto const& text : invitation.address()) inviter_at.push_back(value_or_throw(Endpoint::parse(text), "reading the invitation: its address " + text));
  auto draft = Identity::kept_draft(app.disk(), data, app.random());
  wire::pb::Join question;
  question.set_invitation(invitation.token());
  question.set_server_id(wire::to_field(draft.id));
  question.set_issuing_csr(to_string(CertificateRequest::make(draft.issuing_key).der()));
  question.set_name(name);
  for (auto const& address : addresses) question.add_address(address.to_string());
  auto const inviter = *ServerId::from(invitation.server_id());
  auto const answer = ask_to_join(inviter_at, inviter, root, question, app.clock());

  // The identity last: until it is there, nothing here is a server, and the same command, or one with a new invitation, goes on with the draft.
  Registry registry{app.disk(), app.clock(), app.random(), data + "/registry"};
  vault::pb::Partner partner;
  partner.set_server_id(answer.partner_id());
  partner.set_name(answer.partner_name());
  *partner.mutable_address() = answer.partner_address();
  registry.set_partner(partner);
  registry.set_directory(answer.directory().SerializeAsString());
  registry.set_root_word(wire::newer_root_word("", answer.directory().root_word(), root));
  auto const roots = wire::trusted_roots(registry.root_word(), root);
  auto const issuing = value_or_throw(Certificate::from_der(as_bytes(answer.issuing_certificate())), "joining: the certificate that came back");
  auto const identity = Identity::create_joined(app.disk(), data, std::move(draft), name, addresses, issuing, roots, now, app.random());
  report(app, identity, partner.name());
  app.out().hint(fmt::format("\nNext: farkeep-server run --data {}", data));
  return Exit::done;
}

void invite_options(po::options_description& d) {
  d.add_options()("expires", po::value<std::string>()->value_name("TIME"), "how long it is valid (default 24h)")(
      "replace", "the new partner takes the place of the one that there is");
}

Exit invite(App& app, const po::variables_map& values, const Operands& operands) {
  no_operands(operands);
  auto const& identity = app.identity();
  if (identity.acting_root() == nullptr)
    throw failure(Errc::configuration, "inviting: the newest root's key is not in " + app.data() + "/identity/root.key; invite from the first server, or bring its root.key back for this moment");
  auto const known = app.registry().partner();
  if (known && values.count("replace") == 0)
    throw failure(Errc::exists, "inviting: this server has a partner already, " + known->name() + "; --replace if it is gone for good");
  Registry::TokenOrder order;
  order.purpose = vault::pb::Token::INVITE;
  order.valid = duration_of(values, "expires", kInvitationLife);
  auto const token = app.registry().create_token(order);
  vault::pb::Invitation invitation;
  for (auto const& address : identity.addresses()) invitation.add_address(address.to_string());
  invitation.set_root(to_string(identity.root().der()));
  invitation.set_token(to_string(token.view()));
  invitation.set_expires_ns((app.clock().wall() + order.valid).time_since_epoch().count());
  invitation.set_server_id(wire::to_field(identity.id()));
  auto const text = base32(as_bytes(invitation.SerializeAsString()));
  boost::json::object o;
  o["invitation"] = text;
  o["expires"] = time_text(invitation.expires_ns());
  app.out().result(text, o);
  return Exit::done;
}

}  // namespace farkeep::server
