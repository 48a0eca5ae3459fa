#include "agent/restore.hpp"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "agent/catalog_find.hpp"
#include "agent/content.hpp"
#include "agent/fetcher.hpp"
#include "agent/restore_files.hpp"
#include "agent/restore_folders.hpp"
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

bool any_of_them(const std::set<std::uint64_t>& numbers, std::uint64_t first, std::uint64_t end) {
  const auto found = numbers.lower_bound(first);
  return found != numbers.end() && *found < end;
}

void refuse_if_invalid(const std::string& path) {
  if (path.empty() || is_valid_path(path)) return;
  const char* why = path.size() > limits::kMaxPath ? "it is longer than a path in a snapshot may be" : "a path in a snapshot has no .. in it (give the path that is meant)";
  throw failure(Errc::usage, "restoring " + printable("/" + path) + ": " + why);
}

}  // namespace

struct RestoreProgress::Entries {
  bool has(std::uint64_t number) const { return (number <= up_to || beyond.contains(number)) && !lost.contains(number); }

  std::uint64_t up_to = 0;                  // all up to this one are finished, with the links among them…
  std::unordered_set<std::uint64_t> beyond; // …and of the later ones these files
  std::uint64_t planned = 0;                // whose folders were made or reported
  std::set<std::uint64_t> lost;             // …but these, whose content the servers did not give: another one may
  restoring::LinkTargets link_targets;
  std::unordered_set<std::string> made;     // folders that wait for their metadata, or may still get something that is lost
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
      : memory(m), workers(w), reporter(r), fetcher(vault, keys, w, m.kept, other), earlier(*d.entries), lost_before(d.entries->lost), result(std::move(d.so_far)), link_targets(std::move(d.entries->link_targets)) {}

  task<void> pipeline(ObjectId root, RestoreOrder order, std::vector<std::string> sources);
  task<void> plan_all(ObjectId root, std::vector<std::string> paths);
  task<void> plan_path(ObjectId root, std::string path, std::string before);
  task<void> plan_range(CatalogStream& stream);
  task<void> add(Entry entry);
  task<void> add_file(Entry entry, std::string name);
  void leave_to(const std::vector<std::string>& parts);
  void leave_out(const std::vector<NodeQueue::Gap>& gaps, const ObjectId& id, const std::string& why);
  void not_restored(const std::string& path, const std::string& why);
  task<void> copy(std::shared_ptr<Unit> unit);
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
  const std::set<std::uint64_t> lost_before;  // what they had lost when this one began: it may come now, and changes the folders that it comes into
  RestoreResult result;
  std::vector<std::string> lost;     // what is said of files whose content cannot be had, and of parts of the catalog…
  std::uint64_t left_out = 0;        // …with so many entries
  std::uint64_t sure_up_to = UINT64_MAX;  // numbers hold at the other server, too
  std::uint64_t number = 0;          // of the entry that the walk is at
  std::uint64_t up_to = 0;           // finished in order
  std::vector<std::shared_ptr<Unit>> under_way;
  std::unique_ptr<Scope> scope;
  Queue<std::shared_ptr<Unit>> order_{memory.restoring};
  Budget large_turns{memory.restoring_large};
  std::shared_ptr<TargetFolder> top;

  std::optional<restoring::FolderWalk> walk;
  std::unique_ptr<Unit> unit = std::make_unique<Unit>();
  std::unordered_set<Digest> link_seen;
  restoring::LinkTargets link_targets;
};

task<void> RestoreWork::pipeline(ObjectId root, RestoreOrder order, std::vector<std::string> sources) {
  TargetOptions options;
  options.overwrite = order.overwrite;
  options.special = order.special;
  options.ownership = order.ownership;
  std::vector<std::string> asked = order.paths.empty() ? std::move(sources) : order.paths;
  for (auto& path : asked) {
    path = catalog_path(path);
    refuse_if_invalid(path);
    if (!order.paths.empty()) path = co_await path_that_is_there(fetcher, root, path);
  }
  std::vector<std::string> paths = order.paths.empty() ? std::vector<std::string>{} : outermost(asked);
  top = TargetFolder::open_root(order.target, options);
  walk.emplace(top, restoring::Asked(asked), earlier.made);
  scope->spawn(plan_all(root, std::move(paths)), "reading the catalog");
  co_await finish_in_order();
  top->sync();
  result.lost = earlier.lost.size() + left_out;
  if (result.lost == 0) co_return;
  const std::string what = std::to_string(result.lost) + " entries cannot be had";
  if (!fetcher.asked_everybody()) throw failure(Errc::damaged, "restoring from " + result.progress.server + ": " + what + ", and the other server was not reached; the rest is restored");
  result.progress.unreadable += result.lost;
  for (auto& text : lost)
    if (result.problems.size() < kMaxProblems) result.problems.push_back(std::move(text));
}

