#include "agent/backup.hpp"

#include <algorithm>
#include <utility>

#include "agent/backup_work.hpp"
#include "archive/envelope_record.hpp"
#include "archive/manifest.hpp"
#include "base/utf8.hpp"
#include "crypto/envelope.hpp"
#include "platform/printable.hpp"
#include "platform/process.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kNodesTogether = 64;  // nodes asked about in one question
constexpr std::size_t kMaxProblemPath = 800, kMaxProblemText = 400;  // kMaxProblems of them are half a manifest
constexpr std::size_t kMaxJournals = 8;

std::vector<NodePlainOwned> absorb(Catalogue* catalogue, std::vector<Entry> entries, std::vector<bool> journal) {
  std::vector<Entry> keep;
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (journal[i]) keep.push_back(entries[i]);
  catalogue->journal->add(keep);
  for (auto& e : entries) catalogue->builder->add(e);
  return std::exchange(catalogue->nodes, {});
}

}  // namespace

std::vector<std::string> journals(Disk& disk, const std::string& folder) {
  std::vector<std::string> found;
  for (auto& name : disk.list(folder))
    if (name.starts_with("journal.")) found.push_back(folder + "/" + name);
  return found;
}

std::string BackupResult::shortcomings() const {
  std::string out;
  const auto add = [&](const std::string& text) { out += (out.empty() ? "" : "; ") + text; };
  if (progress.unreadable) add(fmt::format("{} files could not be read and are not in it", progress.unreadable));
  if (progress.without_attributes) add(fmt::format("{} files lack attributes that could not be read", progress.without_attributes));
  if (progress.changed_while_read) add(fmt::format("{} files changed while they were read and are kept with a mark", progress.changed_while_read));
  if (!lacks.empty()) add(lacking_text(in_words(lacks)));
  if (!hook_problem.empty()) add(hook_problem);
  return out;
}

BackupAttempt::BackupAttempt(BackupParts parts, const BackupJob& job, VaultPort& vault, bool trust)
    : work_(std::make_unique<Work>(parts, job, vault, trust)) {}
BackupAttempt::~BackupAttempt() = default;
task<BackupResult> BackupAttempt::run() { return work_->run(); }

task<BackupResult> BackupAttempt::Work::run() {
  scope = std::make_unique<Scope>(co_await asio::this_coro::executor);
  scope->spawn(pipeline(), "backup of job " + job.name);
  co_await scope->join();
  result.progress = progress;
  co_return std::move(result);
}

// 1. what is known from before  2. walk, match, read, send  3. is it what was meant?  4. the catalog's last nodes, the manifest
task<void> BackupAttempt::Work::pipeline() {
  co_await prepare();
  scope->spawn(scan_ahead(), "walking the sources");
  scope->spawn(produce(), "comparing with the last snapshot");
  co_await consume();
  judge_sources();
  tell_what_is_not_kept();
  co_await commit();
}

task<void> BackupAttempt::Work::prepare() {
  Disk& disk = parts.state.disk();
  started = parts.clock.wall();
  progress.server = vault.server();
  progress.phase = "scanning";
  last = parts.state.job(job.name);
  if (!last.lacks_trusted() && !sees_trusted_attributes()) {  // before there is a journal of it
    last.set_lacks_trusted(true);
    parts.state.set_job(job.name, last);
  }
  folder = parts.state.job_folder(job.name);
  progress.expected_files = last.files();
  progress.expected_bytes = last.bytes();

  // The run's own key, and its envelope ahead of everything sealed with it.
  session = parts.random.id<SessionId>();
  session_key.emplace();
  parts.random.fill((*session_key)->mutable_view());
  sealer = std::make_unique<RecordSealer>(**session_key, session, parts.keys.ring, parts.keys.account, parts.keys.agent, parts.random, job.compression);
  const bool empty = vault.facts().objects == 0;
  uploader = std::make_unique<Uploader>(vault, *sealer, parts.workers, *scope, known, progress, !empty, parts.memory.unacked);
  uploader->send_ahead(make_envelope_record(session, seal_envelope(**session_key, session, parts.keys.ring.wrap_key(), parts.random)));

  // What was known before: the last snapshot's catalog, and what interrupted attempts left.
  fetcher = std::make_unique<Fetcher>(vault, parts.keys, parts.workers, parts.memory.kept);
  if (const auto root = ObjectId::from(last.snapshot_root())) {
    nodes = std::make_unique<CachedNodes>(CatalogCache::open(disk, folder + "/catalog", *root), parts.keys.ring, parts.workers, *fetcher);
    const bool has = co_await server_has_last();
    sources.push_back(std::make_unique<CatalogSource>(*root, *nodes, has, [this, has](const ObjectId& id) {
      if (has) known.add(id);
    }));
  }
  auto old = journals(disk, folder);
  while (old.size() >= kMaxJournals) {
    disk.remove(old.front());
    old.erase(old.begin());
  }
  unsigned next = 1;
  for (auto& path : old) {
    sources.push_back(std::make_unique<JournalSource>(JournalReader::open(disk, path), parts.workers));
    next = std::max(next, static_cast<unsigned>(std::strtoul(path.c_str() + path.rfind('.') + 1, nullptr, 10)) + 1);
  }
  if (!old.empty()) parts.reporter.note("continuing an interrupted run: files read then are not read again");

  journal_file = folder + fmt::format("/journal.{:06}", next);
  catalogue.journal = std::make_unique<JournalWriter>(disk, journal_file);
  catalogue.cache = std::make_unique<CatalogCacheWriter>(disk, folder + "/catalog");
  catalogue.builder = std::make_unique<CatalogBuilder>(parts.keys.ring, [this](NodePlainOwned n) {
    catalogue.cache->add(n);
    catalogue.nodes.push_back(std::move(n));
  });
  context = std::make_unique<ReadContext>(ReadContext{parts.keys.ring, parts.keys.cut_key, kDefaultSizes, parts.clock, last.lacks_trusted() && sees_trusted_attributes()});
  scanner = std::make_unique<Scanner>(parts.sources, job.sources, job.rules, job.scan, Scanner::Reach::everything, parts.memory.names);
}

