#include "agent/restore.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "agent/content.hpp"
#include "agent/fetcher.hpp"
#include "agent/restore_files.hpp"
#include "archive/catalog_stream.hpp"
#include "archive/path.hpp"
#include "async/budget.hpp"
#include "async/queue.hpp"
#include "async/scope.hpp"
#include "base/limits.hpp"
#include "platform/printable.hpp"

namespace farkeep {

namespace {

constexpr std::size_t kBatchEntries = 1024;
constexpr std::size_t kBatchFolders = 64;               // each holds a descriptor
constexpr std::uint64_t kInPieces = 4 * limits::kMiB;  // fetched and written in pieces
constexpr std::size_t kRestoreNodesAhead = 32;

// Names in a catalog come from a vault: each must be one harmless component.
std::vector<std::string> components(const std::string& path) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    std::string part = path.substr(at, end - at);
    if (part.empty() || part == "." || part == "..") throw failure(Errc::malformed, "reading the catalog: the path " + printable(path) + " is not one");
    out.push_back(std::move(part));
    at = end + 1;
  }
  return out;
}

}  // namespace

struct RestoreProgress::Entries {
  bool has(std::uint64_t number) const { return number <= up_to || beyond.contains(number); }

  std::uint64_t up_to = 0;                  // all up to this one are finished, with the links among them…
  std::unordered_set<std::uint64_t> beyond; // …and of the later ones these files
  std::uint64_t planned = 0;                // whose folders were made or reported
  restoring::LinkTargets link_targets;
};
RestoreProgress::RestoreProgress() : entries(std::make_unique<Entries>()) {}
RestoreProgress::~RestoreProgress() = default;

struct RestoreWork {
  using FileOp = restoring::FileOp;
  using FolderOp = restoring::FolderOp;
  using LargeFile = restoring::LargeFile;
  using LinkTarget = restoring::LinkTarget;
  using Unit = restoring::Unit;
  using Written = restoring::Written;

  RestoreWork(VaultPort& vault, const AgentKeys& keys, Workers& w, Reporter& r, const MemoryPlan& m, OtherVault* other, RestoreProgress& d)
      : memory(m), workers(w), reporter(r), fetcher(vault, keys, w, m.kept, other), earlier(*d.entries), result(std::move(d.so_far)), link_targets(std::move(d.entries->link_targets)) {}

  task<void> pipeline(ObjectId root, RestoreOrder order);
  task<void> plan_all(ObjectId root, std::vector<std::string> paths);
  task<void> plan_range(CatalogStream& stream);
  task<std::optional<Entry>> look_up(ObjectId root, std::string path);
  task<void> add(Entry entry);
  void enter(const std::vector<std::string>& parts, std::size_t depth, const Entry* entry);
  void leave_to(const std::vector<std::string>& parts);
  task<void> flush();
  task<void> write(std::shared_ptr<Unit> unit);
  task<void> write_large(std::shared_ptr<Unit> unit);
  task<void> finish_in_order();
  void take(Written& w);
  void leave_for_the_next(RestoreProgress& done);

  const MemoryPlan memory;
  Workers& workers;
  Reporter& reporter;
  Fetcher fetcher;
  RestoreProgress::Entries& earlier;  // what earlier attempts finished
  RestoreResult result;
  std::uint64_t number = 0;          // of the entry that the walk is at
  std::uint64_t up_to = 0;           // finished in order
  std::vector<std::shared_ptr<Unit>> under_way;
  std::unique_ptr<Scope> scope;
  Queue<std::shared_ptr<Unit>> order_{memory.restoring};
  Budget large_turns{memory.restoring_large};
  std::shared_ptr<TargetFolder> top;

  struct Open {
    std::string name;
    std::shared_ptr<TargetFolder> folder;
    std::optional<Entry> entry;
  };
  std::vector<Open> open;  // folders from the target down to where the walk is
  std::unique_ptr<Unit> unit = std::make_unique<Unit>();
  std::unordered_set<Digest> link_seen;
  restoring::LinkTargets link_targets;
};

