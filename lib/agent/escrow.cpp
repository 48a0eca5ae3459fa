#include "agent/escrow.hpp"

#include "base/hex.hpp"
#include "crypto/keyring.hpp"
#include "platform/atomic_file.hpp"
#include "platform/file_access.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMaxKeyFile = 8192;

std::string brief(const EscrowPublicKey& key) { return hex(key.view().first(4)); }

// That a slot was made of this root key: what is in it shows to the organisation alone.
Digest mark_of(const SecretKey& root, ByteView slot) {
  const ByteView parts[] = {as_bytes("escrow"), slot};
  return Hmac(KeyRing(root).local_key().view())(parts);
}

bool is_of(const agent::pb::Escrow& known, const EscrowPublicKey& key, const SecretKey& root) {
  return known.recipient() == as_text(key.view()) && !known.slot().empty() && known.mark() == mark_of(root, as_bytes(known.slot())).raw();
}

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

bool has_escrow_slot(const AgentState& state, const EscrowPublicKey& key) {
  const auto known = state.escrow();
  return known.put_ns() != 0 && state.has_root_key() && is_of(known, key, state.root_key());
}

// Nobody but the organisation can tell whose key a slot holds, and everybody can make one for it: so ours is the one that we made, byte for byte.  It is
// written down before it is sent, and sent again as it is when the answer was lost: a server takes the same one once.
task<void> put_escrow_slot(AgentState& state, VaultPort& vault, EscrowPublicKey key, const Clock& clock, Random& random) {
  agent::pb::Escrow known = state.escrow();
  const SecretKey root = state.root_key();
  if (!is_of(known, key, root)) {
    known.Clear();
    known.set_recipient(to_string(key.view()));
    known.set_slot(to_string(seal_escrow_slot(root, key, random)));
    known.set_mark(mark_of(root, as_bytes(known.slot())).raw());
    state.set_escrow(known);
  }
  Buffer slot = to_buffer(as_bytes(known.slot()));
  co_await vault.add_slot(std::move(slot));
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
