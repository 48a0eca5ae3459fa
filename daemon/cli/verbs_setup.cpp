#include <spdlog/fmt/fmt.h>

#include <utility>

#include "agent/enrol.hpp"
#include "agent/escrow.hpp"
#include "agent/recovery.hpp"
#include "agent/secrets.hpp"
#include "crypto/key_slot.hpp"
#include "crypto/recovery_key.hpp"
#include "platform/atomic_file.hpp"
#include "platform/process.hpp"
#include "verbs.hpp"
#include "common/say.hpp"
#include "platform/file_access.hpp"

namespace farkeep::cli {
namespace {

SecretText ask_twice() {
  Buffer first = read_passphrase("Passphrase for recovery: ");
  Buffer second = read_passphrase("Once more: ");
  SecretText text(as_text(first));
  const bool same = first == second;
  wipe(first);
  wipe(second);
  if (!same) throw failure(Errc::usage, "the two passphrases differ; nothing was changed");
  if (text.empty()) throw failure(Errc::usage, "an empty passphrase protects nothing; nothing was changed");
  return text;
}

SecretText passphrase_from(const Values& values) {
  if (values.count("passphrase-file")) return read_secret_file(values["passphrase-file"].as<std::string>());
  return ask_twice();
}

EnrolOrder order_of(App& app, const Values& values, const std::string& what, std::optional<AgentId> recover) {
  const SecretText token = values.count("token-file") ? read_secret_file(values["token-file"].as<std::string>()) : read_secret(app.config().token, what);
  EnrolOrder order;
  order.servers = servers_options(app.config()).registration;
  order.token = std::string(token.text());
  order.name = app.config().name.empty() ? host_name() : app.config().name;
  order.recover = recover;
  return order;
}

// One slot, whichever server takes it in the end: that costs half a second, which no connection waits for, and a server takes the same one once.
void send_slot(App& app, const SecretText& passphrase) {
  const Buffer slot = seal_passphrase_slot(app.state().root_key(), passphrase.view(), ScryptCost{}, app.random());
  Servers::Work work = [&](VaultPort& vault) -> task<void> { return vault.add_slot(slot); };
  app.run(app.with_vault(std::move(work)));
}

SecretText passphrase_for(const Values& values, const std::string& question) {
  if (values.count("passphrase-file")) return read_secret_file(values["passphrase-file"].as<std::string>());
  return SecretText(as_text(read_passphrase(question)));
}

// What older versions took for the passphrase in the same file, if that was something else; nothing: it was not.
std::optional<SecretText> other_passphrase(const Values& values, const SecretText& tried) {
  if (!values.count("passphrase-file")) return std::nullopt;
  SecretText before = read_secret_file(values["passphrase-file"].as<std::string>(), SecretLines::as_before);
  if (before.empty() || before.text() == tried.text()) return std::nullopt;
  return before;
}

// The organisation's private key.  Opened before anything is asked of a server: a token is spent once.
EscrowPrivateKey read_escrow_private_key(const std::string& file, const Values& values) {
  constexpr std::size_t kMaxKeyFile = 8192;
  const std::string doing = "reading the escrow key " + file;
  refuse_if_others_know(file, "the escrow key " + file);
  auto text = read_file(system_disk(), file, kMaxKeyFile);
  if (!text) throw failure(Errc::usage, doing + ": there is no such file");
  const SecretText pem(as_text(*text));
  wipe(*text);
  if (pem.text().find("ENCRYPTED") == std::string_view::npos) return value_or_throw(EscrowPrivateKey::from_pem(pem.text()), doing + ": it is no X25519 private key in PEM");
  const SecretText passphrase = passphrase_for(values, "Passphrase of the escrow key: ");
  if (const auto before = other_passphrase(values, passphrase)) {
    auto key = EscrowPrivateKey::from_pem(pem.text(), *before);
    if (key) return std::move(*key);
  }
  return value_or_throw(EscrowPrivateKey::from_pem(pem.text(), passphrase), doing + " with the passphrase that was given");
}

// A slot that an older version made of the same file may open with what that took for the passphrase, and with nothing else.
void find_root_key(App& app, const Values& values, RecoveryParts parts, RecoverySource source) {
  const auto before = source.sheet || source.escrow ? std::nullopt : other_passphrase(values, source.passphrase);
  try {
    app.run(recover_root_key(parts, std::move(source)));
    return;
  } catch (const failure& f) {
    if (!before || classify(f.code()) != Errc::bad_secret) throw;
  }
  RecoverySource as_before;
  as_before.passphrase = SecretText(before->text());
  app.run(recover_root_key(parts, std::move(as_before)));
}

// What remains when the identity is there: slots, and words.
Exit end_registration(App& app, const Values& values) {
  if (values.count("passphrase-file")) send_slot(app, passphrase_from(values));
  app.run(keep_escrow(app.escrow_parts(), app.config().escrow_key_file));
  const auto identity = app.state().identity();
  app.say(fmt::format("registered as {} ({}) with account {}", identity.name(), AgentId::from(identity.agent()).value_or(AgentId{}).hex(), identity.account_name()));
  for (auto& target : app.servers().pair()) app.say("  data centre " + target.name);
  if (!app.options().quiet && !app.options().json)
    tell_text("Now print the recovery key and keep it away from this machine: farkeep key recovery");
  app.state().clear_unfinished();
  return Exit::done;
}

// A clone becomes an agent of its own: with keys of its own, and nothing of the other's history.
Exit recover_as_new(App& app, const Values& values) {
  for (const char* other : {"agent", "recovery-key-file", "escrow-key-file"})
    if (values.count(other)) throw failure(Errc::usage, std::string("recover --as-new makes another agent of this machine; it takes no --") + other);
  if (!app.state().registered()) throw failure(Errc::usage, "recover --as-new: this machine is no agent yet (give: farkeep register)");
  const std::string before = app.state().agent_id().hex();
  EnrolOrder order = order_of(app, values, "registration token", std::nullopt);
  order.replaces = true;
  app.run(enrol(app.enrol_parts(), std::move(order)));
  app.say(fmt::format("this machine is no longer agent {}; its keys and what it knew of that one's snapshots lie aside in {}", before, app.state().folder()));
  return end_registration(app, values);
}

}  // namespace

void register_options(po::options_description& d) {
  d.add_options()("token-file", po::value<std::string>()->value_name("FILE"), "registration token, instead of the configuration's")(
      "passphrase-file", po::value<std::string>()->value_name("FILE"), "also put a key slot for this passphrase on the servers");
}

Exit register_machine(App& app, const Values& values, const Operands&) {
  auto held = app.lock();
  if (!app.state().registered()) {
    app.run(enrol(app.enrol_parts(), order_of(app, values, "registration token", std::nullopt)));
  } else if (const std::string problem = problem_of_identity(app.state()); !problem.empty()) {
    throw failure::whole(Errc::damaged, problem + "; to start anew as another agent, move " + app.state().folder() + " away");
  } else if (app.state().unfinished() != "register" || !app.state().has_root_key()) {
    const std::string to_do = app.state().how_to_finish();
    throw failure(Errc::usage, to_do.empty() ? "this machine is registered already (see: farkeep status; to start anew, move " + app.state().folder() + " away)"
                                             : to_do + " (or move " + app.state().folder() + " away to start anew)");
  }
  return end_registration(app, values);
}

Exit key_recovery(App& app, const Values&, const Operands&) {
  const AgentKeys& keys = app.keys();
  app.say(print_recovery_key(app.state().root_key(), keys.account, keys.agent));
  if (!app.options().quiet)
    tell_text("Whoever has these lines can read this machine's backups.  Keep them on paper, away from it.  For farkeep recover the agent's id is " + keys.agent.hex() + ".");
  return Exit::done;
}

void passphrase_options(po::options_description& d) { d.add_options()("passphrase-file", po::value<std::string>()->value_name("FILE"), "first line of this file, instead of asking"); }

Exit key_passphrase(App& app, const Values& values, const Operands&) {
  send_slot(app, passphrase_from(values));
  app.say("the key slot is on the server; the older ones stay");
  return Exit::done;
}

void recover_options(po::options_description& d) {
  d.add_options()("agent", po::value<std::string>()->value_name("ID"), "the lost machine's agent id (farkeep-server agents lists them; a recovery key says it)")(
      "token-file", po::value<std::string>()->value_name("FILE"), "recovery token (farkeep-server token create --recover ID)")(
      "recovery-key-file", po::value<std::string>()->value_name("FILE"), "the printed recovery key")(
      "passphrase-file", po::value<std::string>()->value_name("FILE"), "the passphrase of a key slot, or of the escrow key, instead of asking")(
      "escrow-key-file", po::value<std::string>()->value_name("FILE"), "the organisation's private escrow key (farkeep-deploy escrow create); needs --agent")(
      "as-new", "this machine was cloned: it becomes an agent of its own, with a registration token (--token-file), and leaves the old identity to the other machine");
}

Exit recover(App& app, const Values& values, const Operands&) {
  auto held = app.lock();
  if (values.count("as-new")) return recover_as_new(app, values);
  RecoverySource source;
  if (values.count("recovery-key-file")) {
    const SecretText typed = read_secret_file(values["recovery-key-file"].as<std::string>(), SecretLines::all);
    source.sheet = value_or_throw(parse_recovery_key(typed.text()), "reading the recovery key");
  }
  std::optional<AgentId> agent = source.sheet ? std::optional(source.sheet->agent) : std::nullopt;
  if (values.count("agent")) agent = AgentId::from_hex(values["agent"].as<std::string>());
  if (!agent) throw failure(Errc::usage, "recover needs --agent ID (32 hex digits) or --recovery-key-file");
  if (source.sheet && values.count("escrow-key-file")) throw failure(Errc::usage, "recover takes either --recovery-key-file or --escrow-key-file");
  const auto parts = [&] { return RecoveryParts{app.state(), app.servers(), app.choice(), app.reporter(), app.trusted().roots()}; };
  RecoveryStage stage = recovery_stage(app.state(), *agent, source.sheet);
  const bool renews = stage == RecoveryStage::done && has_expired(app.state(), app.clock().wall());
  if (renews) {
    EnrolOrder order = order_of(app, values, "recovery token", agent);
    order.replaces = true;
    app.run(enrol(app.enrol_parts(), std::move(order)));
    app.say(fmt::format("agent {} has a new certificate on this machine; its keys and what it knows are as they were", agent->hex()));
  }
  bool was_read = false;
  const auto read_source = [&] {
    if (std::exchange(was_read, true)) return;
    if (values.count("escrow-key-file")) source.escrow = read_escrow_private_key(values["escrow-key-file"].as<std::string>(), values);
    else if (!source.sheet) source.passphrase = passphrase_for(values, "Passphrase: ");
  };
  const bool gets_identity = stage == RecoveryStage::identity;
  if (gets_identity) {
    // All that is needed here is read before anything is asked of a server: a token is spent once.
    if (!keeps_root_key(app.state(), *agent, source.sheet)) read_source();
    app.run(enrol(app.enrol_parts(), order_of(app, values, "recovery token", agent)));
    stage = recovery_stage(app.state(), *agent, source.sheet);
  }
  if (stage == RecoveryStage::done || stage == RecoveryStage::other_key) {
    auto check = [&]() -> task<void> { stage = co_await checked_stage(parts(), stage); };
    app.run(check());
  }
  const bool gets_key = stage != RecoveryStage::done;
  if (gets_key) read_source();
  const bool by_escrow = gets_key && source.escrow.has_value();
  if (gets_key) find_root_key(app, values, parts(), std::move(source));
  if (gets_key || gets_identity) {
    app.say(fmt::format("agent {} lives on this machine now; list its snapshots with: farkeep snapshots", agent->hex()));
    if (by_escrow && !app.options().quiet)
      tell_text("An escrow key slot does not prove who made it.  Before this machine backs up again, restore files that you know, and see that they are right.");
  }
  std::uint64_t number = 0;
  auto renew = [&]() -> task<void> { number = co_await renew_last_given(app.head_parts()); };
  app.run(renew());
  if (number > 0) app.say(fmt::format("which number this machine's last snapshot had could not be read any more; the next one has number {}", number + 1));
  if (!gets_key && !gets_identity && number == 0 && !renews) app.say(fmt::format("agent {} lives on this machine already; nothing was changed", agent->hex()));
  app.state().clear_unfinished();
  return Exit::done;
}

}  // namespace farkeep::cli