task<void> RestoreWork::pipeline(ObjectId root, RestoreOrder order) {
  TargetOptions options;
  options.overwrite = order.overwrite;
  options.special = order.special;
  top = TargetFolder::open_root(order.target, options);
  scope->spawn(plan_all(root, std::move(order.paths)), "reading the catalog");
  co_await finish_in_order();
  top->sync();
}

task<void> RestoreWork::plan_all(ObjectId root, std::vector<std::string> paths) {
  if (paths.empty()) paths.push_back("/");
  for (auto& path : paths) {
    const std::string inside = catalog_path(path);
    if (inside.empty()) {
      CatalogStream stream(root);
      co_await plan_range(stream);
      continue;
    }
    // The folders above it, with their own metadata.
    const auto parts = components(inside);
    std::string above;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      above += (i ? "/" : "") + parts[i];
      std::optional<Entry> entry = co_await look_up(root, above);
      if (!entry) throw failure(Errc::not_found, "restoring " + printable(path) + ": the snapshot has no " + printable("/" + above));
      co_await add(std::move(*entry));
    }
    CatalogStream stream(root, CatalogRange::below(inside));
    const std::uint64_t before = result.progress.expected_files;
    co_await plan_range(stream);
    if (result.progress.expected_files == before) throw failure(Errc::not_found, "restoring " + printable(path) + ": the snapshot does not have it (list it with: farkeep ls)");
  }
  ++number;  // the folders that are open still are finished after all entries
  leave_to({});
  co_await flush();
  order_.close();
}

task<void> RestoreWork::plan_range(CatalogStream& stream) {
  while (!stream.at_end()) {
    while (auto entry = stream.next()) {
      ++result.progress.expected_files;
      co_await add(std::move(*entry));
    }
    if (stream.at_end()) break;
    std::vector<NodePlainOwned> nodes = co_await fetcher.load(stream.wanted(kRestoreNodesAhead));
    for (auto& n : nodes) value_or_throw(stream.give(n.id, n.message, n.refs), "reading catalog node " + n.id.brief());
  }
}

task<std::optional<Entry>> RestoreWork::look_up(ObjectId root, std::string path) {
  CatalogStream stream(root, CatalogRange::only(path));
  for (;;) {
    auto entry = stream.next();
    if (entry || stream.at_end()) co_return entry;
    std::vector<NodePlainOwned> nodes = co_await fetcher.load(stream.wanted(kRestoreNodesAhead));
    for (auto& n : nodes) value_or_throw(stream.give(n.id, n.message, n.refs), "reading catalog node " + n.id.brief());
  }
}

// Folders that the walk has left are finished when everything planned so far is written.
void RestoreWork::leave_to(const std::vector<std::string>& parts) {
  std::size_t same = 0;
  while (same < open.size() && same < parts.size() && open[same].name == parts[same]) ++same;
  while (open.size() > same) {
    if (open.back().entry) unit->folders_done.push_back(FolderOp{std::move(*open.back().entry), open.back().folder, number <= earlier.up_to});
    open.pop_back();
  }
}

void RestoreWork::enter(const std::vector<std::string>& parts, std::size_t depth, const Entry* entry) {
  const auto& in = open.empty() ? top : open.back().folder;
  Open next{parts[depth], in->folder(parts[depth]), std::nullopt};
  if (entry) next.entry = *entry;
  open.push_back(std::move(next));
}

