#include <utility>

#include "agent/backup_work.hpp"
#include "agent/command_output.hpp"
#include "agent/heads.hpp"
#include "archive/manifest.hpp"
#include "base/log.hpp"
#include "base/software.hpp"
#include "platform/process.hpp"
#include "wire/refusal.hpp"

namespace farkeep {

namespace {
struct Finished {
  ObjectId root;
  std::vector<NodePlainOwned> nodes;
};
Finished finish_catalogue(Catalogue* c) {
  Finished f;
  f.root = c->builder->finish();
  f.nodes = std::exchange(c->nodes, {});
  return f;
}
void keep_cache(Catalogue* c, ObjectId root) { c->cache->finish(root); }

// A snapshot that the server has acknowledged.  That it is no longer pending comes last: cut off before that, or where the disk does not take all that is
// known of it, the server is asked again and says the same.
// `counted`: nothing when it is not known what is in it.
void remember(AgentState& state, const ServerId& server, WallTime now, const std::string& job, const Manifest& manifest, const Buffer& receipt, const Progress* counted) {
  agent::pb::Head head;
  head.set_sequence(manifest.statement().sequence);
  head.set_digest(manifest.snapshot_id().raw());
  head.set_receipt(to_string(receipt));
  state.set_head(head);
  Heads heads(state);
  heads.pin(server, Head{manifest.statement().sequence, manifest.snapshot_id(), now}, {});
  if (manifest.format() == StatementFormat::bound) heads.found_bound(manifest.statement().sequence);
  agent::pb::Job record = state.job(job);
  record.set_snapshot_sequence(manifest.statement().sequence);
  record.set_snapshot_digest(manifest.snapshot_id().raw());
  record.set_snapshot_root(manifest.statement().root.raw());
  if (counted) {
    record.set_files(counted->files);
    record.set_bytes(counted->bytes);
    record.set_lacks_trusted(!sees_trusted_attributes());
  }
  state.set_job(job, record);
  if (state.has_all_hints()) state.clear_pending();
}
}  // namespace

// 1. the last nodes  2. a number, the manifest, both on disk  3. send  4. remember
task<void> BackupAttempt::Work::commit() {
  progress.phase = "committing";
  parts.reporter.progress(progress);
  Finished finished = co_await parts.workers.offload(&finish_catalogue, &catalogue);
  co_await hand_nodes(std::move(finished.nodes), true);
  co_await uploader->all_sent();

  // The chain goes on from the newest snapshot that this machine knows of: made here, whether or not it was acknowledged, or proven by a server (prove_head).
  const Head before = Heads(parts.state).newest();
  Statement statement;
  statement.account = parts.keys.account;
  statement.agent = parts.keys.agent;
  statement.sequence = before.sequence + 1;
  statement.previous = before.id;
  statement.root = finished.root;
  statement.session = session;
  statement.time = parts.clock.wall();
  SnapshotDetails details;
  details.job = job.name;
  details.host = host_name();
  details.paths = job.sources;
  for (auto& c : job.commands) details.paths.push_back("/" + std::string(kCommandOutput) + "/" + c.name);
  details.tags = job.tags;
  details.started = started;
  details.ended = statement.time;
  details.files = progress.files;
  details.folders = progress.folders;
  details.others = progress.others;
  details.bytes = progress.bytes;
  details.bytes_sent = progress.bytes_sent;
  details.unreadable = progress.unreadable;
  details.changed_while_read = progress.changed_while_read;
  details.without_attributes = progress.without_attributes;
  details.hid_trusted = sees_no_trusted_attributes();
  details.software = kSoftware;
  details.follows = Heads(parts.state).newest_seen().sequence;
  for (auto& p : result.problems) details.problems.push_back(SnapshotProblem{p.path, p.text});
  const Buffer manifest =
      seal_manifest(statement, details, **session_key, parts.keys.ring, parts.random, parts.keys.signing, parts.keys.chain);
  const Manifest parsed = value_or_throw(Manifest::parse(manifest), "checking our own manifest");
  const Digest id = parsed.snapshot_id();

  AgentState::Pending pending{statement.sequence, job.name, manifest};
  parts.state.set_pending(pending, id);
  VaultPort::Commit answer = co_await vault.commit(manifest);
  if (!answer.missing.empty()) {
    parts.state.clear_pending();
    throw failure(Errc::missing_object, fmt::format("committing snapshot {}: the server {} lacks {} objects that it was thought to have, {} for one",
                                                    id.brief(), vault.server(), answer.missing.size(), answer.missing.front().brief()));
  }

  // The snapshot exists.  From here on nothing may fail it any more.
  remember(parts.state, vault.server_id(), parts.clock.wall(), job.name, parsed, answer.receipt, &progress);
  try {
    co_await parts.workers.offload(&keep_cache, &catalogue, finished.root);
    catalogue.journal.reset();
    for (auto& j : journals(parts.state.disk(), folder)) parts.state.disk().remove(j);
  } catch (const failure& f) {
    log_warning("keeping the catalog of job {} on disk: {} (the next run asks the server instead)", job.name, f.what());
  }
  result.snapshot = id;
  result.sequence = statement.sequence;
  result.receipt = std::move(answer.receipt);
  progress.phase = "done";
  parts.reporter.progress(progress);
}

namespace {

// What a server says of the manifest itself: it will never take it.  Not what it says of its own state, or of this agent.
bool is_final(const wire::Refusal& r) noexcept {
  switch (classify(r.code())) {
    case Errc::fork:
    case Errc::rollback:
    case Errc::malformed:
    case Errc::too_large:
    case Errc::unsupported_version:
    case Errc::identity: return true;  // of the last: the certificate in it has expired meanwhile
    default: return false;
  }
}

std::string put_aside(AgentState& state, const std::string& what, const std::string& why) {
  const std::string file = state.put_pending_aside();
  std::string text = fmt::format("{}, left over from an interrupted run, will never be a snapshot ({}). It is kept as {}; this run makes a new one. "
                                 "Expected after this machine was set back to an earlier image; otherwise ask whether two machines use one state folder",
                                 what, why, file);
  log_error("ALARM: {}", text);
  return text;
}

}  // namespace

task<std::string> settle_pending(AgentState& state, VaultPort& vault, Reporter& reporter, const Clock& clock) {
  std::optional<AgentState::Pending> pending;
  std::string unreadable;
  try {
    pending = state.pending();
  } catch (const failure& f) {
    if (classify(f.code()) != Errc::damaged) throw;
    unreadable = f.what();
  }
  if (unreadable.empty() && !pending) co_return std::string{};
  std::optional<Manifest> manifest;
  if (pending) {
    auto parsed = Manifest::parse(pending->manifest);
    if (parsed) manifest = std::move(*parsed);
    else unreadable = parsed.error().message();
  }
  if (!manifest) co_return put_aside(state, "a manifest", unreadable);
  VaultPort::Commit answer;
  std::string refused;
  try {
    answer = co_await vault.commit(pending->manifest);
  } catch (const wire::Refusal& r) {
    if (!is_final(r)) throw;
    refused = r.what();
  }
  if (!refused.empty()) co_return put_aside(state, fmt::format("manifest {} of job {} with number {}", manifest->snapshot_id().brief(), pending->job, pending->sequence), refused);
  if (!answer.missing.empty()) {  // Its number stays used; the run that follows makes a new snapshot.
    state.clear_pending();
    co_return std::string{};
  }
  remember(state, vault.server_id(), clock.wall(), pending->job, *manifest, answer.receipt, nullptr);
  reporter.note(fmt::format("snapshot {} of job {}, left over from an interrupted run, is acknowledged now", manifest->snapshot_id().brief(), pending->job));
  co_return std::string{};
}

}  // namespace farkeep
