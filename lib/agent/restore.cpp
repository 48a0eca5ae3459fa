#include "agent/restore.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "agent/content.hpp"
#include "agent/fetcher.hpp"
#include "archive/catalog_stream.hpp"
#include "async/budget.hpp"
#include "async/queue.hpp"
#include "async/scope.hpp"
#include "base/check.hpp"
#include "base/limits.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kBatchEntries = 1024;
constexpr std::size_t kBatchFolders = 64;               // each holds a descriptor
constexpr std::uint64_t kLargeFile = 4 * limits::kMiB;  // fetched and written in pieces
constexpr std::size_t kNodesAhead = 32;

EntryStat stat_of(const Entry& e) {
  EntryStat s;
  s.kind = e.kind;
  s.mode = e.mode;
  s.uid = e.uid;
  s.gid = e.gid;
  s.mtime_ns = e.mtime_ns;
  s.size = e.size;
  s.device_major = e.device_major;
  s.device_minor = e.device_minor;
  return s;
}

// Names in a catalog come from a vault: each must be one harmless component.
std::vector<std::string> components(const std::string& path) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    std::string part = path.substr(at, end - at);
    if (part.empty() || part == "." || part == "..") throw failure(Errc::malformed, "reading the catalog: the path '" + path + "' is not one");
    out.push_back(std::move(part));
    at = end + 1;
  }
  return out;
}

struct FileOp {
  Entry entry;
  std::shared_ptr<TargetFolder> folder;
  std::string name;
};
struct FolderOp {
  Entry entry;
  std::shared_ptr<TargetFolder> folder;
};
struct LinkTarget {
  std::shared_ptr<TargetFolder> folder;
  std::string name;
  FileIdentity identity;
};

struct Written {
  std::uint64_t files = 0, others = 0, bytes = 0, not_applied = 0;
  std::vector<std::string> problems;
  std::vector<std::pair<std::uint64_t, LinkTarget>> linkable;

  void problem(const std::string& path, const std::string& text) { problems.push_back("/" + path + ": " + text); }
  void applied(const std::string& path, const NotApplied& missing) {
    if (!missing.any()) return;
    ++not_applied;
    if (missing.entry) problem(path, "not made: " + missing.text());
  }
};

// A unit of work: written in any order, finished (links, folder times) in the order of the catalog.
struct Unit {
  std::vector<FileOp> files;
  std::vector<FileOp> links;
  std::vector<FolderOp> folders_done;
  std::size_t bytes = 0;
  Written written;
  bool done = false;
  Waiters finished;
};

bool keeps(const TargetPlan& plan) { return plan.action == TargetPlan::Action::keep; }

// A full disk or a lost connection ends the restore; a single file's trouble does not.
bool ends_restore(const failure& f) {
  switch (classify(f.code())) {
    case Errc::io:
    case Errc::exists:
    case Errc::not_found:
    case Errc::unauthorised: return false;
    default: return true;
  }
}

Written write_unit(std::vector<FileOp> ops, std::shared_ptr<ObjectSet> objects) {
  Written w;
  for (auto& op : ops) {
    const Entry& e = op.entry;
    const EntryStat stat = stat_of(e);
    const OwnerText owner{e.user, e.group};
    try {
      const TargetPlan plan = op.folder->plan(op.name, stat);
      if (keeps(plan)) {
        w.applied(e.path, op.folder->apply(op.name, stat, e.xattrs, owner));
      } else if (e.kind == EntryKind::file) {
        auto file = op.folder->file(op.name, plan);
        ContentWriter content(*file, e);
        content.write(e.inline_content);
        for (auto& c : e.chunks) content.write(objects->find(c.id)->bytes);
        content.finish();
        w.applied(e.path, file->finish(stat, e.xattrs, owner));
        if (e.hardlink_group) w.linkable.emplace_back(e.hardlink_group, LinkTarget{op.folder, op.name, file->identity()});
      } else if (e.kind == EntryKind::symlink) {
        w.applied(e.path, op.folder->symlink(op.name, plan, e.link_target, stat, e.xattrs, owner));
      } else {
        w.applied(e.path, op.folder->special(op.name, plan, stat, e.xattrs, owner));
      }
      if (e.kind == EntryKind::file) ++w.files;
      else ++w.others;
      w.bytes += e.kind == EntryKind::file ? e.size : 0;
    } catch (const failure& f) {
      if (ends_restore(f)) throw;
      w.problem(e.path, f.what());
    }
  }
  return w;
}

}  // namespace

