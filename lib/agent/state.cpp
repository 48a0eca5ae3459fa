#include "agent/state.hpp"

#include <algorithm>
#include <cstdlib>

#include "crypto/checked_state.hpp"
#include "base/codec.hpp"
#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/valid_text.hpp"
#include "crypto/digest.hpp"
#include "platform/atomic_file.hpp"
#include "platform/unreadable.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMaxStateFile = 1 * limits::kMiB;
constexpr std::size_t kMaxJobText = 4 * limits::kKiB;  // a screen: some of it is what a server said

// The longest that is read; so nothing longer is written.
std::size_t longest(std::string_view name) {
  if (name == "pending") return limits::kMaxManifest + 1024;
  if (name == "root.key") return kMaxRootKeyFile;
  if (name == "unfinished") return 256;
  if (name.starts_with("given")) return 64;
  return kMaxStateFile;
}

template <class Message>
Buffer serialised(const Message& m) {
  Buffer out(m.ByteSizeLong());
  m.SerializeToArray(out.data(), static_cast<int>(out.size()));
  return out;
}

template <class Message>
Buffer checked(const Message& m) {
  return checked_message(serialised(m));
}

}  // namespace

// What is not worth a failure: a damaged file says nothing, and is told of.
template <class Message>
Message AgentState::readable(std::string_view name, bool* damaged) const {
  Message m;
  const Found file = find(name);
  if (!file.exists) return m;
  auto const message = file.bytes ? message_in(*file.bytes) : std::nullopt;
  if (message && m.ParseFromArray(message->data(), static_cast<int>(message->size()))) return m;
  tell_once(path(name) + " is damaged and counts as empty");
  m.Clear();
  if (damaged) *damaged = true;
  return m;
}

AgentState::AgentState(Disk& disk, std::string folder)
    : disk_(disk), folder_(std::move(folder)), hints_(disk, "what it remembers of servers, jobs and snapshots lasts only until it ends") {
  disk_.make_folders(folder_);
}

std::unique_ptr<DiskLock> AgentState::lock() {
  auto held = disk_.lock(path("lock"));
  if (held) {
    hints_.write_rest();
    heal();
  }
  return held;
}

std::optional<Buffer> AgentState::load(std::string_view name) const { return hints_.read(path(name), longest(name)); }

// One that is_unreadable is as damaged as one with a wrong checksum.
AgentState::Found AgentState::find(std::string_view name) const {
  try {
    auto bytes = load(name);
    return bytes ? Found{true, std::move(bytes)} : Found{};
  } catch (const failure& f) {
    if (!is_unreadable(f.code())) throw;
    tell_once(f.what());
  }
  return Found{true, std::nullopt};
}

void AgentState::store(std::string_view name, ByteView bytes) {
  refuse_if_too_large(name, bytes);
  write_file_atomically(disk_, path(name), bytes);
}

void AgentState::store_hint(std::string_view name, ByteView bytes) {
  refuse_if_too_large(name, bytes);
  hints_.write(path(name), bytes);
}

void AgentState::refuse_if_too_large(std::string_view name, ByteView bytes) const {
  if (bytes.size() > longest(name)) throw failure(Errc::too_large, "writing " + path(name) + ", which could not be read again");
}

bool AgentState::registered() const { return disk_.exists(path("identity")) && disk_.exists(path("agent.key")); }

bool AgentState::has_identity() const { return disk_.exists(path("identity")); }

agent::pb::Identity AgentState::identity() const {
  const Found file = find("identity");
  if (!file.exists)
    throw failure(Errc::configuration, "reading the identity in " + folder_ + ": this machine is not registered (" + (how_to_finish().empty() ? "run: farkeep register" : how_to_finish()) + ")");
  agent::pb::Identity identity;
  if (!file.bytes || !identity.ParseFromArray(file.bytes->data(), static_cast<int>(file.bytes->size())) || !AccountId::from(identity.account()) || !AgentId::from(identity.agent()) || identity.chain_size() == 0)
    throw failure(Errc::damaged, "reading " + path("identity") + " (" + how_to_recover() + ")");
  return identity;
}

// Whoever cannot go on without it reads the identity itself.
AgentId AgentState::agent_id() const {
  if (!registered()) return AgentId{};
  try {
    return AgentId::from(identity().agent()).value_or(AgentId{});
  } catch (const failure& f) {
    tell_once(f.what());
    return AgentId{};
  }
}

void AgentState::set_identity(const agent::pb::Identity& identity) { store("identity", serialised(identity)); }

SecretText AgentState::key_pem() const {
  Found file = find("agent.key");
  if (!file.exists)
    throw failure(Errc::configuration, "reading the agent's key " + path("agent.key") + ": it is missing (" + how_to_recover() + ")");
  if (!file.bytes) throw failure(Errc::damaged, "reading the agent's key " + path("agent.key") + " (" + how_to_recover() + ")");
  SecretText pem(as_text(*file.bytes));
  wipe(*file.bytes);
  return pem;
}

