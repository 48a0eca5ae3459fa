// Long: one run's story, from what is known before to the acknowledged manifest, whose steps share all of their state.
#include "agent/backup.hpp"

#include <algorithm>
#include <utility>

#include "agent/catalog_cache.hpp"
#include "agent/command_output.hpp"
#include "agent/entry_source.hpp"
#include "agent/fetcher.hpp"
#include "agent/file_work.hpp"
#include "agent/journal.hpp"
#include "agent/uploader.hpp"
#include "archive/catalog_builder.hpp"
#include "archive/envelope_record.hpp"
#include "archive/manifest.hpp"
#include "async/queue.hpp"
#include "async/scope.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/software.hpp"
#include "crypto/envelope.hpp"
#include "platform/process.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kScanBatch = 1024;                     // names looked at in one hop to a worker
constexpr std::size_t kWorkItems = 512;                      // items of one unit of work…
constexpr std::size_t kWorkBytes = 1 * limits::kMiB;         // …and about as many bytes to read
constexpr std::uint64_t kLargeFile = 2 * limits::kMiB;       // read in pieces, so that memory stays bounded
constexpr std::size_t kLargePiece = 2 * limits::kMiB;
constexpr std::size_t kUnderWay = 6;                           // units of work under way; two cores are busy with three
constexpr std::size_t kNodesTogether = 64;                   // nodes asked about in one question
constexpr std::size_t kMaxJournals = 8;

// A unit of work on its way: started in order, finished in any, taken in order.
struct Slot {
  std::vector<Entry> entries;
  std::vector<bool> journal;
  std::vector<DoneBatch::Problem> problems;
  std::uint64_t changed_while_read = 0;
  bool done = false;
  Waiters finished;
};

// What turns entries into the catalog.  Used by one worker at a time.
struct Catalogue {
  std::unique_ptr<JournalWriter> journal;
  std::unique_ptr<CatalogCacheWriter> cache;
  std::unique_ptr<CatalogBuilder> builder;
  std::vector<NodePlainOwned> nodes;  // finished since the last look
};

std::vector<NodePlainOwned> absorb(Catalogue* catalogue, std::vector<Entry> entries, std::vector<bool> journal) {
  std::vector<Entry> keep;
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (journal[i]) keep.push_back(entries[i]);
  catalogue->journal->add(keep);
  for (auto& e : entries) catalogue->builder->add(e);
  return std::exchange(catalogue->nodes, {});
}

std::vector<ScanItem> scan_some(Scanner* scanner) { return scanner->next(kScanBatch); }

struct Piece {
  CutData data;
  bool more;
};
Piece next_piece(FileCutter* cutter) {
  Piece p;
  p.more = cutter->step(p.data, kLargePiece);
  return p;
}
std::unique_ptr<FileCutter> open_file(const ReadContext* context, const ScanItem* item) { return std::make_unique<FileCutter>(*context, *item); }
std::unique_ptr<FileCutter> open_output(const ReadContext* context, const std::string* path, std::unique_ptr<SourceFile> file) {
  return std::make_unique<FileCutter>(*context, *path, std::move(file));
}
Entry finish_file(FileCutter* cutter) { return cutter->finish(); }

bool is_read(const WorkBatch::Item& item) { return !item.reuse && item.found.stat.kind == EntryKind::file && item.found.problem.empty(); }
// It is a unit of work by itself, and read in pieces.
bool is_alone(const WorkBatch::Item& item) { return is_read(item) && (item.found.stat.size > kLargeFile || item.found.command); }

bool unchanged(const Entry& before, const EntryStat& now) {
  return before.kind == EntryKind::file && now.kind == EntryKind::file && before.size == now.size && before.mtime_ns == now.mtime_ns &&
         before.ctime_ns == now.ctime_ns && before.inode == now.inode && !before.changed_while_read;
}

std::vector<std::string> journals(Disk& disk, const std::string& folder) {
  std::vector<std::string> found;
  for (auto& name : disk.list(folder))
    if (name.starts_with("journal.")) found.push_back(folder + "/" + name);
  return found;
}

}  // namespace