task<void> RestoreWork::add(Entry entry) {
  ++number;
  const bool reported = number <= earlier.planned;
  const auto parts = components(entry.path);
  const std::vector<std::string> above(parts.begin(), parts.end() - 1);
  if (entry.kind == EntryKind::folder) {
    leave_to(parts);
    if (open.size() == parts.size()) co_return;  // a folder above a restored path, seen again
    while (open.size() < above.size()) enter(parts, open.size(), nullptr);
    ++result.progress.folders;
    try {
      enter(parts, parts.size() - 1, &entry);
    } catch (const failure& f) {
      if (restoring::ends_restore(f)) throw;
      if (!reported && result.problems.size() < kMaxProblems) result.problems.push_back(printable("/" + entry.path) + ": " + f.what());
      if (!reported) ++result.progress.unreadable;
    }
    co_return;
  }
  leave_to(above);
  try {
    while (open.size() < above.size()) enter(parts, open.size(), nullptr);
  } catch (const failure& f) {
    if (restoring::ends_restore(f)) throw;
    if (!reported) ++result.progress.unreadable;
    co_return;
  }
  const auto& folder = open.empty() ? top : open.back().folder;
  const bool large = entry.kind == EntryKind::file && entry.size > kInPieces;
  if (large) co_await flush();
  FileOp op{std::move(entry), folder, parts.back(), number, earlier.has(number)};
  op.link = link_identity(op.entry);
  const bool another_name = op.link && !link_seen.insert(*op.link).second;
  if (another_name) {
    unit->links.push_back(std::move(op));
  } else {
    if (op.entry.kind == EntryKind::file) unit->bytes += op.entry.size;
    unit->files.push_back(std::move(op));
  }
  unit->up_to = number;
  if (large || unit->bytes >= memory.restored || unit->files.size() + unit->links.size() >= kBatchEntries || unit->folders_done.size() >= kBatchFolders) co_await flush();
}

task<void> RestoreWork::flush() {
  if (unit->files.empty() && unit->links.empty() && unit->folders_done.empty()) co_return;
  std::shared_ptr<Unit> full = std::exchange(unit, std::make_unique<Unit>());
  under_way.push_back(full);
  co_await order_.push(full);
  const bool large = full->files.size() == 1 && full->files[0].entry.kind == EntryKind::file && full->files[0].entry.size > kInPieces;
  if (large) scope->spawn(write_large(std::move(full)), "restoring a large file");
  else scope->spawn(write(std::move(full)), "restoring files");
}

task<void> RestoreWork::write(std::shared_ptr<Unit> u) {
  std::vector<ObjectId> ids;
  std::size_t bytes = 0, shared = 0;
  for (auto& op : u->files) {
    if (op.finished) continue;
    for (auto& c : op.entry.chunks) {
      if (bytes < 2 * limits::kSolidTarget) ++shared;  // neighbours are read side by side and may have changed places
      bytes += c.size;
      ids.push_back(c.id);
    }
  }
  std::shared_ptr<ObjectSet> objects = co_await fetcher.objects(std::move(ids), shared);
  co_await workers.offload(&restoring::write_unit, u, std::move(objects));
  u->files.clear();
  u->done = true;
  u->finished.wake_all();
}

namespace {
// Bytes that were counted while they were written: they count no longer when the file does not come to be.
struct Counted {
  ~Counted() { total -= bytes; }
  std::uint64_t& total;
  std::uint64_t bytes = 0;
};
}  // namespace

task<void> RestoreWork::write_large(std::shared_ptr<Unit> u) {
  if (u->files[0].finished) {
    u->done = true;
    u->finished.wake_all();
    co_return;
  }
  Budget::Lease turn = co_await large_turns.take(1);
  FileOp& op = u->files[0];
  std::string problem;
  Counted counted{result.progress.bytes};
  try {
    LargeFile l = co_await workers.offload(&restoring::open_large, static_cast<const FileOp*>(&op));
    if (!restoring::keeps(l.plan)) {
      ContentReader reader(op.entry, fetcher, memory.restored / 4 * 3);
      Scope pieces(co_await asio::this_coro::executor);
      Queue<ContentPiece> line{1};  // one piece is fetched while one is written
      pieces.spawn(reader.read_all(line), "fetching a large file");
      auto write_all = [](RestoreWork* self, Counted* count, Queue<ContentPiece>* from, ContentWriter* to) -> task<void> {
        while (auto piece = co_await from->pop()) {
          self->result.progress.bytes += piece->bytes;
          count->bytes += piece->bytes;
          co_await self->workers.offload(&restoring::write_piece, to, std::move(*piece));
          self->reporter.progress(self->result.progress);
        }
      };
      pieces.spawn(write_all(this, &counted, &line, l.content.get()), "writing a large file");
      co_await pieces.join();
    }
    const NotApplied missing = co_await workers.offload(&restoring::finish_large, &l, static_cast<const FileOp*>(&op));
    u->written.applied(op.entry.path, missing);
    if (restoring::keeps(l.plan)) u->written.keeps_for_links(op, l.plan);
    else if (op.link) u->written.linkable.emplace_back(*op.link, LinkTarget{op.folder, op.name, l.file->identity()});
    u->written.files = 1;
    u->written.numbers.push_back(op.number);
    counted.bytes = 0;
  } catch (const failure& f) {
    if (restoring::ends_restore(f)) throw;
    problem = f.what();
  }
  if (!problem.empty()) {
    u->written.problem(op.entry.path, problem);
    u->written.numbers.push_back(op.number);
  }
  u->done = true;
  u->finished.wake_all();
}