void AgentState::set_key_pem(std::string_view pem) { store("agent.key", as_bytes(pem)); }

bool AgentState::has_key() const { return disk_.exists(path("agent.key")); }

void AgentState::remove_key() { disk_.remove(path("agent.key")); }

Buffer AgentState::directory() const { return find("directory").bytes.value_or(Buffer{}); }
void AgentState::set_directory(ByteView signed_directory) { store_hint("directory", signed_directory); }
Buffer AgentState::root_word() const { return find("root-word").bytes.value_or(Buffer{}); }
void AgentState::set_root_word(ByteView signed_word) { store_hint("root-word", signed_word); }
Buffer AgentState::next_directory() const { return find("directory.next").bytes.value_or(Buffer{}); }
void AgentState::set_next_directory(ByteView signed_directory) { store_hint("directory.next", signed_directory); }
void AgentState::clear_next_directory() { hints_.remove(path("directory.next")); }

namespace {

std::optional<Buffer> behind_its_digest(ByteView file) {
  if (file.size() < Digest::kSize || !equal(sha256(file.subspan(Digest::kSize)).view(), file.first(Digest::kSize))) return std::nullopt;
  return to_buffer(file.subspan(Digest::kSize));
}

std::optional<AgentState::Given> given_in(ByteView file) {
  Reader r{body_in(file).value_or(ByteView{})};
  AgentState::Given given;
  given.sequence = r.number<std::uint64_t>();
  const auto id = Digest::from(r.raw(Digest::kSize));
  if (!r.done() || !id) return std::nullopt;
  given.id = *id;
  return given;
}

bool has_digest(ByteView file) { return behind_its_digest(file).has_value(); }
bool has_given(ByteView file) { return given_in(file).has_value(); }

}  // namespace

// Each with its own checksum, written one after the other: one of them is whole whatever happens.
AgentState::Copies AgentState::copies_of(std::string_view name, bool (*is_whole)(ByteView)) const {
  Copies out;
  for (const char* suffix : {"", ".copy"}) {
    std::string file_name = std::string(name) + suffix;
    Found file = find(file_name);
    if (!file.exists) continue;
    if (file.bytes && is_whole(*file.bytes)) out.whole.push_back(std::move(*file.bytes));
    else out.damaged.push_back(std::move(file_name));
  }
  return out;
}

AgentState::Copies AgentState::read_copies(std::string_view name) const {
  Copies out = copies_of(name, &has_digest);
  for (auto& file : out.whole) file = *behind_its_digest(file);
  if (out.damaged.empty()) return out;
  if (out.whole.empty()) tell_once(path(name) + " and its copy are damaged: what they said of this machine's snapshots is not known any more, so a server that was set back may go unnoticed");
  else tell_once(path(out.damaged.front()) + " is damaged, and its copy counts: it is written anew by the next run");
  return out;
}

// Each copy is as good as the other: this one is whole again before the other one goes, too.  Whoever writes them holds the lock, or writes both.
void AgentState::heal() {
  for (const char* name : {"head", "pins", "given"}) {
    const Copies copies = copies_of(name, name == std::string_view("given") ? &has_given : &has_digest);
    if (copies.whole.empty()) continue;
    for (auto& damaged : copies.damaged) {
      try {
        write_file_atomically(disk_, path(damaged), copies.whole.front());
        log_warning("{} was damaged and is written anew from its copy", path(damaged));
      } catch (const failure& f) {
        tell_once(path(damaged) + " is damaged, and its copy counts; writing it anew: " + f.what());
      }
    }
  }
}

// Files are read often.
void AgentState::tell_once(const std::string& text) const {
  if (told_.insert(text).second) log_error("{}", text);
}

void AgentState::store_copies(std::string_view name, const Buffer& body) {
  Buffer file = to_buffer(sha256(body).view());
  append(file, body);
  store_hint(name, file);
  store_hint(std::string(name) + ".copy", file);
}

std::optional<agent::pb::Head> AgentState::head() const {
  std::optional<agent::pb::Head> best;
  for (auto& body : read_copies("head").whole) {
    agent::pb::Head h;
    if (!h.ParseFromArray(body.data(), static_cast<int>(body.size()))) continue;
    if (!best || h.sequence() > best->sequence()) best = std::move(h);
  }
  return best;
}

void AgentState::set_head(const agent::pb::Head& head) { store_copies("head", serialised(head)); }

// The first is written first: where both are whole it is the newer one.
agent::pb::Pins AgentState::pins() const {
  agent::pb::Pins pins;
  const Copies copies = read_copies("pins");
  for (auto& body : copies.whole)
    if (pins.ParseFromArray(body.data(), static_cast<int>(body.size()))) return pins;
  pins.Clear();
  if (!copies.damaged.empty() && !head()) pins.set_lost(true);
  return pins;
}

void AgentState::set_pins(const agent::pb::Pins& pins) { store_copies("pins", serialised(pins)); }