struct BackupAttempt::Work {
  Work(BackupParts p, const BackupJob& j, VaultPort& v, bool t) : parts(p), job(j), vault(v), trust(t) {}

  task<BackupResult> run();
  task<void> pipeline();
  task<void> prepare();
  task<bool> server_has_last();
  task<void> scan_ahead();
  task<void> produce();
  task<void> match(std::vector<ScanItem> found, std::vector<WorkBatch::Item>& out);
  task<void> start(std::vector<WorkBatch::Item> items);
  task<void> small(std::shared_ptr<Slot> slot, WorkBatch batch);
  task<void> large(std::shared_ptr<Slot> slot, WorkBatch::Item item);
  task<void> printed(std::shared_ptr<Slot> slot, ScanItem item);
  task<void> consume();
  task<void> hand_nodes(std::vector<NodePlainOwned> nodes, bool all);
  task<void> commit();
  void count(const Entry& e);

  BackupParts parts;
  const BackupJob& job;
  VaultPort& vault;
  const bool trust;

  agent::pb::Job last;
  std::string folder;
  WallTime started;
  SessionId session;
  std::unique_ptr<SecretKey> session_key;
  std::unique_ptr<RecordSealer> sealer;
  KnownObjects known;
  std::unique_ptr<Scope> scope;
  std::unique_ptr<Uploader> uploader;
  std::unique_ptr<Fetcher> fetcher;
  std::unique_ptr<CachedNodes> nodes;
  std::vector<std::unique_ptr<EntrySource>> sources;
  std::unique_ptr<Scanner> scanner;
  std::unique_ptr<ReadContext> context;
  Queue<std::vector<ScanItem>> scanned{2};
  Queue<std::shared_ptr<Slot>> order{kUnderWay};
  Catalogue catalogue;
  std::vector<NodePlainOwned> node_line;
  OwnerNames owners;
  Progress progress;
  BackupResult result;
};

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

// 1. what is known from before  2. walk, match, read, send  3. the catalog's last nodes  4. the manifest
task<void> BackupAttempt::Work::pipeline() {
  co_await prepare();
  scope->spawn(scan_ahead(), "walking the sources");
  scope->spawn(produce(), "comparing with the last snapshot");
  co_await consume();
  co_await commit();
}

task<void> BackupAttempt::Work::prepare() {
  Disk& disk = parts.state.disk();
  started = parts.clock.wall();
  progress.server = vault.server();
  progress.phase = "scanning";
  last = parts.state.job(job.name);
  folder = parts.state.job_folder(job.name);
  progress.expected_files = last.files();
  progress.expected_bytes = last.bytes();

  // The run's own key, and its envelope ahead of everything sealed with it.
  session = parts.random.id<SessionId>();
  session_key = std::make_unique<SecretKey>();
  parts.random.fill(session_key->mutable_view());
  sealer = std::make_unique<RecordSealer>(*session_key, session, parts.keys.ring, parts.keys.account, parts.keys.agent, parts.random, job.compression);
  const bool empty = vault.facts().objects == 0;
  uploader = std::make_unique<Uploader>(vault, *sealer, parts.workers, *scope, known, progress, !empty);
  uploader->send_ahead(make_envelope_record(session, seal_envelope(*session_key, session, parts.keys.ring.wrap_key(), parts.random)));

  // What was known before: the last snapshot's catalog, and what interrupted attempts left.
  fetcher = std::make_unique<Fetcher>(vault, parts.keys, parts.workers);
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

  catalogue.journal = std::make_unique<JournalWriter>(disk, folder + fmt::format("/journal.{:06}", next));
  catalogue.cache = std::make_unique<CatalogCacheWriter>(disk, folder + "/catalog");
  catalogue.builder = std::make_unique<CatalogBuilder>(parts.keys.ring, [this](NodePlainOwned n) {
    catalogue.cache->add(n);
    catalogue.nodes.push_back(std::move(n));
  });
  context = std::make_unique<ReadContext>(ReadContext{parts.keys.ring, parts.keys.cut_key, kDefaultSizes, parts.clock});
  scanner = std::make_unique<Scanner>(parts.sources, job.sources, job.rules, job.scan);
}