// A server that has our last snapshot has everything below it: its commit checked that.
task<bool> BackupAttempt::Work::server_has_last() {
  if (!trust || last.snapshot_sequence() == 0) co_return false;
  auto rows = co_await vault.snapshots(last.snapshot_sequence() - 1);
  if (rows.empty()) co_return false;
  auto manifest = Manifest::parse(rows.front().manifest);
  co_return manifest && manifest->snapshot_id().raw() == last.snapshot_digest();
}

task<void> BackupAttempt::Work::consume() {
  while (auto next = co_await order.pop()) {
    Slot& slot = **next;
    while (!slot.done) co_await slot.finished.wait();
    for (auto& p : slot.problems) {
      ++(p.kept ? progress.without_attributes : progress.unreadable);
      const std::string path = without_middle("/" + p.path, kMaxProblemPath), text = without_middle(p.text, kMaxProblemText);
      parts.reporter.problem(path, text);
      if (result.problems.size() < kMaxProblems) result.problems.push_back({path, text});
    }
    result.vanished.add(slot.vanished);
    result.flagged.add(slot.flagged);
    progress.vanished = result.vanished.count;
    progress.changed_while_read += slot.changed_while_read;
    for (auto& e : slot.entries) {
      e.user = owners.user(e.uid);
      e.group = owners.group(e.gid);
      if (e.changed_while_read) parts.reporter.problem("/" + e.path, "changed while it was read; kept, with a mark");
      count(e);
    }
    parts.reporter.progress(progress);
    std::vector<NodePlainOwned> made = co_await parts.workers.offload(&absorb, &catalogue, std::move(slot.entries), std::move(slot.journal));
    co_await hand_nodes(std::move(made), false);
  }
  progress.excluded = scanner->excluded();
  result.vanished.add(scanner->vanished());
  result.flagged.add(scanner->flagged());
  progress.vanished = result.vanished.count;
}

// Before the manifest, which says so too.
void BackupAttempt::Work::judge_sources() {
  result.sources = scanner->found();
  if (!scanner->not_entered().empty()) {
    std::string all;
    for (auto& path : scanner->not_entered()) all += (all.empty() ? "" : ", ") + printable(path);
    if (scanner->more_not_entered() > 0) all += fmt::format(" and {} more", scanner->more_not_entered());
    parts.reporter.note("not entered, for the running system makes them up: " + all + " (name one as a path of the job to back it up)");
  }
  result.lacks = lacks_of(result.sources, last, job.shrunk);
  if (job.commands.empty() && lacks_all(result.sources, last, job.shrunk)) {
    catalogue.journal.reset();
    parts.state.disk().remove(journal_file);  // there is nothing in it
    throw failure::whole(Errc::not_found, "backing up job " + job.name + ": nothing of its sources is there, so no snapshot is made: " + in_words(result.lacks));
  }
  for (auto& l : result.lacks) {
    const auto was_found = std::find_if(result.sources.begin(), result.sources.end(), [&](auto& s) { return s.path == l.path; });
    if (!was_found->problem.empty()) continue;  // told, and counted, when the walk came there
    const std::string path = without_middle(l.path, kMaxProblemPath), text = without_middle(l.text, kMaxProblemText);
    parts.reporter.problem(path, text);
    if (result.problems.size() < kMaxProblems) result.problems.push_back({path, text});
  }
}

void BackupAttempt::Work::tell_what_is_not_kept() {
  if (sees_no_trusted_attributes())
    parts.reporter.note("attributes named trusted.* (overlay file systems of containers have them) are not in the snapshot, for the system shows them only with CAP_SYS_ADMIN: "
                        "back up as root, or give the service that right, where they matter");
  if (result.flagged.count)
    parts.reporter.note(fmt::format("{} files and folders that were read have flags that a snapshot does not hold (immutable, append-only, no dump, no copy-on-write), {} for one: lsattr shows "
                                    "them, and after a restore chattr sets them",
                                    result.flagged.count, printable("/" + result.flagged.first)));
}

void BackupAttempt::Work::count(const Entry& e) {
  switch (e.kind) {
    case EntryKind::folder: ++progress.folders; break;
    case EntryKind::file:
      ++progress.files;
      progress.bytes += e.size;
      break;
    default: ++progress.others;
  }
}

task<void> BackupAttempt::Work::hand_nodes(std::vector<NodePlainOwned> made, bool all) {
  for (auto& n : made) node_line.push_back(std::move(n));
  if (node_line.size() >= kNodesTogether || (all && !node_line.empty())) {
    std::vector<NodePlainOwned> some = std::move(node_line);
    node_line.clear();
    co_await uploader->offer(std::move(some));
  }
}

}  // namespace farkeep