struct RestoreWork {
  RestoreWork(VaultPort& vault, const AgentKeys& keys, Workers& w, Reporter& r, const MemoryPlan& m)
      : memory(m), workers(w), reporter(r), fetcher(vault, keys, w, m.kept) {}

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

  const MemoryPlan memory;
  Workers& workers;
  Reporter& reporter;
  Fetcher fetcher;
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
  std::unordered_set<std::uint64_t> link_seen;
  std::unordered_map<std::uint64_t, LinkTarget> link_targets;
  RestoreResult result;
};

task<void> RestoreWork::pipeline(ObjectId root, RestoreOrder order) {
  TargetOptions options;
  options.overwrite = order.overwrite;
  top = TargetFolder::open_root(order.target, options);
  scope->spawn(plan_all(root, std::move(order.paths)), "reading the catalog");
  co_await finish_in_order();
  top->sync();
}

task<void> RestoreWork::plan_all(ObjectId root, std::vector<std::string> paths) {
  if (paths.empty()) {
    CatalogStream stream(root);
    co_await plan_range(stream);
  }
  for (auto& path : paths) {
    std::string inside = path;
    while (!inside.empty() && inside.front() == '/') inside.erase(0, 1);
    while (!inside.empty() && inside.back() == '/') inside.pop_back();
    // The folders above it, with their own metadata.
    const auto parts = components(inside);
    std::string above;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      above += (i ? "/" : "") + parts[i];
      std::optional<Entry> entry = co_await look_up(root, above);
      if (!entry) throw failure(Errc::not_found, "restoring " + path + ": the snapshot has no /" + above);
      co_await add(std::move(*entry));
    }
    CatalogStream stream(root, CatalogRange::below(inside));
    const std::uint64_t before = result.progress.expected_files;
    co_await plan_range(stream);
    if (result.progress.expected_files == before) throw failure(Errc::not_found, "restoring " + path + ": the snapshot does not have it (list it with: farkeep ls)");
  }
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
    std::vector<NodePlainOwned> nodes = co_await fetcher.load(stream.wanted(kNodesAhead));
    for (auto& n : nodes) value_or_throw(stream.give(n.id, n.message, n.refs), "reading catalog node " + n.id.brief());
  }
}

task<std::optional<Entry>> RestoreWork::look_up(ObjectId root, std::string path) {
  CatalogStream stream(root, CatalogRange::only(path));
  for (;;) {
    auto entry = stream.next();
    if (entry || stream.at_end()) co_return entry;
    std::vector<NodePlainOwned> nodes = co_await fetcher.load(stream.wanted(kNodesAhead));
    for (auto& n : nodes) value_or_throw(stream.give(n.id, n.message, n.refs), "reading catalog node " + n.id.brief());
  }
}