// Before anything is written it is known that all paths are there.
task<void> RestoreWork::plan_all(ObjectId root, std::vector<std::string> paths) {
  if (paths.empty() || paths.front().empty()) {
    CatalogStream stream(root);
    co_await plan_range(stream);
    paths.clear();
  }
  for (auto& path : paths) {
    const std::optional<Entry> entry = co_await look_up(fetcher, root, path);
    if (!entry) throw failure(Errc::not_found, "restoring " + printable("/" + path) + ": the snapshot does not have it (list it with: farkeep ls)");
  }
  std::string before;
  for (auto& path : paths) {
    co_await plan_path(root, path, before);
    before = path;
  }
  ++number;  // the folders that are open still are finished after all entries
  leave_to({});
  co_await flush();
  order_.close();
}

// The folders above it come first, which have metadata of their own; but not those that the path before it came through.
task<void> RestoreWork::plan_path(ObjectId root, std::string path, std::string before) {
  const auto parts = components(path);
  std::string above;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    above += (i ? "/" : "") + parts[i];
    if (is_below(before, above)) continue;
    std::optional<Entry> entry = co_await look_up(fetcher, root, above);
    if (entry) co_await add(std::move(*entry));
  }
  CatalogStream stream(root, CatalogRange::below(path));
  co_await plan_range(stream);
}

task<void> RestoreWork::plan_range(CatalogStream& stream) {
  while (!stream.at_end()) {
    while (auto entry = stream.next()) {
      ++result.progress.expected_files;
      co_await add(std::move(*entry));
    }
    if (stream.at_end()) break;
    std::vector<ObjectId> wanted = stream.wanted(kRestoreNodesAhead);
    Fetcher::Lost not_there;
    std::vector<NodePlainOwned> nodes = co_await fetcher.nodes_there_are(wanted, not_there);
    for (auto& n : nodes) {
      value_or_throw(stream.give(n.id, n.message, n.refs), "reading catalog node " + n.id.brief());
      std::erase(wanted, n.id);
    }
    for (auto& id : wanted) leave_out(stream.skip(id), id, not_there.why);
  }
}

// Entries behind a gap have other numbers at a server that has no gap.
void RestoreWork::leave_out(const std::vector<NodeQueue::Gap>& gaps, const ObjectId& id, const std::string& why) {
  if (gaps.empty()) throw failure(Errc::damaged, "reading catalog node " + id.brief() + ": " + why);
  for (auto& gap : gaps) {
    sure_up_to = std::min(sure_up_to, number);
    left_out += gap.entries;
    std::string text = "up to " + std::to_string(gap.entries) + " entries behind " + printable("/" + gap.after) + " up to " + printable("/" + gap.last) + ": the part of the catalog that names them cannot be had: " + why;
    reporter.problem("", text);
    if (lost.size() < kMaxProblems) lost.push_back(std::move(text));
  }
}

// Folders that the walk has left are finished when everything planned so far is written.
void RestoreWork::leave_to(const std::vector<std::string>& parts) {
  for (FolderOp& left : walk->leave_to(parts)) {
    left.end = number;
    left.finished = number <= earlier.up_to && !any_of_them(lost_before, left.first, left.end);
    unit->folders_done.push_back(std::move(left));
  }
}

void RestoreWork::not_restored(const std::string& path, const std::string& why) {
  if (number <= earlier.planned) return;  // it was said already
  Written w;
  w.problem(path, why);
  take(w);
}

task<void> RestoreWork::add(Entry entry) {
  ++number;
  const bool is_folder = entry.kind == EntryKind::folder;
  auto parts = components(entry.path);
  std::string name = parts.back();
  if (!is_folder) parts.pop_back();
  leave_to(parts);
  if (is_folder && walk->depth() == parts.size()) co_return;  // a folder above a restored path, seen again
  const std::string why = walk->reach(parts, is_folder ? &entry : nullptr, number);
  if (!why.empty()) not_restored(entry.path, why);
  else if (is_folder) ++result.progress.folders;
  else co_await add_file(std::move(entry), std::move(name));
  unit->up_to = number;
  if (unit->folders_done.size() >= kBatchFolders) co_await flush();
}