// A server that has our last snapshot has everything below it: its commit checked that.
task<bool> BackupAttempt::Work::server_has_last() {
  if (!trust || last.snapshot_sequence() == 0) co_return false;
  auto rows = co_await vault.snapshots(last.snapshot_sequence() - 1);
  if (rows.empty()) co_return false;
  auto manifest = Manifest::parse(rows.front().manifest);
  co_return manifest && manifest->snapshot_id().raw() == last.snapshot_digest();
}

task<void> BackupAttempt::Work::scan_ahead() {
  CommandItems printed_items(job.commands, started);
  for (;;) {
    std::vector<ScanItem> found = co_await parts.workers.offload(&scan_some, scanner.get());
    if (found.empty()) break;
    printed_items.merge(found);
    co_await scanned.push(std::move(found));
  }
  std::vector<ScanItem> last_items = printed_items.rest();
  if (!last_items.empty()) co_await scanned.push(std::move(last_items));
  scanned.close();
}

task<void> BackupAttempt::Work::produce() {
  std::vector<WorkBatch::Item> items;
  std::uint64_t bytes = 0;
  while (auto found = co_await scanned.pop()) {
    std::vector<WorkBatch::Item> matched;
    co_await match(std::move(*found), matched);
    for (auto& item : matched) {
      const bool alone = is_alone(item);
      if (!items.empty() && (alone || items.size() >= kWorkItems || bytes >= kWorkBytes)) {
        std::vector<WorkBatch::Item> full = std::move(items);
        items.clear();
        co_await start(std::move(full));
        bytes = 0;
      }
      if (is_read(item)) bytes += item.found.stat.size;
      items.push_back(std::move(item));
      if (alone) {
        std::vector<WorkBatch::Item> full = std::move(items);
        items.clear();
        co_await start(std::move(full));
        bytes = 0;
      }
    }
  }
  if (!items.empty()) co_await start(std::move(items));
  order.close();
}

// Which of the items are as they were.  What is not known to be on this server is asked about before it is taken over.
task<void> BackupAttempt::Work::match(std::vector<ScanItem> found, std::vector<WorkBatch::Item>& out) {
  std::vector<std::size_t> doubtful;
  std::vector<ObjectId> questions;
  Entry before;
  for (auto& f : found) {
    WorkBatch::Item item;
    item.found = std::move(f);
    const bool file = item.found.stat.kind == EntryKind::file && item.found.problem.empty() && !item.found.command;
    for (auto& source : sources) {
      EntrySource::Took took;
      while ((took = source->take(item.found.path, before)) == EntrySource::Took::need_more) co_await source->refill();
      if (took != EntrySource::Took::found || !file || item.reuse) continue;
      if (!unchanged(before, item.found.stat)) {
        if (item.found.stat.size > kLargeFile && before.kind == EntryKind::file) item.before = std::move(before);
        continue;
      }
      before.hardlink_group = entry_of(item.found).hardlink_group;
      item.journal = source.get() != sources.front().get() || !source->trusted();
      if (!source->trusted() && !before.chunks.empty()) doubtful.push_back(out.size());
      item.reuse = std::move(before);
    }
    progress.unchanged += item.reuse.has_value();
    out.push_back(std::move(item));
  }
  if (doubtful.empty()) co_return;

  std::vector<bool> here;
  for (auto i : doubtful)
    for (auto& c : out[i].reuse->chunks) questions.push_back(c.id);
  for (std::size_t at = 0; at < questions.size(); at += limits::kIdsPerQuestion) {
    const std::size_t n = std::min(questions.size() - at, limits::kIdsPerQuestion);
    std::vector<ObjectId> some(questions.begin() + static_cast<std::ptrdiff_t>(at), questions.begin() + static_cast<std::ptrdiff_t>(at + n));
    const std::vector<bool> has = co_await vault.have(std::move(some));
    here.insert(here.end(), has.begin(), has.end());
  }
  std::size_t q = 0;
  for (auto i : doubtful) {
    bool all = true;
    for (std::size_t c = out[i].reuse->chunks.size(); c > 0; --c) all = here[q++] && all;
    if (all) continue;
    out[i].reuse.reset();
    --progress.unchanged;
  }
}