// Folders that the walk has left are finished when everything planned so far is written.
void RestoreWork::leave_to(const std::vector<std::string>& parts) {
  std::size_t same = 0;
  while (same < open.size() && same < parts.size() && open[same].name == parts[same]) ++same;
  while (open.size() > same) {
    if (open.back().entry) unit->folders_done.push_back(FolderOp{std::move(*open.back().entry), open.back().folder});
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
      if (ends_restore(f)) throw;
      if (result.problems.size() < kMaxProblems) result.problems.push_back("/" + entry.path + ": " + f.what());
      ++result.progress.unreadable;
    }
    co_return;
  }
  leave_to(above);
  try {
    while (open.size() < above.size()) enter(parts, open.size(), nullptr);
  } catch (const failure& f) {
    if (ends_restore(f)) throw;
    ++result.progress.unreadable;
    co_return;
  }
  const auto& folder = open.empty() ? top : open.back().folder;
  const bool large = entry.kind == EntryKind::file && entry.size > kLargeFile;
  if (large) co_await flush();
  FileOp op{std::move(entry), folder, parts.back()};
  const bool another_name = op.entry.hardlink_group && !link_seen.insert(op.entry.hardlink_group).second;
  if (another_name) {
    unit->links.push_back(std::move(op));
  } else {
    if (op.entry.kind == EntryKind::file) unit->bytes += op.entry.size;
    unit->files.push_back(std::move(op));
  }
  if (large || unit->bytes >= memory.restored || unit->files.size() + unit->links.size() >= kBatchEntries || unit->folders_done.size() >= kBatchFolders) co_await flush();
}

task<void> RestoreWork::flush() {
  if (unit->files.empty() && unit->links.empty() && unit->folders_done.empty()) co_return;
  std::shared_ptr<Unit> full = std::exchange(unit, std::make_unique<Unit>());
  co_await order_.push(full);
  const bool large = full->files.size() == 1 && full->files[0].entry.kind == EntryKind::file && full->files[0].entry.size > kLargeFile;
  if (large) scope->spawn(write_large(std::move(full)), "restoring a large file");
  else scope->spawn(write(std::move(full)), "restoring files");
}

task<void> RestoreWork::write(std::shared_ptr<Unit> u) {
  std::vector<ObjectId> ids;
  std::size_t bytes = 0, shared = 0;
  for (auto& op : u->files) {
    for (auto& c : op.entry.chunks) {
      if (bytes < 2 * limits::kSolidTarget) ++shared;  // neighbours are read side by side and may have changed places
      bytes += c.size;
      ids.push_back(c.id);
    }
  }
  std::shared_ptr<ObjectSet> objects = co_await fetcher.objects(std::move(ids), shared);
  u->written = co_await workers.offload(&write_unit, std::move(u->files), std::move(objects));
  u->done = true;
  u->finished.wake_all();
}

namespace {
struct LargeFile {
  std::unique_ptr<TargetFile> file;
  std::unique_ptr<ContentWriter> content;
  bool kept = false;
};
LargeFile open_large(const FileOp* op) {
  LargeFile l;
  const TargetPlan plan = op->folder->plan(op->name, stat_of(op->entry));
  l.kept = keeps(plan);
  if (l.kept) return l;
  l.file = op->folder->file(op->name, plan);
  l.content = std::make_unique<ContentWriter>(*l.file, op->entry);
  return l;
}
void write_piece(ContentWriter* content, ContentPiece piece) {
  for (auto& id : piece.chunks) content->write(piece.objects->find(id)->bytes);
}
NotApplied finish_large(LargeFile* l, const FileOp* op) {
  const OwnerText owner{op->entry.user, op->entry.group};
  if (l->kept) return op->folder->apply(op->name, stat_of(op->entry), op->entry.xattrs, owner);
  l->content->finish();
  return l->file->finish(stat_of(op->entry), op->entry.xattrs, owner);
}
}  // namespace