task<void> RestoreWork::add_file(Entry entry, std::string name) {
  const bool large = restoring::is_large(entry);
  if (large) co_await flush();
  FileOp op{std::move(entry), walk->here(), std::move(name), number, earlier.has(number)};
  op.link = link_identity(op.entry);
  const bool another_name = op.link && !link_seen.insert(*op.link).second;
  if (another_name) {
    unit->links.push_back(std::move(op));
  } else {
    if (op.entry.kind == EntryKind::file) unit->bytes += op.entry.size;
    unit->files.push_back(std::move(op));
  }
  unit->up_to = number;
  if (large || unit->bytes >= memory.restored || unit->files.size() + unit->links.size() >= kBatchEntries) co_await flush();
}

task<void> RestoreWork::flush() {
  if (unit->files.empty() && unit->links.empty() && unit->folders_done.empty()) co_return;
  std::shared_ptr<Unit> full = std::exchange(unit, std::make_unique<Unit>());
  under_way.push_back(full);
  co_await order_.push(full);
  const bool large = full->files.size() == 1 && restoring::is_large(full->files[0].entry);
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
  Fetcher::Lost not_there;
  std::shared_ptr<ObjectSet> objects = co_await fetcher.objects_there_are(std::move(ids), shared, not_there);
  co_await workers.offload(&restoring::write_unit, u, std::move(objects), std::move(not_there.why));
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
  std::string problem, loss;
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
    u->written.applied(op.entry, missing);
    if (restoring::keeps(l.plan)) u->written.keeps_for_links(op, l.plan);
    else u->written.made_for_links(op, l.file->identity());
    u->written.files = 1;
    u->written.numbers.push_back(op.number);
    counted.bytes = 0;
  } catch (const failure& f) {
    if (restoring::ends_restore(f)) throw;
    (is_about_data(f) ? loss : problem) = f.what();
  }
  if (!loss.empty()) u->written.lose(op, loss);
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
    reporter.problem(p.path, p.text);
    if (result.problems.size() < kMaxProblems) result.problems.push_back(p.line());
  }
  for (auto& text : w.not_set)
    if (result.not_set.size() < restoring::kMostNotSet) result.not_set.push_back(std::move(text));
  for (auto& [group, target] : w.linkable) link_targets.insert_or_assign(group, std::move(target));
  for (auto n : w.numbers) earlier.lost.erase(n);
  for (auto& [which, said] : w.lost) {
    earlier.lost.insert(which);
    reporter.problem(said.path, said.text);
    if (lost.size() < kMaxProblems) lost.push_back(said.line());
  }
  std::vector<std::uint64_t> numbers = std::move(w.numbers);
  w = Written{};
  w.numbers = std::move(numbers);
}

// All threads have come back: what a unit says of itself is so.
void RestoreWork::leave_for_the_next(RestoreProgress& done) {
  earlier.up_to = std::max(earlier.up_to, std::min(up_to, sure_up_to));
  std::erase_if(earlier.beyond, [&](std::uint64_t n) { return n <= earlier.up_to; });
  for (auto& u : under_way) {
    earlier.beyond.insert(u->written.numbers.begin(), u->written.numbers.end());
    take(u->written);
  }
  std::erase_if(earlier.beyond, [&](std::uint64_t n) { return n > sure_up_to; });
  std::erase_if(earlier.lost, [&](std::uint64_t n) { return n > sure_up_to; });
  earlier.planned = std::max(earlier.planned, std::min(number, sure_up_to));
  earlier.link_targets = std::move(link_targets);
  result.progress.folders = result.progress.expected_files = 0;  // the walk counts them
  done.so_far = std::move(result);
}

// A link that cannot be one becomes a file of its own, to which the further names of the same file lead.
task<void> RestoreWork::copy(std::shared_ptr<Unit> u) {
  auto alone = std::make_shared<Unit>();
  alone->files.push_back(std::move(u->links[u->linked++]));
  u->wants_copy = false;
  if (restoring::is_large(alone->files[0].entry)) co_await write_large(alone);
  else co_await write(alone);
  take(alone->written);
}

task<void> RestoreWork::finish_in_order() {
  while (auto next = co_await order_.pop()) {
    Unit& u = **next;
    while (!u.done) co_await u.finished.wait();
    take(u.written);
    bool more = !u.links.empty() || !u.folders_done.empty();
    while (more) {
      Written w = co_await workers.offload(&restoring::finish_unit, &u, static_cast<const TargetFolder*>(top.get()), &link_targets);
      take(w);
      more = u.wants_copy;
      if (more) co_await copy(*next);
    }
    for (auto& f : u.folders_done)
      if (f.asked && f.end <= sure_up_to && !any_of_them(earlier.lost, f.first, f.end)) earlier.made.erase(f.entry.path);
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
  work.scope->spawn(work.pipeline(snapshot.root, std::move(order), snapshot.details.paths), "restore");
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
