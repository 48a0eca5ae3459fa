#include "agent/scanner.hpp"

#include <algorithm>

#include "archive/path.hpp"
#include "archive/source_paths.hpp"
#include "base/error.hpp"
#include "base/limits.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kPathBytes = 1 * limits::kMiB;  // of the items that next() gives

std::string join(const std::string& folder, const std::string& name) { return folder.empty() ? name : folder + '/' + name; }

}  // namespace

Scanner::Scanner(SourceTree& tree, std::vector<std::string> sources, const ExcludeRules& rules, ScanOptions options)
    : tree_(tree), options_(std::move(options)), selection_(rules, options_) {
  for (auto& s : sources) sources_.push_back(catalog_path(s));
  sources_ = outermost(std::move(sources_));
}

std::vector<ScanItem> Scanner::next(std::size_t most) {
  std::vector<ScanItem> out;
  out.reserve(most + 16);
  std::size_t bytes = 0;
  while (out.size() < most && bytes < kPathBytes) {
    if (levels_.empty()) {
      if (next_source_ == sources_.size()) break;
      begin_source(out);
      continue;
    }
    Level& top = levels_.back();
    if (top.at == top.names.size()) {
      levels_.pop_back();
      if (!levels_.empty()) path_.resize(levels_.back().path_size);
      continue;
    }
    SourceName& found = top.names[top.at++];
    ScanItem item{join(path_, found.name), std::move(found.name), top.folder, found.stat, {}};
    bytes += item.path.size();
    if (found.error) item.problem = found.error.message();
    emit(std::move(item), top.says, out);
  }
  return out;
}

// A source: first the folders above it that were not emitted for an earlier source, then the source itself.
void Scanner::begin_source(std::vector<ScanItem>& out) {
  const std::string source = sources_[next_source_++];
  ScanItem item;
  try {
    auto folder = tree_.open("/");
    if (source.empty()) {  // the whole machine: "/" itself has no entry, only what is in it
      device_ = folder->stat().device;
      auto names = folder->entries();
      Selection::Folder says = selection_.look_into(*folder, names, "", {});
      enter(folder, "", std::move(names), std::move(says));
      return;
    }
    std::string above;
    for (std::size_t at = 0;;) {
      const std::size_t end = source.find('/', at);
      const std::string name = source.substr(at, end - at);
      item = ScanItem{join(above, name), name, folder, folder->stat(name), {}};
      if (end == std::string::npos) break;
      if (item.stat.kind != EntryKind::folder)
        throw failure(Errc::configuration, "following /" + item.path + ", which is not a folder (name the real path of the source /" + source + ")");
      auto inner = folder->folder(name);
      item.stat = inner->stat();
      above = item.path;
      if (std::find(ancestors_.begin(), ancestors_.end(), above) == ancestors_.end()) {
        ancestors_.push_back(above);
        out.push_back(item);
      }
      folder = std::move(inner);
      at = end + 1;
    }
    device_ = item.stat.device;
    emit(std::move(item), {}, out);
  } catch (const failure& f) {
    item.path = source;
    item.problem = f.what();
    out.push_back(std::move(item));
  }
}

void Scanner::enter(std::shared_ptr<SourceFolder> folder, std::string path, std::vector<SourceName> names, Selection::Folder says) {
  path_ = std::move(path);
  levels_.push_back(Level{std::move(folder), path_.size(), std::move(names), 0, std::move(says)});
}

void Scanner::emit(ScanItem item, const Selection::Folder& in, std::vector<ScanItem>& out) {
  if (!selection_.decide(in, "/" + item.path, item.name, item.stat).kept()) {
    ++excluded_;
    return;
  }
  if (item.path.size() > limits::kMaxPath) {
    item.problem = "its path has more than " + std::to_string(limits::kMaxPath) + " bytes; it is left out, with what is in it";
    item.folder.reset();
  }
  if (item.stat.kind == EntryKind::folder && item.problem.empty()) descend(item, in);
  out.push_back(std::move(item));
}

// What a folder is shows when it has been entered: before that, something that is mounted on demand (autofs, a snapshot of ZFS) has another one in its place.
void Scanner::descend(ScanItem& item, const Selection::Folder& in) {
  if (options_.one_file_system && item.stat.device != device_) return;  // the mount point stays, empty
  if (levels_.size() >= limits::kMaxFolderDepth) {
    item.problem = "it lies more than " + std::to_string(limits::kMaxFolderDepth) + " folders deep; what is in it is left out";
    return;
  }
  try {
    auto inner = item.folder->folder(item.name);
    item.stat = inner->stat();
    if (levels_.empty()) device_ = item.stat.device;  // of a source
    auto names = inner->entries();
    Selection::Folder says = selection_.look_into(*inner, names, "/" + item.path, in);
    enter(std::move(inner), item.path, std::move(names), std::move(says));
  } catch (const failure& f) {
    item.problem = f.what();
  }
}

}  // namespace farkeep
