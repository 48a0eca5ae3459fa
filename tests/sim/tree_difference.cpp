#include <spdlog/fmt/fmt.h>

#include "base/error.hpp"
#include "sim/sim_tree.hpp"

namespace farkeep::sim {
namespace {

Buffer content_of(SourceFile& file, std::size_t size) {
  Buffer out(size + 1);  // one more, to see that it ends there
  out.resize(file.read(out));
  return out;
}

std::string compare(const SourceFolder& folder, const SourceName& found, const TreeNode& node) {
  if (found.error) return "cannot be looked at: " + found.error.message();
  auto const& there = found.stat;
  auto const& want = node.stat;
  if (there.kind != want.kind) return "is of another kind";
  if (there.uid != want.uid || there.gid != want.gid) return "belongs to somebody else";
  if (!same_mtime(there, want)) return fmt::format("has mtime {}, not {}", there.mtime_ns, want.mtime_ns);
  if (want.kind == EntryKind::symlink) return folder.link_target(found.name) == node.link ? "" : "points elsewhere";
  if (there.mode != want.mode) return fmt::format("has mode {:o}, not {:o}", there.mode, want.mode);
  if (want.kind == EntryKind::file && content_of(*folder.file(found.name), node.content.size()) != node.content) return "has other content";
  return {};
}

std::string compare_folder(const TreeVersion& version, const std::string& path, const SourceFolder& folder, std::size_t& seen) {
  for (auto const& found : folder.entries()) {
    std::string const inner = path.empty() ? found.name : path + '/' + found.name;
    auto const node = version.find(inner);
    if (node == version.end()) return inner + " was not there";
    ++seen;
    std::string what = compare(folder, found, *node->second);
    if (!what.empty()) return inner + ' ' + what;
    if (found.stat.kind != EntryKind::folder) continue;
    what = compare_folder(version, inner, *folder.folder(found.name), seen);
    if (!what.empty()) return what;
  }
  return {};
}

}  // namespace

std::string difference(const TreeVersion& version, const std::string& folder) {
  std::size_t seen = 0;
  std::string what = compare_folder(version, "", *SourceFolder::open(folder), seen);
  if (what.empty() && seen != version.size()) what = fmt::format("{} entries came back, of {}", seen, version.size());
  return what;
}

}  // namespace farkeep::sim