task<void> BackupAttempt::Work::start(std::vector<WorkBatch::Item> items) {
  auto slot = std::make_shared<Slot>();
  co_await order.push(slot);
  const bool alone = items.size() == 1 && is_alone(items[0]);
  if (alone && items[0].found.command) {
    scope->spawn(printed(std::move(slot), std::move(items[0].found)), "reading a command's output");
  } else if (alone) {
    scope->spawn(large(std::move(slot), std::move(items[0])), "reading a large file");
  } else {
    WorkBatch batch;
    batch.items = std::move(items);
    scope->spawn(small(std::move(slot), std::move(batch)), "reading files");
  }
}

task<void> BackupAttempt::Work::small(std::shared_ptr<Slot> slot, WorkBatch batch) {
  DoneBatch done = co_await parts.workers.offload(&do_batch_of, context.get(), std::move(batch));
  progress.bytes_read += done.bytes_read;
  co_await uploader->offer(std::move(done.data));
  slot->entries = std::move(done.entries);
  slot->journal = std::move(done.journal);
  slot->problems = std::move(done.problems);
  slot->changed_while_read = done.changed_while_read;
  slot->done = true;
  slot->finished.wake_all();
}

task<void> BackupAttempt::Work::large(std::shared_ptr<Slot> slot, WorkBatch::Item item) {
  std::string problem;
  Uploader::Lane lane;
  NodeLoader& lists = nodes ? static_cast<NodeLoader&>(*nodes) : *fetcher;
  try {
    for (int tries = 1;; ++tries) {
      std::optional<EarlierContent> earlier;
      if (item.before) earlier.emplace(*item.before);
      std::unique_ptr<FileCutter> cutter = co_await parts.workers.offload(&open_file, static_cast<const ReadContext*>(context.get()), static_cast<const ScanItem*>(&item.found));
      if (earlier) cutter->expect(*earlier);
      for (bool more = true; more;) {
        if (earlier) co_await earlier->refill(lists);
        Piece piece = co_await parts.workers.offload(&next_piece, cutter.get());
        more = piece.more;
        progress.bytes_read += piece.data.bytes.size();
        parts.reporter.progress(progress);
        co_await uploader->offer(std::move(piece.data), lane);
        for (auto& n : cutter->take_list_nodes()) node_line.push_back(std::move(n));
      }
      Entry entry = co_await parts.workers.offload(&finish_file, cutter.get());
      if (auto valid = check_entry(entry); !valid) throw failure(Errc::io, "describing the file: " + valid.error().message());
      for (auto& n : cutter->take_list_nodes()) node_line.push_back(std::move(n));
      if (entry.changed_while_read && tries < kTriesToRead) continue;
      slot->changed_while_read = entry.changed_while_read;
      slot->entries.push_back(std::move(entry));
      slot->journal.push_back(true);
      break;
    }
  } catch (const failure& f) {
    // Reading failed: that is this file's problem.  Everything else is the run's.
    const Errc e = classify(f.code());
    if (e != Errc::io && e != Errc::not_found && e != Errc::unauthorised) throw;
    problem = f.what();
  }
  co_await uploader->close(lane);  // a file that could not be read to its end too: other files may count on these chunks
  if (!problem.empty()) slot->problems.push_back({item.found.path, problem});
  slot->done = true;
  slot->finished.wake_all();
}

