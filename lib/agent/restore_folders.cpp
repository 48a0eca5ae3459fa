#include "agent/restore_folders.hpp"

#include <algorithm>

#include "platform/printable.hpp"

namespace farkeep::restoring {
namespace {

constexpr std::size_t kDescriptors = 64;  // of the innermost folders; the others are opened again

bool begins_with(const std::vector<std::string>& parts, const std::vector<std::string>& with) {
  return parts.size() >= with.size() && std::equal(with.begin(), with.end(), parts.begin());
}

}  // namespace

Asked::Asked(const std::vector<std::string>& paths) : paths_(paths.begin(), paths.end()) {}

bool Asked::has(std::string_view path) const {
  if (paths_.empty() || paths_.contains(std::string_view{})) return true;
  for (std::size_t end = path.find('/');; end = path.find('/', end + 1)) {
    if (paths_.contains(path.substr(0, end))) return true;
    if (end == path.npos) return false;
  }
}

FolderWalk::FolderWalk(std::shared_ptr<TargetFolder> top, Asked asked, std::unordered_set<std::string>& made)
    : top_(std::move(top)), asked_(std::move(asked)), made_(made) {}

FolderOp FolderWalk::op_of(Open& left) const {
  FolderOp op{std::move(*left.entry), left.folder};
  op.keep = left.keep;
  op.asked = asked_.has(left.path);
  op.first = left.number;
  return op;
}

std::vector<FolderOp> FolderWalk::leave_to(const std::vector<std::string>& parts) {
  std::size_t same = 0;
  while (same < open_.size() && same < parts.size() && open_[same].name == parts[same]) ++same;
  std::vector<FolderOp> left;
  while (open_.size() > same) {
    Open& o = open_.back();
    if (o.entry) left.push_back(op_of(o));
    open_.pop_back();
    while (!open_.empty() && !open_.back().folder) come_back(left);
  }
  return left;
}

// What was moved or removed meanwhile counts as not made.
void FolderWalk::come_back(std::vector<FolderOp>& left) {
  Open& o = open_.back();
  try {
    o.folder = top_->descend(o.path);
  } catch (const failure& f) {
    if (ends_restore(f)) throw;
    blocked_.clear();
    for (auto& on_the_way : open_) blocked_.push_back(on_the_way.name);
    if (o.entry) {
      left.push_back(op_of(o));
      left.back().gone = f.what();
    }
    open_.pop_back();
  }
}

void FolderWalk::enter(const std::string& name, const Entry* entry, std::uint64_t number) {
  Open next;
  next.path = open_.empty() ? name : open_.back().path + '/' + name;
  next.name = name;
  next.number = number;
  next.folder = here()->folder(name);
  if (next.folder->made()) made_.insert(next.path);
  if (entry) {
    next.entry = *entry;
    next.keep = !made_.contains(next.path) && (!asked_.has(next.path) || next.folder->keeps_own(stat_of(*entry)));
  }
  open_.push_back(std::move(next));
  if (open_.size() <= kDescriptors) return;
  auto& outer = open_[open_.size() - 1 - kDescriptors].folder;
  if (outer && !outer->opened_up()) outer.reset();
}

std::string FolderWalk::reach(const std::vector<std::string>& parts, const Entry* self, std::uint64_t number) {
  if (!blocked_.empty()) {
    if (begins_with(parts, blocked_)) {
      std::string path;
      for (auto& p : blocked_) path += '/' + p;
      return "its folder " + printable(path) + " could not be made";
    }
    blocked_.clear();
  }
  while (open_.size() < parts.size()) {
    try {
      enter(parts[open_.size()], open_.size() + 1 == parts.size() ? self : nullptr, number);
    } catch (const failure& f) {
      if (ends_restore(f)) throw;
      blocked_.assign(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(open_.size()) + 1);
      return f.what();
    }
  }
  return {};
}

}  // namespace farkeep::restoring
