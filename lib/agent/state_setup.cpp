#include "agent/state.hpp"

#include "crypto/checked_state.hpp"
#include "base/codec.hpp"
#include "base/error.hpp"

// What registration and recovery need of the folder: the root key, whose history lies here, what was begun, and what is put aside.
namespace farkeep {

std::optional<result<KeyFile>> AgentState::key_file() const {
  Found found = find("root.key");
  if (!found.exists) return std::nullopt;
  if (!found.bytes) return Errc::malformed;
  auto file = parse_key_file(*found.bytes);
  wipe(*found.bytes);
  return file;
}

// Whose identity lies beside it; none before registration.
std::optional<KeyOwner> AgentState::owner() const {
  if (!registered()) return std::nullopt;
  return owner_in(identity());
}

KeyOwner owner_in(const agent::pb::Identity& identity) { return {AccountId::from(identity.account()).value(), AgentId::from(identity.agent()).value()}; }

SecretKey AgentState::root_key() const {
  const std::string doing = "reading the root key " + path("root.key");
  const std::string hint = how_to_finish();
  const std::string what_to_do = " (" + (hint.empty() ? "run: farkeep recover, with the passphrase or the recovery key" : hint) + ")";
  auto file = key_file();
  if (!file) throw failure(Errc::configuration, doing + ": it is missing" + what_to_do);
  if (!*file) throw failure(file->error(), doing + what_to_do);
  const auto mine = owner();
  if (mine && (*file)->owner && (*file)->owner != mine) throw failure(Errc::identity, doing + ": it is the key of agent " + (*file)->owner->agent.hex() + ", not this one's" + what_to_do);
  return std::move((*file)->root);
}

void AgentState::set_root_key(const SecretKey& root, const KeyOwner& owner) {
  Buffer file = write_key_file(root, owner);
  store("root.key", file);
  wipe(file);
}

bool AgentState::has_root_key() const {
  const auto file = key_file();
  if (!file || !*file) return false;
  const auto mine = owner();
  return !mine || !(*file)->owner || (*file)->owner == mine;
}

std::optional<KeyOwner> AgentState::root_key_owner() const {
  const auto file = key_file();
  return file && *file ? (*file)->owner : std::nullopt;
}

void AgentState::bind_root_key() {
  const auto file = key_file();
  const auto mine = owner();
  if (file && *file && !(*file)->owner && mine) set_root_key((*file)->root, *mine);
}

void AgentState::put_aside(const std::string& name) {
  constexpr int kMost = 1000;  // one for each recovery that this folder lives through
  if (!disk_.exists(path(name))) return;
  int n = 1;
  while (n < kMost && !disk_.rename_new(path(name), path(name + ".aside-" + std::to_string(n)))) ++n;
  if (n == kMost) throw failure(Errc::exists, "putting " + path(name) + " aside (move the files " + name + ".aside-* away)");
  disk_.sync_folder(folder_);
}

namespace {

// What one agent knows, and no other may go by.  Not what an administrator said (pauses), or what is true of the network (endpoints).
constexpr const char* kHistory[] = {"head",    "head.copy",       "pins",          "pins.copy",  "given",  "given.copy",
                                    "pending", "pending-aside", "protection", "escrow", "jobs"};

Buffer written(const KeyOwner& owner) {
  Buffer out;
  Writer w{out};
  w.raw(owner.account.view());
  w.raw(owner.agent.view());
  return checked_body(std::move(out));
}

}  // namespace

std::optional<KeyOwner> AgentState::history_owner() const {
  if (const Found file = find("owner"); file.bytes) {
    Reader r{body_in(*file.bytes).value_or(ByteView{})};
    const auto account = AccountId::from(r.raw(AccountId::kSize));
    const auto agent = AgentId::from(r.raw(AgentId::kSize));
    if (r.done() && account && agent) return KeyOwner{*account, *agent};
    tell_once(path("owner") + " is damaged and counts as missing");
  }
  return root_key_owner();
}

// Cut off in between, the rest follows the next time: the owner is written last.
std::string AgentState::begin_history(const KeyOwner& owner) {
  constexpr int kMost = 1000;  // one for each agent that this folder lives through
  std::vector<std::string> there;
  for (const char* name : kHistory)
    if (disk_.exists(path(name))) there.emplace_back(name);
  std::string aside;
  if (!there.empty() && history_owner() != owner) {
    int n = 1;
    while (n < kMost && disk_.exists(path("aside-" + std::to_string(n)))) ++n;
    if (n == kMost) throw failure(Errc::exists, "putting an earlier agent's history in " + folder_ + " aside (move the folders aside-* away)");
    aside = path("aside-" + std::to_string(n));
    disk_.make_folders(aside);
    for (auto& name : there) disk_.rename(path(name), aside + "/" + name);
    disk_.sync_folder(aside);
    disk_.sync_folder(folder_);
    hints_.forget();
  }
  if (!disk_.exists(path("owner")) || history_owner() != owner) store("owner", written(owner));
  return aside;
}

void AgentState::note_owner() {
  if (const auto mine = owner(); mine && !disk_.exists(path("owner"))) store("owner", written(*mine));
}

std::string AgentState::unfinished() const {
  const auto bytes = find("unfinished").bytes;
  return bytes ? to_string(*bytes) : std::string{};
}

void AgentState::set_unfinished(std::string_view what) { store("unfinished", as_bytes(what)); }

void AgentState::clear_unfinished() {
  if (!disk_.exists(path("unfinished"))) return;
  disk_.remove(path("unfinished"));
  disk_.sync_folder(folder_);
}

std::string AgentState::how_to_finish() const {
  const std::string begun = unfinished();
  const auto again = [](const std::string& agent) {
    return "the recovery of agent " + agent + " on this machine was not finished; give the same farkeep recover again, with --agent " + agent + " or --recovery-key-file";
  };
  constexpr std::string_view kRecover = "recover ";
  if (begun.starts_with(kRecover) && AgentId::from_hex(begun.substr(kRecover.size()))) return again(begun.substr(kRecover.size()));
  if (begun == "register") return "the registration of this machine was not finished; give farkeep register again";
  const bool half = registered() && !disk_.exists(path("root.key"));
  return half ? again(agent_id().hex()) : std::string{};
}

std::string AgentState::how_to_recover() const {
  const auto known = history_owner();
  const std::string agent = known ? known->agent.hex() : "ID";
  return "restore the file, or give: farkeep recover --agent " + agent + ", with a token of farkeep-server token create --recover " + agent;
}

}  // namespace farkeep
