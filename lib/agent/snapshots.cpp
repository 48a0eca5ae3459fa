#include "agent/snapshots.hpp"

#include "agent/fetcher.hpp"
#include "base/error.hpp"
#include "wire/message.hpp"
#include "wire/signed_document.hpp"

namespace farkeep {
namespace {

// The receipt, if the server's signature on it is good and it is about this manifest.
std::optional<wire::pb::Receipt> receipt_of(ByteView bytes, const Digest& id, const Certificate& authority) {
  auto document = wire::parse_message<wire::pb::SignedReceipt>(as_text(bytes));
  if (!document) return std::nullopt;
  auto receipt = wire::verify_receipt(*document, authority);
  if (!receipt || receipt->manifest_digest() != id.raw()) return std::nullopt;
  return std::move(*receipt);
}

}  // namespace

bool valid_receipt(ByteView receipt, const Digest& id, const Certificate& authority) { return receipt_of(receipt, id, authority).has_value(); }

task<std::vector<SnapshotInfo>> list_snapshots(VaultPort& vault, const AgentKeys& keys, const Certificate& authority, Workers& workers) {
  Fetcher fetcher(vault, keys, workers);
  std::vector<RemoteSnapshot> rows;
  std::vector<Manifest> manifests;
  std::vector<SessionId> sessions;
  for (std::uint64_t after = 0;;) {
    std::vector<RemoteSnapshot> page = co_await vault.snapshots(after);
    if (page.empty()) break;
    for (auto& row : page) {
      auto manifest = value_or_throw(Manifest::parse(row.manifest), "reading a manifest from " + vault.server());
      if (manifest.statement().sequence <= after) throw failure(Errc::protocol, "listing snapshots: " + vault.server() + " sent them out of order");
      after = manifest.statement().sequence;
      sessions.push_back(manifest.statement().session);
      manifests.push_back(std::move(manifest));
      rows.push_back(std::move(row));
    }
  }
  co_await fetcher.fetch_sessions(std::move(sessions));

  std::vector<SnapshotInfo> all;
  for (std::size_t i = 0; i < manifests.size(); ++i) {
    const Manifest& m = manifests[i];
    SnapshotInfo s;
    s.id = m.snapshot_id();
    s.sequence = m.statement().sequence;
    s.root = m.statement().root;
    s.agent_time = m.statement().time;
    const auto receipt = receipt_of(rows[i].receipt, s.id, authority);
    if (receipt) s.server_time = WallTime{std::chrono::nanoseconds(receipt->time_ns())};
    else s.problem = "the server's receipt is not valid";
    s.is_protected = !rows[i].partner_receipt.empty() && valid_receipt(rows[i].partner_receipt, s.id, authority);
    std::string why;
    if (receipt && !m.verify(authority, s.server_time, &why)) s.problem = "its signature does not hold: " + why;
    if (m.statement().account != keys.account || m.statement().agent != keys.agent) s.problem = "it is of another agent";
    if (s.problem.empty()) {
      std::string text;
      try {
        auto session = co_await fetcher.session(m.statement().session);
        auto details = m.open_details(session->key);
        if (details) s.details = std::move(*details);
        else text = "its details do not open: " + details.error().message();
      } catch (const failure& f) {
        if (is_temporary(f.code())) throw;
        text = f.what();
      }
      s.problem = text;
    }
    all.push_back(std::move(s));
  }
  co_return all;
}

const SnapshotInfo& pick_snapshot(const std::vector<SnapshotInfo>& all, const std::string& name) {
  const auto doing = "looking for snapshot '" + name + "'";
  if (name == "latest" || name.starts_with("latest:")) {
    const std::string job = name == "latest" ? "" : name.substr(7);
    for (auto it = all.rbegin(); it != all.rend(); ++it)
      if (it->problem.empty() && (job.empty() || it->details.job == job)) return *it;
    throw failure(Errc::not_found, doing + ": there is none (list them with: farkeep snapshots)");
  }
  const SnapshotInfo* found = nullptr;
  for (auto& s : all) {
    if (name.empty() || !s.id.hex().starts_with(name)) continue;
    if (found) throw failure(Errc::usage, doing + ": several begin so, give more digits");
    found = &s;
  }
  if (!found) throw failure(Errc::not_found, doing + " (list them with: farkeep snapshots)");
  return *found;
}

}  // namespace farkeep