void RestoreWork::take(Written& w) {
  result.progress.files += w.files;
  result.progress.others += w.others;
  result.progress.bytes += w.bytes;
  result.not_applied += w.not_applied;
  result.left_out += w.left_out;
  for (auto& p : w.problems) {
    ++result.progress.unreadable;
    reporter.problem(p, "");
    if (result.problems.size() < kMaxProblems) result.problems.push_back(std::move(p));
  }
  for (auto& [link, target] : w.linkable) link_targets.emplace(link, std::move(target));
  w.files = w.others = w.bytes = w.not_applied = w.left_out = 0;
  w.problems.clear();
  w.linkable.clear();
}

// All threads have come back: what a unit says of itself is so.
void RestoreWork::leave_for_the_next(RestoreProgress& done) {
  earlier.up_to = std::max(earlier.up_to, up_to);
  std::erase_if(earlier.beyond, [&](std::uint64_t n) { return n <= earlier.up_to; });
  for (auto& u : under_way) {
    earlier.beyond.insert(u->written.numbers.begin(), u->written.numbers.end());
    take(u->written);
  }
  earlier.planned = std::max(earlier.planned, number);
  earlier.link_targets = std::move(link_targets);
  result.progress.folders = result.progress.expected_files = 0;  // the walk counts them
  done.so_far = std::move(result);
}

task<void> RestoreWork::finish_in_order() {
  while (auto next = co_await order_.pop()) {
    Unit& u = **next;
    while (!u.done) co_await u.finished.wait();
    take(u.written);
    if (!u.links.empty() || !u.folders_done.empty()) {
      Written w = co_await workers.offload(&restoring::finish_unit, &u, &link_targets);
      take(w);
    }
    up_to = std::max(up_to, u.up_to);
    std::erase(under_way, *next);
    reporter.progress(result.progress);
  }
}

Restore::Restore(VaultPort& vault, const AgentKeys& keys, Workers& workers, Reporter& reporter, MemoryPlan memory, OtherVault* other)
    : vault_(vault), keys_(keys), workers_(workers), reporter_(reporter), memory_(memory), other_(other) {}
Restore::~Restore() = default;

const SnapshotInfo& pick_for_restore(const std::vector<SnapshotInfo>& all, const std::string& name, const RestoreProgress& done) {
  return pick_snapshot(all, done.snapshot ? done.snapshot->hex() : name);
}

task<RestoreResult> Restore::run(const SnapshotInfo& snapshot, RestoreOrder order, RestoreProgress* done) {
  RestoreProgress nothing;
  RestoreProgress& progress = done ? *done : nothing;
  RestoreWork work(vault_, keys_, workers_, reporter_, memory_, other_, progress);
  work.result.progress.phase = "restoring";
  work.result.progress.server = vault_.server();
  work.result.progress.expected_bytes = order.paths.empty() ? snapshot.details.bytes : 0;
  work.scope = std::make_unique<Scope>(co_await asio::this_coro::executor);
  work.scope->spawn(work.pipeline(snapshot.root, std::move(order)), "restore");
  try {
    co_await work.scope->join();
  } catch (...) {
    if (work.number > 0) progress.snapshot = snapshot.id;
    work.leave_for_the_next(progress);
    throw;
  }
  work.result.progress.phase = "done";
  co_return std::move(work.result);
}

}  // namespace farkeep
