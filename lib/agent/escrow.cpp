#include "agent/escrow.hpp"

#include "base/hex.hpp"
#include "platform/atomic_file.hpp"
#include "platform/file_access.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMaxKeyFile = 8192;

std::string brief(const EscrowPublicKey& key) { return hex(key.view().first(4)); }

}  // namespace

EscrowPublicKey read_escrow_key(Disk& disk, const std::string& file) {
  const std::string doing = "reading the organisation's escrow key " + file;
  refuse_if_others_may_change(file, "the organisation's escrow key " + file);  // who exchanges it gets the root key
  const auto text = read_file(disk, file, kMaxKeyFile);
  if (!text)
    throw failure(Errc::configuration, doing + ": there is no such file (it comes with the deployment bundle; [escrow] public_key_file names it)");
  const auto key = EscrowPublicKey::from_pem(as_text(*text));
  if (!key) throw failure(Errc::configuration, doing + ": it is no X25519 public key in PEM (farkeep-deploy escrow create makes one)");
  return *key;
}

bool has_escrow_slot(const AgentState& state, const EscrowPublicKey& key) { return state.escrow().recipient() == as_text(key.view()); }

// A slot that is there is not opened: only the organisation could.  A server that lies about it could as well throw ours away.
task<void> put_escrow_slot(AgentState& state, VaultPort& vault, EscrowPublicKey key, const Clock& clock, Random& random) {
  bool there = false;
  const std::vector<Buffer> slots = co_await vault.slots();
  for (auto& slot : slots) {
    const auto to = escrow_recipient(slot);
    there = there || (to && *to == key);
  }
  if (!there) {
    const SecretKey root = state.root_key();
    Buffer slot = seal_escrow_slot(root, key, random);
    co_await vault.add_slot(std::move(slot));
  }
  agent::pb::Escrow known;
  known.set_recipient(to_string(key.view()));
  known.set_put_ns(clock.wall().time_since_epoch().count());
  state.set_escrow(known);
}

task<void> keep_escrow(EscrowParts parts, std::string key_file) {
  if (key_file.empty()) co_return;
  std::string why;
  try {
    const EscrowPublicKey key = read_escrow_key(parts.state.disk(), key_file);
    if (has_escrow_slot(parts.state, key)) co_return;
    Servers::Work work = [&](VaultPort& vault) -> task<void> { return put_escrow_slot(parts.state, vault, key, parts.clock, parts.random); };
    co_await use_any(parts.servers, parts.choice, parts.reporter, std::move(work));
    parts.reporter.note("the key slot for the organisation's escrow key " + brief(key) + " is on the server");
  } catch (const failure& f) {
    if (classify(f.code()) == Errc::cancelled) throw;
    why = f.what();
  }
  if (!why.empty()) parts.reporter.note("putting the escrow key slot: " + why + " (it is tried again at the next run)");
}

}  // namespace farkeep
