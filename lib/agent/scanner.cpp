#include "agent/scanner.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "archive/node_codec.hpp"
#include "archive/path.hpp"
#include "base/error.hpp"
#include "base/limits.hpp"
#include "platform/printable.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kPathBytes = 1 * limits::kMiB;  // of the items that next() gives
constexpr std::size_t kFoldersAtOnce = 64;  // each item holds its folder open
constexpr std::size_t kMostNotEntered = 20;  // named: a screen
constexpr std::array<std::string_view, 4> kOfRunningSystem{"dev", "proc", "run", "sys"};

std::string join(const std::string& folder, const std::string& name) { return folder.empty() ? name : folder + '/' + name; }

// As a catalog has them: in order, each once.  File systems give a name twice, or out of order, also when they are changed while they are listed.
void put_in_order(std::vector<SourceName>& names, const std::string& last) {
  const auto by_name = [](const SourceName& a, const SourceName& b) { return a.name < b.name; };
  if (!std::is_sorted(names.begin(), names.end(), by_name)) std::stable_sort(names.begin(), names.end(), by_name);
  const auto same = [](const SourceName& a, const SourceName& b) { return a.name == b.name; };
  names.erase(std::unique(names.begin(), names.end(), same), names.end());
  const auto behind = std::upper_bound(names.begin(), names.end(), last, [](const std::string& l, const SourceName& n) { return l < n.name; });
  names.erase(names.begin(), last.empty() ? names.begin() : behind);
}

bool is_name(const std::string& name) { return is_valid_path(name) && name.find('/') == name.npos; }

// Names that lead to sources, also where the folder does not list them: those behind `last`, as far as `next` reaches.
void add_ways(const SourceFolder& folder, std::vector<std::string> ways, const std::string& last, SourceNames& next) {
  std::vector<SourceName>& names = next.names;
  const std::string end = next.more ? names.back().name : std::string{};
  for (auto& way : ways) {
    if (way <= last || (next.more && way > end)) continue;
    const auto at = std::lower_bound(names.begin(), names.end(), way, [](const SourceName& n, const std::string& name) { return n.name < name; });
    if (at != names.end() && at->name == way) continue;
    SourceName found{std::move(way), {}, {}};
    try {
      found.stat = folder.stat(found.name);
    } catch (const failure& f) {
      found.error = f.code();
    }
    names.insert(at, std::move(found));
  }
}

// " to /where", as far as it can be read.
std::string leads_to(const ScanItem& link) {
  try {
    return " to " + printable(link.folder->link_target(link.name));
  } catch (const failure&) {
    return {};
  }
}

}  // namespace

bool is_of_running_system(std::string_view path) { return std::find(kOfRunningSystem.begin(), kOfRunningSystem.end(), path) != kOfRunningSystem.end(); }

bool may_have_vanished(const boost::system::error_code& code) noexcept {
  return code && (classify(code) == Errc::not_found || (code.value() == ESTALE && code.category() == boost::system::system_category()));
}

std::vector<std::string> never_entered(const std::vector<std::string>& sources) {
  const SourcePaths paths(sources);
  std::vector<std::string> out;
  if (paths.at("") == SourcePaths::kNone) return out;
  for (auto& path : kOfRunningSystem)
    if (paths.at(path) == SourcePaths::kNone) out.push_back("/" + std::string(path));
  return out;
}

Scanner::Scanner(SourceTree& tree, const std::vector<std::string>& sources, const ExcludeRules& rules, ScanOptions options, Reach reach, std::size_t room)
    : tree_(tree), sources_(sources), options_(std::move(options)), selection_(rules, options_), reach_(reach), room_(room), found_(sources_.size()), devices_(sources_.size()), kernels_(sources_.size()) {
  for (std::size_t i = 0; i < found_.size(); ++i) found_[i].path = "/" + sources_[i];
}

std::optional<std::vector<ScanItem>> Scanner::next(std::size_t most) {
  if (begun_ && levels_.empty()) return std::nullopt;
  Items out;
  out.reserve(most + 16);
  std::size_t bytes = 0, folders = 0;
  const SourceFolder* folder = nullptr;  // of the last item
  if (!std::exchange(begun_, true) && sources_.size() > 0) begin(out);
  while (!levels_.empty() && out.size() < most && bytes < kPathBytes && folders < kFoldersAtOnce) {
    Level& top = levels_.back();
    if (top.at == top.next.names.size() && top.next.more) {
      go_on(top, out);
      continue;
    }
    if (top.at == top.next.names.size()) {
      let_go(top);
      levels_.pop_back();
      if (!levels_.empty()) path_.resize(levels_.back().path_size);
      continue;
    }
    SourceName& found = top.next.names[top.at++];
    top.last = found.name;
    if (!is_name(found.name)) {
      ScanItem strange;
      strange.path = path_;
      strange.problem = "it lists " + printable(found.name) + ", which is no name of anything in a folder; what has it is left out";
      out.push_back(std::move(strange));
      continue;
    }
    ScanItem item{join(path_, found.name), std::move(found.name), top.folder, found.stat, {}};
    bytes += item.path.size();
    const bool not_there = may_have_vanished(found.error);
    if (found.error) item.problem = found.error.message();
    visit(std::move(item), not_there, top, out);
    if (out.empty() || out.back().folder.get() == folder) continue;
    folder = out.back().folder.get();
    ++folders;
  }
  return out;
}