std::optional<AgentState::Pending> AgentState::pending() const {
  const Found file = find("pending");
  if (!file.exists) return std::nullopt;
  Reader r{file.bytes ? body_in(*file.bytes).value_or(ByteView{}) : ByteView{}};
  Pending p;
  p.sequence = r.number<std::uint64_t>();
  p.job = to_string(r.raw(r.number<std::uint16_t>()));
  p.manifest = to_buffer(r.raw(r.number<std::uint32_t>()));
  // Its number is not used again, and the chain goes on from it, whatever a server has of it: `given` says both.
  if (!r.done()) throw failure(Errc::damaged, "reading " + path("pending"));
  return p;
}

void AgentState::set_pending(const Pending& p, const Digest& id) {
  set_last_given(Given{p.sequence, id});
  Buffer file;
  Writer w{file};
  w.number(p.sequence);
  w.number(static_cast<std::uint16_t>(p.job.size()));
  w.raw(as_bytes(p.job));
  w.number(static_cast<std::uint32_t>(p.manifest.size()));
  w.raw(p.manifest);
  store("pending", checked_body(std::move(file)));
}

void AgentState::clear_pending() {
  if (disk_.exists(path("pending"))) disk_.remove(path("pending"));
}

// Written anew before the old one goes: cut off in between, it is put aside once more.
std::string AgentState::put_pending_aside() {
  const std::string folder = path("pending-aside");
  disk_.make_folders(folder);
  std::vector<std::string> old = disk_.list(folder);
  std::sort(old.begin(), old.end());
  std::uint64_t next = 1;
  if (!old.empty()) next = std::strtoull(old.back().c_str(), nullptr, 10) + 1;
  while (old.size() >= kMostAside) {
    disk_.remove(folder + "/" + old.front());
    old.erase(old.begin());
  }
  std::string name = std::to_string(next);
  name = folder + "/" + std::string(name.size() < 12 ? 12 - name.size() : 0, '0') + name;
  const Found file = find("pending");
  if (file.bytes) {
    write_file_atomically(disk_, name, *file.bytes);
    clear_pending();
  } else if (file.exists) {
    disk_.rename(path("pending"), name);
    disk_.sync_folder(folder);
    disk_.sync_folder(folder_);
  }
  return name;
}

void AgentState::set_last_given(const Given& given) {
  Buffer file;
  Writer w{file};
  w.number(given.sequence);
  w.raw(given.id.view());
  file = checked_body(std::move(file));
  store("given", file);
  store("given.copy", file);
}

AgentState::Given AgentState::last_given() const {
  const auto given = readable_given();
  if (!given) throw failure(Errc::damaged, "reading " + path("given") + " and its copy (give: farkeep recover --agent " + agent_id().hex() + "; it needs no token, and asks the servers)");
  return *given;
}

std::optional<AgentState::Given> AgentState::readable_given() const {
  const Copies copies = copies_of("given", &has_given);
  if (copies.whole.empty()) return copies.damaged.empty() ? std::optional(Given{}) : std::nullopt;
  Given last = *given_in(copies.whole.front());
  for (auto& file : copies.whole)
    if (const Given given = *given_in(file); given.sequence > last.sequence) last = given;
  return last;
}

agent::pb::Job AgentState::job(const std::string& name) const {
  // A damaged one costs a run that asks the server what it has; it does not count as that of a job that never ran.
  bool damaged = false;
  auto record = readable<agent::pb::Job>("jobs/" + name + "/state", &damaged);
  if (damaged) record.set_lost(true);
  return record;
}

void AgentState::set_job(const std::string& name, const agent::pb::Job& job) {
  auto kept = job;
  kept.set_last_text(valid_text(job.last_text(), kMaxJobText));
  kept.set_own_alarm(valid_text(job.own_alarm(), kMaxJobText));
  kept.set_lacks(valid_text(job.lacks(), kMaxJobText));
  store_hint("jobs/" + name + "/state", checked(kept));
}

std::string AgentState::job_folder(const std::string& name) const {
  std::string folder = path("jobs/" + name);
  disk_.make_folders(folder);
  return folder;
}

agent::pb::Endpoints AgentState::endpoints() const {
  return readable<agent::pb::Endpoints>("endpoints");  // only a memory of past failures
}

void AgentState::set_endpoints(const agent::pb::Endpoints& e) { store_hint("endpoints", checked(e)); }

// A damaged one pauses nothing: a backup too many is better than none.
agent::pb::Pauses AgentState::pauses() const { return readable<agent::pb::Pauses>("pauses"); }

void AgentState::set_pauses(const agent::pb::Pauses& p) { store("pauses", checked(p)); }

// A damaged one costs a question to a server, of these two.
agent::pb::Protections AgentState::protections() const { return readable<agent::pb::Protections>("protection"); }

void AgentState::set_protections(const agent::pb::Protections& p) { store_hint("protection", checked(p)); }

agent::pb::Escrow AgentState::escrow() const { return readable<agent::pb::Escrow>("escrow"); }

void AgentState::set_escrow(const agent::pb::Escrow& e) { store("escrow", checked(e)); }

}  // namespace farkeep