task<void> RestoreWork::write_large(std::shared_ptr<Unit> u) {
  Budget::Lease turn = co_await large_turns.take(1);
  FileOp& op = u->files[0];
  std::string problem;
  try {
    LargeFile l = co_await workers.offload(&open_large, static_cast<const FileOp*>(&op));
    if (!l.kept) {
      ContentReader reader(op.entry, fetcher, memory.restored / 4 * 3);
      Scope pieces(co_await asio::this_coro::executor);
      Queue<ContentPiece> line{1};  // one piece is fetched while one is written
      pieces.spawn(reader.read_all(line), "fetching a large file");
      auto write_all = [](RestoreWork* self, Queue<ContentPiece>* from, ContentWriter* to) -> task<void> {
        while (auto piece = co_await from->pop()) {
          self->result.progress.bytes += piece->bytes;
          co_await self->workers.offload(&write_piece, to, std::move(*piece));
          self->reporter.progress(self->result.progress);
        }
      };
      pieces.spawn(write_all(this, &line, l.content.get()), "writing a large file");
      co_await pieces.join();
    }
    const NotApplied missing = co_await workers.offload(&finish_large, &l, static_cast<const FileOp*>(&op));
    u->written.applied(op.entry.path, missing);
    if (op.entry.hardlink_group && l.file) u->written.linkable.emplace_back(op.entry.hardlink_group, LinkTarget{op.folder, op.name, l.file->identity()});
    u->written.files = 1;
  } catch (const failure& f) {
    if (ends_restore(f)) throw;
    problem = f.what();
  }
  if (!problem.empty()) u->written.problem(op.entry.path, problem);
  u->done = true;
  u->finished.wake_all();
}

void RestoreWork::take(Written& w) {
  result.progress.files += w.files;
  result.progress.others += w.others;
  result.progress.bytes += w.bytes;
  result.not_applied += w.not_applied;
  for (auto& p : w.problems) {
    ++result.progress.unreadable;
    reporter.problem(p, "");
    if (result.problems.size() < kMaxProblems) result.problems.push_back(std::move(p));
  }
  for (auto& [group, target] : w.linkable) link_targets.emplace(group, std::move(target));
}

namespace {
Written finish_unit(Unit* u, std::unordered_map<std::uint64_t, LinkTarget>* targets) {
  Written w;
  for (auto& op : u->links) {
    try {
      const auto to = targets->find(op.entry.hardlink_group);
      if (to == targets->end()) throw failure(Errc::not_found, "making a hard link: the file that it shares was not restored");
      op.folder->hardlink(op.name, op.folder->plan(op.name, stat_of(op.entry)), *to->second.folder, to->second.name, to->second.identity);
      ++w.files;
    } catch (const failure& f) {
      if (ends_restore(f)) throw;
      w.problem(op.entry.path, f.what());
    }
  }
  for (auto& f : u->folders_done) {
    try {
      w.applied(f.entry.path, f.folder->apply(stat_of(f.entry), f.entry.xattrs, OwnerText{f.entry.user, f.entry.group}));
    } catch (const failure& e) {
      if (ends_restore(e)) throw;
      w.problem(f.entry.path, e.what());
    }
  }
  return w;
}
}  // namespace

task<void> RestoreWork::finish_in_order() {
  while (auto next = co_await order_.pop()) {
    Unit& u = **next;
    while (!u.done) co_await u.finished.wait();
    take(u.written);
    if (!u.links.empty() || !u.folders_done.empty()) {
      Written w = co_await workers.offload(&finish_unit, &u, &link_targets);
      take(w);
    }
    reporter.progress(result.progress);
  }
}

Restore::Restore(VaultPort& vault, const AgentKeys& keys, Workers& workers, Reporter& reporter, MemoryPlan memory)
    : vault_(vault), keys_(keys), workers_(workers), reporter_(reporter), memory_(memory) {}
Restore::~Restore() = default;

task<RestoreResult> Restore::run(const SnapshotInfo& snapshot, RestoreOrder order) {
  RestoreWork work(vault_, keys_, workers_, reporter_, memory_);
  work.result.progress.phase = "restoring";
  work.result.progress.server = vault_.server();
  work.result.progress.expected_bytes = order.paths.empty() ? snapshot.details.bytes : 0;
  work.scope = std::make_unique<Scope>(co_await asio::this_coro::executor);
  work.scope->spawn(work.pipeline(snapshot.root, std::move(order)), "restore");
  co_await work.scope->join();
  work.result.progress.phase = "done";
  co_return std::move(work.result);
}

}  // namespace farkeep