// "/" itself has no entry, only what is in it.
void Scanner::begin(Items& out) {
  std::string problem;
  try {
    auto root = tree_.open("/");
    const std::size_t source = sources_.at("");
    const std::uint64_t device = root->stat().device;
    if (source != kNone) devices_[source] = device;
    enter(Level{std::move(root), source, sources_.leads(""), device}, "", {}, problem);
  } catch (const failure& f) {
    problem = f.what();
    lose("", problem, out);
  }
  const std::size_t source = sources_.at("");
  if (source == kNone) return;
  found_[source].is_folder = true;
  found_[source].problem = problem;
  if (problem.empty()) return;
  ScanItem item;
  item.problem = std::move(problem);
  out.push_back(std::move(item));
}

// 1. what it is: a source, kept in one, or on the way to one  2. what is in it  3. out with it
// `not_there`: it was listed, and then there was nothing to look at.
void Scanner::visit(ScanItem item, bool not_there, const Level& in, Items& out) {
  const std::size_t is_source = in.leads ? sources_.at(item.path) : kNone;
  const bool leads = in.leads && sources_.leads(item.path);
  const bool begins = is_source != kNone;
  const bool kept = !begins && in.source != kNone && selection_.decide(in.says, "/" + item.path, item.name, item.stat).kept();
  if (!begins && !kept && in.source != kNone) ++excluded_;
  if (!begins && !kept && !leads) return;
  const std::size_t source = begins ? is_source : kept ? in.source : kNone;
  if (not_there && !begins && !leads && !item.folder->lists(item.name)) {
    vanished_.add(item.path);
    return;
  }

  if (item.path.size() > limits::kMaxPath) {
    item.problem = "its path has more than " + std::to_string(limits::kMaxPath) + " bytes; it is left out, with what is in it";
    item.folder.reset();
  }
  const bool was_found = item.problem.empty();
  const bool is_link = was_found && item.stat.kind == EntryKind::symlink;
  Items lost;  // behind their folder, in the catalog's order
  const bool is_folder = was_found && item.stat.kind == EntryKind::folder;
  if (is_folder) {
    if (!descend(item, source, begins, leads, in, lost)) {
      vanished_.add(item.path);
      return;
    }
  } else if (leads && was_found) {
    lose(item.path, "following " + printable("/" + item.path) + ", which is " + (is_link ? "a symbolic link" + leads_to(item) : "not a folder") + " (name the real path of the source)", lost,
         is_link ? SourceFound::Link::on_the_way : SourceFound::Link::none);
  } else if (leads) {
    lose(item.path, "following " + printable("/" + item.path) + ": " + item.problem, lost);
  }
  if (begins && is_link) {  // it is kept, and is not what was meant
    found_[source].link = SourceFound::Link::itself;
    ScanItem meant;
    meant.path = item.path;
    meant.problem = found_[source].problem = "it is a symbolic link" + leads_to(item) + ", which is not followed (name what it leads to)";
    lost.insert(lost.begin(), std::move(meant));
  }
  if (source != kNone) count(item, source, begins);
  if (is_folder || source != kNone) out.push_back(std::move(item));
  for (auto& l : lost) out.push_back(std::move(l));
}

void Scanner::count(const ScanItem& item, std::size_t source, bool begins) {
  SourceFound& found = found_[source];
  const bool is_whole = item.problem.empty();
  if (begins) found.is_folder = item.stat.kind == EntryKind::folder;
  if (begins && !is_whole) found.problem = item.problem;
  if (!begins) ++found.entries;
  if (!is_whole || item.stat.kind != EntryKind::file) return;
  ++found.files;
  found.bytes = saturating_add(found.bytes, item.stat.size);
}

