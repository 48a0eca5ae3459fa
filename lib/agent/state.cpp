#include "agent/state.hpp"

#include "base/codec.hpp"
#include "base/error.hpp"
#include "base/limits.hpp"
#include "crypto/digest.hpp"
#include "platform/atomic_file.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMaxStateFile = 1 * limits::kMiB;

template <class Message>
Message parse(const Buffer& bytes, const std::string& what) {
  Message m;
  if (!m.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    throw failure(Errc::damaged, "reading " + what + " (restore the file, or register this machine again)");
  return m;
}

template <class Message>
Buffer serialised(const Message& m) {
  Buffer out(m.ByteSizeLong());
  m.SerializeToArray(out.data(), static_cast<int>(out.size()));
  return out;
}

// What is not worth a failure: a damaged file says nothing.
template <class Message>
Message readable(const std::optional<Buffer>& bytes) {
  Message m;
  if (bytes && !m.ParseFromArray(bytes->data(), static_cast<int>(bytes->size()))) m.Clear();
  return m;
}

}  // namespace

AgentState::AgentState(Disk& disk, std::string folder) : disk_(disk), folder_(std::move(folder)) { disk_.make_folders(folder_); }

std::unique_ptr<DiskLock> AgentState::lock() { return disk_.lock(path("lock")); }

std::optional<Buffer> AgentState::load(std::string_view name, std::size_t most) const { return read_file(disk_, path(name), most); }

void AgentState::store(std::string_view name, ByteView bytes) { write_file_atomically(disk_, path(name), bytes); }

bool AgentState::registered() const { return disk_.exists(path("identity")) && disk_.exists(path("agent.key")); }

agent::pb::Identity AgentState::identity() const {
  auto bytes = load("identity", kMaxStateFile);
  if (!bytes)
    throw failure(Errc::configuration, "reading the identity in " + folder_ + ": this machine is not registered (run: farkeep register)");
  return parse<agent::pb::Identity>(*bytes, path("identity"));
}

AgentId AgentState::agent_id() const { return registered() ? AgentId::from(identity().agent()).value_or(AgentId{}) : AgentId{}; }

void AgentState::set_identity(const agent::pb::Identity& identity) { store("identity", serialised(identity)); }

SecretText AgentState::key_pem() const {
  auto bytes = load("agent.key", kMaxStateFile);
  if (!bytes)
    throw failure(Errc::configuration, "reading the agent's key " + path("agent.key") + ": it is missing (run: farkeep register, or farkeep recover)");
  SecretText pem(as_text(*bytes));
  wipe(*bytes);
  return pem;
}

void AgentState::set_key_pem(std::string_view pem) { store("agent.key", as_bytes(pem)); }

bool AgentState::has_key() const { return disk_.exists(path("agent.key")); }

void AgentState::remove_root_key() { disk_.remove(path("root.key")); }

bool AgentState::has_root_key() const { return disk_.exists(path("root.key")); }

SecretKey AgentState::root_key() const {
  auto bytes = load("root.key", 64);
  auto key = bytes ? SecretKey::from(*bytes) : std::nullopt;
  if (!key)
    throw failure(Errc::configuration,
                  "reading the root key " + path("root.key") + ": it is missing or has another length (run: farkeep recover, with the passphrase or the recovery key)");
  return std::move(*key);
}

void AgentState::set_root_key(const SecretKey& root) { store("root.key", root.view()); }

Buffer AgentState::directory() const { return load("directory", kMaxStateFile).value_or(Buffer{}); }
void AgentState::set_directory(ByteView signed_directory) { store("directory", signed_directory); }
Buffer AgentState::next_directory() const { return load("directory.next", kMaxStateFile).value_or(Buffer{}); }
void AgentState::set_next_directory(ByteView signed_directory) { store("directory.next", signed_directory); }
void AgentState::clear_next_directory() {
  if (disk_.exists(path("directory.next"))) disk_.remove(path("directory.next"));
}