// A command that fails fails the run: half an output is not what anybody wants to restore.
task<void> BackupAttempt::Work::printed(std::shared_ptr<Slot> slot, ScanItem item) {
  ChildOrder child{item.command->command, {"FARKEEP_JOB=" + job.name}};
  std::unique_ptr<CommandOutput> output = co_await CommandOutput::start(parts.children, std::move(child), parts.reporter);
  scope->spawn(output->listen(parts.timers), "reading a command's errors");
  std::unique_ptr<SourceFile> file = output->file(item.stat);
  std::unique_ptr<FileCutter> cutter =
      co_await parts.workers.offload(&open_output, static_cast<const ReadContext*>(context.get()), static_cast<const std::string*>(&item.path), std::move(file));
  Uploader::Lane lane;
  for (bool more = true; more;) {
    co_await output->fill(2 * kLargePiece);  // more than a piece: a read that is short is the end
    Piece piece = co_await parts.workers.offload(&next_piece, cutter.get());
    more = piece.more;
    progress.bytes_read += piece.data.bytes.size();
    parts.reporter.progress(progress);
    co_await uploader->offer(std::move(piece.data), lane);
    for (auto& n : cutter->take_list_nodes()) node_line.push_back(std::move(n));
  }
  co_await output->finish();
  Entry entry = co_await parts.workers.offload(&finish_file, cutter.get());
  entry.changed_while_read = false;
  entry.ctime_ns = 0;
  for (auto& n : cutter->take_list_nodes()) node_line.push_back(std::move(n));
  co_await uploader->close(lane);
  slot->entries.push_back(std::move(entry));
  slot->journal.push_back(false);
  slot->done = true;
  slot->finished.wake_all();
}

task<void> BackupAttempt::Work::consume() {
  while (auto next = co_await order.pop()) {
    Slot& slot = **next;
    while (!slot.done) co_await slot.finished.wait();
    for (auto& p : slot.problems) {
      ++progress.unreadable;
      parts.reporter.problem("/" + p.path, p.text);
      if (result.problems.size() < kMaxProblems) result.problems.push_back({"/" + p.path, p.text});
    }
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
  const Digest id = value_or_throw(Manifest::parse(manifest), "checking our own manifest").snapshot_id();

  AgentState::Pending pending{statement.sequence, job.name, manifest};
  parts.state.set_pending(pending, id);
  VaultPort::Commit answer = co_await vault.commit(manifest);
  if (!answer.missing.empty()) {
    parts.state.clear_pending();
    throw failure(Errc::missing_object, fmt::format("committing snapshot {}: the server {} lacks {} objects that it was thought to have, {} for one",
                                                    id.brief(), vault.server(), answer.missing.size(), answer.missing.front().brief()));
  }

  // The snapshot exists.  From here on nothing may fail it any more.
  agent::pb::Head now;
  now.set_sequence(statement.sequence);
  now.set_digest(id.raw());
  now.set_receipt(to_string(answer.receipt));
  parts.state.set_head(now);
  parts.state.clear_pending();
  agent::pb::Job state = parts.state.job(job.name);
  state.set_snapshot_sequence(statement.sequence);
  state.set_snapshot_digest(id.raw());
  state.set_snapshot_root(finished.root.raw());
  state.set_files(progress.files);
  state.set_bytes(progress.bytes);
  parts.state.set_job(job.name, state);
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
  if (answer.missing.empty()) {
    agent::pb::Head now;
    now.set_sequence(pending->sequence);
    now.set_digest(manifest->snapshot_id().raw());
    now.set_receipt(to_string(answer.receipt));
    state.set_head(now);
    agent::pb::Job job = state.job(pending->job);
    job.set_snapshot_sequence(pending->sequence);
    job.set_snapshot_digest(manifest->snapshot_id().raw());
    job.set_snapshot_root(manifest->statement().root.raw());
    state.set_job(pending->job, job);
    reporter.note(fmt::format("snapshot {} of job {}, left over from an interrupted run, is acknowledged now", manifest->snapshot_id().brief(), pending->job));
  }
  // Otherwise this server lacks some of it.  Its number stays used; the run that follows makes a new snapshot.
  state.clear_pending();
}

}  // namespace farkeep
