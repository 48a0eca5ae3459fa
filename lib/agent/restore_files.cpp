#include "agent/restore_files.hpp"

#include <algorithm>

#include "base/limits.hpp"
#include "wire/refusal.hpp"
#include "platform/printable.hpp"

namespace farkeep::restoring {
namespace {

constexpr std::uint64_t kInPieces = 4 * limits::kMiB;

/// What is kept stays as it is; but with if_changed, where it is kept for being the same, it gets its metadata.  False where that needs its content written anew.
bool keeps_same(const FileOp& op, TargetPlan& plan, NotApplied& missing) {
  if (op.folder->overwrite() != Overwrite::if_changed) return true;
  missing = op.folder->apply(op.name, stat_of(op.entry), op.entry.xattrs, OwnerText{op.entry.user, op.entry.group});
  if (!missing.unproven) return true;
  plan.action = TargetPlan::Action::replace;
  return false;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == path.npos ? std::string{} : path.substr(0, slash);
}

/// False where it has to be a copy: there is nothing to link to, or the file system does not let us.
bool link(const FileOp& op, const TargetPlan& plan, const TargetFolder& top, const LinkTarget* to) {
  if (!to) return false;
  const std::string folder = folder_of(to->path);
  const std::string name = folder.empty() ? to->path : to->path.substr(folder.size() + 1);
  try {
    if (folder == folder_of(op.entry.path)) op.folder->hardlink(op.name, plan, *op.folder, name, to->identity);
    else if (folder.empty()) op.folder->hardlink(op.name, plan, top, name, to->identity);
    else op.folder->hardlink(op.name, plan, *top.descend(folder), name, to->identity);
  } catch (const failure& f) {
    if (ends_restore(f)) throw;
    return false;
  }
  return true;
}

}  // namespace

std::string Said::line() const { return printable(path) + ": " + text; }

void Written::keeps_for_links(const FileOp& op, const TargetPlan& plan) {
  if (plan.same && plan.existing.kind == EntryKind::file) made_for_links(op, plan.existing);
}

void Written::made_for_links(const FileOp& op, const FileIdentity& identity) {
  if (op.link) linkable.emplace_back(*op.link, LinkTarget{op.entry.path, identity});
}

void Written::problem(const std::string& path, const std::string& text) { problems.push_back({"/" + path, text}); }

void Written::lose(const FileOp& op, const std::string& why) { lost.emplace_back(op.number, Said{"/" + op.entry.path, why}); }

void Written::applied(const Entry& entry, const NotApplied& missing) {
  if (missing.left_out) ++left_out;
  if (missing.entry) {
    problem(entry.path, "not made: " + missing.why);
    return;
  }
  if (missing.any()) say_not_set(entry.path, missing.text() + " not set: " + missing.why);
}

void Written::say_not_set(const std::string& path, const std::string& what) {
  ++not_applied;
  if (not_set.size() < kMostNotSet) not_set.push_back(printable("/" + path) + ": " + what);
}

EntryStat stat_of(const Entry& e) {
  EntryStat s;
  s.kind = e.kind;
  s.mode = e.mode;
  s.uid = e.uid;
  s.gid = e.gid;
  s.mtime_ns = e.mtime_ns;
  s.mtime_far = e.mtime_far;
  s.size = e.size;
  s.device_major = e.device_major;
  s.device_minor = e.device_minor;
  return s;
}

bool keeps(const TargetPlan& plan) { return plan.action == TargetPlan::Action::keep; }

bool ends_restore(const failure& f) {
  if (dynamic_cast<const wire::Refusal*>(&f)) return true;  // a server's own trouble: the other one is asked
  if (is_about_data(f)) return false;
  switch (classify(f.code())) {
    case Errc::io:
    case Errc::exists:
    case Errc::not_found:
    case Errc::unauthorised: return false;
    default: return true;
  }
}

bool is_large(const Entry& entry) { return entry.kind == EntryKind::file && entry.size > kInPieces; }

void write_unit(std::shared_ptr<Unit> unit, std::shared_ptr<ObjectSet> objects, std::string why) {
  Written& w = unit->written;
  for (auto& op : unit->files) {
    if (op.finished) continue;
    const Entry& e = op.entry;
    const EntryStat stat = stat_of(e);
    const OwnerText owner{e.user, e.group};
    bool made = true;
    try {
      TargetPlan plan = op.folder->plan(op.name, stat);
      NotApplied of_kept;
      if (keeps(plan) && keeps_same(op, plan, of_kept)) {
        if (op.folder->overwrite() == Overwrite::if_changed) w.applied(e, of_kept);
        w.keeps_for_links(op, plan);
      } else if (e.kind == EntryKind::file) {
        if (std::any_of(e.chunks.begin(), e.chunks.end(), [&](const ChunkRef& c) { return !objects->find(c.id); })) {
          w.lose(op, why);
          continue;
        }
        auto file = op.folder->file(op.name, plan);
        ContentWriter content(*file, e);
        content.write(e.inline_content);
        for (auto& c : e.chunks) content.write(objects->find(c.id)->bytes);
        content.finish();
        w.applied(e, file->finish(stat, e.xattrs, owner));
        w.made_for_links(op, file->identity());
      } else if (e.kind == EntryKind::symlink) {
        w.applied(e, op.folder->symlink(op.name, plan, e.link_target, stat, e.xattrs, owner));
      } else {
        const NotApplied missing = op.folder->special(op.name, plan, stat, e.xattrs, owner);
        w.applied(e, missing);
        const bool device = e.kind == EntryKind::char_device || e.kind == EntryKind::block_device;
        made = !missing.entry && !(device && missing.left_out);
      }
      if (e.kind == EntryKind::file) ++w.files;
      else if (made) ++w.others;
      w.bytes += e.kind == EntryKind::file ? e.size : 0;
    } catch (const failure& f) {
      if (ends_restore(f)) throw;
      w.problem(e.path, f.what());
    }
    w.numbers.push_back(op.number);
  }
}

LargeFile open_large(const FileOp* op) {
  LargeFile l;
  l.plan = op->folder->plan(op->name, stat_of(op->entry));
  if (keeps(l.plan) && keeps_same(*op, l.plan, l.missing)) return l;
  l.file = op->folder->file(op->name, l.plan);
  l.content = std::make_unique<ContentWriter>(*l.file, op->entry);
  return l;
}

void write_piece(ContentWriter* content, ContentPiece piece) {
  for (auto& id : piece.chunks) content->write(piece.objects->find(id)->bytes);
}

NotApplied finish_large(LargeFile* l, const FileOp* op) {
  const OwnerText owner{op->entry.user, op->entry.group};
  if (keeps(l->plan)) return l->missing;
  l->content->finish();
  return l->file->finish(stat_of(op->entry), op->entry.xattrs, owner);
}

Written finish_unit(Unit* u, const TargetFolder* top, LinkTargets* targets) {
  Written w;
  for (; u->linked < u->links.size(); ++u->linked) {
    const FileOp& op = u->links[u->linked];
    if (op.finished) continue;
    try {
      TargetPlan plan = op.folder->plan(op.name, stat_of(op.entry));
      const auto to = targets->find(*op.link);
      const bool another = to != targets->end() && plan.existing != to->second.identity;  // the same as the snapshot's, but not a name of it
      if (keeps(plan) && another && op.folder->overwrite() == Overwrite::if_changed) plan.action = TargetPlan::Action::replace;
      if (!keeps(plan) && !link(op, plan, *top, to == targets->end() ? nullptr : &to->second)) {
        u->wants_copy = true;
        return w;
      }
      ++w.files;
    } catch (const failure& f) {
      if (ends_restore(f)) throw;
      w.problem(op.entry.path, f.what());
    }
    w.numbers.push_back(op.number);
  }
  for (auto& f : u->folders_done) {
    if (f.finished) continue;
    if (!f.gone.empty()) {
      if (!f.keep) w.say_not_set(f.entry.path, "its owner, mode and times are not set: " + f.gone);
      continue;
    }
    try {
      if (f.keep) f.folder->leave();
      else w.applied(f.entry, f.folder->apply(stat_of(f.entry), f.entry.xattrs, OwnerText{f.entry.user, f.entry.group}));
    } catch (const failure& e) {
      if (ends_restore(e)) throw;
      w.problem(f.entry.path, e.what());
    }
  }
  return w;
}

}  // namespace farkeep::restoring
