#include <utility>

#include "agent/backup_work.hpp"
#include "agent/command_output.hpp"
#include "archive/manifest.hpp"
#include "base/log.hpp"
#include "base/software.hpp"
#include "platform/process.hpp"

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

// A snapshot that the server has acknowledged.  That it is no longer pending comes last: cut off before that, the server is asked again and says the same.
// `counted`: nothing when it is not known what is in it.
void remember(AgentState& state, const std::string& job, const Manifest& manifest, const Buffer& receipt, const Progress* counted) {
  agent::pb::Head head;
  head.set_sequence(manifest.statement().sequence);
  head.set_digest(manifest.snapshot_id().raw());
  head.set_receipt(to_string(receipt));
  state.set_head(head);
  agent::pb::Job record = state.job(job);
  record.set_snapshot_sequence(manifest.statement().sequence);
  record.set_snapshot_digest(manifest.snapshot_id().raw());
  record.set_snapshot_root(manifest.statement().root.raw());
  if (counted) {
    record.set_files(counted->files);
    record.set_bytes(counted->bytes);
  }
  state.set_job(job, record);
  state.clear_pending();
}
}  // namespace

// 1. the last nodes  2. a number, the manifest, both on disk  3. send  4. remember
task<void> BackupAttempt::Work::commit() {
  progress.phase = "committing";
  parts.reporter.progress(progress);
  Finished finished = co_await parts.workers.offload(&finish_catalogue, &catalogue);
  co_await hand_nodes(std::move(finished.nodes), true);
  co_await uploader->all_sent();

  // The chain goes on from the newest snapshot that anybody knows of: made here, whether or not it was acknowledged, or shown by the server.
  AgentState::Given before = parts.state.last_given();
  if (const auto head = parts.state.head(); head && head->sequence() > before.sequence)
    before = {head->sequence(), Digest::from(head->digest()).value_or(Digest{})};
  if (vault.facts().head > before.sequence) before = {vault.facts().head, vault.facts().head_digest};
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
  details.software = kSoftware;
  for (auto& p : result.problems) details.problems.push_back(SnapshotProblem{p.path, p.text});
  const Buffer manifest =
      seal_manifest(statement, details, *session_key, parts.keys.ring.nonce_key(), parts.random, parts.keys.signing, parts.keys.chain);
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
  remember(parts.state, job.name, parsed, answer.receipt, &progress);
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

task<void> settle_pending(AgentState& state, VaultPort& vault, Reporter& reporter) {
  const auto pending = state.pending();
  if (!pending) co_return;
  auto manifest = Manifest::parse(pending->manifest);
  if (!manifest) {
    state.clear_pending();
    co_return;
  }
  VaultPort::Commit answer = co_await vault.commit(pending->manifest);
  if (!answer.missing.empty()) {  // Its number stays used; the run that follows makes a new snapshot.
    state.clear_pending();
    co_return;
  }
  remember(state, pending->job, *manifest, answer.receipt, nullptr);
  reporter.note(fmt::format("snapshot {} of job {}, left over from an interrupted run, is acknowledged now", manifest->snapshot_id().brief(), pending->job));
}

}  // namespace farkeep
