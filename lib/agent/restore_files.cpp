#include "agent/restore_files.hpp"

#include "platform/printable.hpp"

namespace farkeep::restoring {

void Written::keeps_for_links(const FileOp& op, const TargetPlan& plan) {
  if (op.link && plan.same && plan.existing.kind == EntryKind::file)
    linkable.emplace_back(*op.link, LinkTarget{op.folder, op.name, plan.existing});
}

void Written::problem(const std::string& path, const std::string& text) { problems.push_back(printable("/" + path) + ": " + text); }

void Written::applied(const std::string& path, const NotApplied& missing) {
  if (missing.left_out) ++left_out;
  if (!missing.any()) return;
  ++not_applied;
  if (missing.entry) problem(path, "not made: " + missing.text());
}

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

bool keeps(const TargetPlan& plan) { return plan.action == TargetPlan::Action::keep; }

bool ends_restore(const failure& f) {
  switch (classify(f.code())) {
    case Errc::io:
    case Errc::exists:
    case Errc::not_found:
    case Errc::unauthorised: return false;
    default: return true;
  }
}

void write_unit(std::shared_ptr<Unit> unit, std::shared_ptr<ObjectSet> objects) {
  Written& w = unit->written;
  for (auto& op : unit->files) {
    if (op.finished) continue;
    const Entry& e = op.entry;
    const EntryStat stat = stat_of(e);
    const OwnerText owner{e.user, e.group};
    bool made = true;
    try {
      const TargetPlan plan = op.folder->plan(op.name, stat);
      if (keeps(plan)) {
        if (plan.same) w.applied(e.path, op.folder->apply(op.name, stat, e.xattrs, owner));  // what is another file stays as it is
        w.keeps_for_links(op, plan);
      } else if (e.kind == EntryKind::file) {
        auto file = op.folder->file(op.name, plan);
        ContentWriter content(*file, e);
        content.write(e.inline_content);
        for (auto& c : e.chunks) content.write(objects->find(c.id)->bytes);
        content.finish();
        w.applied(e.path, file->finish(stat, e.xattrs, owner));
        if (op.link) w.linkable.emplace_back(*op.link, LinkTarget{op.folder, op.name, file->identity()});
      } else if (e.kind == EntryKind::symlink) {
        w.applied(e.path, op.folder->symlink(op.name, plan, e.link_target, stat, e.xattrs, owner));
      } else {
        const NotApplied missing = op.folder->special(op.name, plan, stat, e.xattrs, owner);
        w.applied(e.path, missing);
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
  if (keeps(l.plan)) return l;
  l.file = op->folder->file(op->name, l.plan);
  l.content = std::make_unique<ContentWriter>(*l.file, op->entry);
  return l;
}

void write_piece(ContentWriter* content, ContentPiece piece) {
  for (auto& id : piece.chunks) content->write(piece.objects->find(id)->bytes);
}

NotApplied finish_large(LargeFile* l, const FileOp* op) {
  const OwnerText owner{op->entry.user, op->entry.group};
  if (keeps(l->plan)) return l->plan.same ? op->folder->apply(op->name, stat_of(op->entry), op->entry.xattrs, owner) : NotApplied{};
  l->content->finish();
  return l->file->finish(stat_of(op->entry), op->entry.xattrs, owner);
}

Written finish_unit(Unit* u, LinkTargets* targets) {
  Written w;
  for (auto& op : u->links) {
    if (op.finished) continue;
    try {
      const TargetPlan plan = op.folder->plan(op.name, stat_of(op.entry));
      if (keeps(plan)) {
        ++w.files;
        continue;
      }
      const auto to = targets->find(*op.link);
      if (to == targets->end()) throw failure(Errc::not_found, "making a hard link: the file that it shares was not restored, or another one was kept in its place; restore this name alone");
      op.folder->hardlink(op.name, plan, *to->second.folder, to->second.name, to->second.identity);
      ++w.files;
    } catch (const failure& f) {
      if (ends_restore(f)) throw;
      w.problem(op.entry.path, f.what());
    }
  }
  for (auto& f : u->folders_done) {
    if (f.finished) continue;
    try {
      w.applied(f.entry.path, f.folder->apply(stat_of(f.entry), f.entry.xattrs, OwnerText{f.entry.user, f.entry.group}));
    } catch (const failure& e) {
      if (ends_restore(e)) throw;
      w.problem(f.entry.path, e.what());
    }
  }
  return w;
}

}  // namespace farkeep::restoring