// What a folder is shows when it has been entered: before that, something that is mounted on demand (autofs, a snapshot of ZFS) has another one in its place.
// False: it has vanished.
bool Scanner::descend(ScanItem& item, std::size_t source, bool begins, bool leads, const Level& in, Items& lost) {
  bool whole = source != kNone;
  if (whole && !begins && options_.one_file_system && item.stat.device != devices_[source]) whole = false;  // the mount point stays, empty
  if (!whole && !leads) return true;
  std::string problem;
  if (levels_.size() >= limits::kMaxFolderDepth) {
    problem = "it lies more than " + std::to_string(limits::kMaxFolderDepth) + " folders deep; what is in it is left out";
    lose(item.path, problem, lost);
  } else {
    try {
      auto inner = item.folder->folder(item.name);
      item.stat = inner->stat();
      if (whole && !begins && options_.one_file_system && item.stat.device != devices_[source]) {  // something was mounted when it was entered
        whole = false;
        if (!leads) return true;
      }
      if (whole && inner->has_flags()) flagged_.add(item.path);
      if (begins) {
        devices_[source] = item.stat.device;
        kernels_[source] = inner->is_kernels();
      } else if (whole && is_systems(*inner, item, in, source)) {
        whole = false;
        if (not_entered_.size() < kMostNotEntered) not_entered_.push_back("/" + item.path);
        else ++more_not_entered_;
      }
      enter(Level{std::move(inner), whole ? source : kNone, leads, item.stat.device}, item.path, begins ? Selection::Folder{} : in.says, problem);
    } catch (const failure& f) {
      if (!begins && !leads && may_have_vanished(f.code()) && !item.folder->lists(item.name)) return false;
      problem = f.what();
      lose(item.path, "following " + printable("/" + item.path) + ": " + problem, lost);
    }
  }
  if (whole) item.problem = std::move(problem);
  return true;
}

// Whether what is in it is the running system's, and nothing to keep.
bool Scanner::is_systems(const SourceFolder& folder, const ScanItem& item, const Level& in, std::size_t source) const {
  if (kernels_[source]) return false;
  return is_of_running_system(item.path) || (item.stat.device != in.device && folder.is_kernels());
}

// Of a folder that is no source, nor in one, only the names that lead to sources are looked at: it need not let itself be listed.
void Scanner::enter(Level level, std::string path, const Selection::Folder& above, std::string& problem) {
  level.path_size = path.size();
  level.lists = level.source != kNone && reach_ == Reach::everything;
  try {
    fill(level, path);
    if (level.lists) level.says = selection_.look_into(*level.folder, level.next, path.empty() ? "" : "/" + path, above);
  } catch (const failure& f) {
    if (!level.leads) throw;
    problem = f.what();
    level.source = kNone;
    level.lists = false;
    fill(level, path);
  }
  if (level.next.names.empty()) return;
  path_ = std::move(path);
  levels_.push_back(std::move(level));
  for (std::size_t i = 0; held_ > room_ && i + 1 < levels_.size(); ++i) let_go(levels_[i]);
}

// The names that come next.  Throws what listing them gives.
void Scanner::fill(Level& level, std::string_view path) {
  let_go(level);
  SourceNames next;
  if (level.lists) next = level.folder->names(level.last, room_ / 2);
  put_in_order(next.names, level.last);
  if (next.names.empty()) next.more = false;
  if (level.leads) add_ways(*level.folder, sources_.ways(path), level.last, next);
  for (auto& n : next.names) level.held += weight_of(n);
  held_ += level.held;
  level.next = std::move(next);
}

// The names behind those that were met.
void Scanner::go_on(Level& level, Items& out) {
  try {
    fill(level, path_);
    return;
  } catch (const failure& f) {
    ScanItem rest;
    rest.path = path_;
    rest.problem = std::string{f.what()} + "; what comes behind " + printable(level.last) + " in it is left out";
    out.push_back(std::move(rest));
  }
  level.lists = false;
  fill(level, path_);
}

// They can be asked for again.
void Scanner::let_go(Level& level) {
  level.next.more = level.next.more || level.at < level.next.names.size();
  std::vector<SourceName>().swap(level.next.names);
  level.at = 0;
  held_ -= std::exchange(level.held, 0);
}

// Sources that cannot be come to.
void Scanner::lose(std::string_view folder, const std::string& why, Items& out, SourceFound::Link link) {
  for (std::size_t i = sources_.first_below(folder); i < sources_.end_below(folder); ++i) {
    found_[i].problem = why;
    found_[i].link = link;
    ScanItem item;
    item.path = sources_[i];
    item.problem = why;
    out.push_back(std::move(item));
  }
}

std::vector<SourceFound> look_at_sources(SourceTree& tree, const std::vector<std::string>& sources) {
  const ExcludeRules none;
  Scanner scanner(tree, sources, none, {}, Scanner::Reach::sources);
  while (scanner.next(1024)) {
  }
  return scanner.found();
}

}  // namespace farkeep