// Two copies, each with its own checksum, written one after the other: one of them is whole whatever happens.
std::optional<agent::pb::Head> AgentState::head() const {
  std::optional<agent::pb::Head> best;
  for (const char* name : {"head", "head.copy"}) {
    auto bytes = load(name, kMaxStateFile);
    if (!bytes || bytes->size() < Digest::kSize) continue;
    const ByteView all{*bytes};
    const ByteView body = all.subspan(Digest::kSize);
    if (!equal(sha256(body).view(), all.first(Digest::kSize))) continue;
    agent::pb::Head h;
    if (!h.ParseFromArray(body.data(), static_cast<int>(body.size()))) continue;
    if (!best || h.sequence() > best->sequence()) best = std::move(h);
  }
  return best;
}

void AgentState::set_head(const agent::pb::Head& head) {
  const Buffer body = serialised(head);
  Buffer file = to_buffer(sha256(body).view());
  append(file, body);
  store("head", file);
  store("head.copy", file);
}

std::optional<AgentState::Pending> AgentState::pending() const {
  auto bytes = load("pending", limits::kMaxManifest + 1024);
  if (!bytes) return std::nullopt;
  Reader r{*bytes};
  Pending p;
  p.sequence = r.number<std::uint64_t>();
  p.job = to_string(r.raw(r.number<std::uint16_t>()));
  p.manifest = to_buffer(r.raw(r.number<std::uint32_t>()));
  if (!r.done()) throw failure(Errc::damaged, "reading " + path("pending") + " (remove it: the next run makes a new snapshot)");
  return p;
}

void AgentState::set_pending(const Pending& p, const Digest& id) {
  Buffer given;
  Writer g{given};
  g.number(p.sequence);
  g.raw(id.view());
  store("given", given);
  Buffer file;
  Writer w{file};
  w.number(p.sequence);
  w.number(static_cast<std::uint16_t>(p.job.size()));
  w.raw(as_bytes(p.job));
  w.number(static_cast<std::uint32_t>(p.manifest.size()));
  w.raw(p.manifest);
  store("pending", file);
}

void AgentState::clear_pending() {
  if (disk_.exists(path("pending"))) disk_.remove(path("pending"));
}

AgentState::Given AgentState::last_given() const {
  Given given;
  auto bytes = load("given", 64);
  if (!bytes) return given;
  Reader r{*bytes};
  given.sequence = r.number<std::uint64_t>();
  const auto id = Digest::from(r.raw(Digest::kSize));
  if (!r.done() || !id) throw failure(Errc::damaged, "reading " + path("given"));
  given.id = *id;
  return given;
}

agent::pb::Job AgentState::job(const std::string& name) const {
  auto bytes = load("jobs/" + name + "/state", kMaxStateFile);
  return bytes ? parse<agent::pb::Job>(*bytes, path("jobs/" + name + "/state")) : agent::pb::Job{};
}

void AgentState::set_job(const std::string& name, const agent::pb::Job& job) {
  job_folder(name);
  store("jobs/" + name + "/state", serialised(job));
}

std::string AgentState::job_folder(const std::string& name) const {
  std::string folder = path("jobs/" + name);
  disk_.make_folders(folder);
  return folder;
}

agent::pb::Endpoints AgentState::endpoints() const {
  return readable<agent::pb::Endpoints>(load("endpoints", kMaxStateFile));  // only a memory of past failures
}

void AgentState::set_endpoints(const agent::pb::Endpoints& e) { store("endpoints", serialised(e)); }

// A damaged one pauses nothing: a backup too many is better than none.
agent::pb::Pauses AgentState::pauses() const {
  return readable<agent::pb::Pauses>(load("pauses", kMaxStateFile));
}

void AgentState::set_pauses(const agent::pb::Pauses& p) { store("pauses", serialised(p)); }

// A damaged one costs a question to a server, of these two.
agent::pb::Protections AgentState::protections() const { return readable<agent::pb::Protections>(load("protection", kMaxStateFile)); }

void AgentState::set_protections(const agent::pb::Protections& p) { store("protection", serialised(p)); }

agent::pb::Escrow AgentState::escrow() const { return readable<agent::pb::Escrow>(load("escrow", kMaxStateFile)); }

void AgentState::set_escrow(const agent::pb::Escrow& e) { store("escrow", serialised(e)); }

}  // namespace farkeep
