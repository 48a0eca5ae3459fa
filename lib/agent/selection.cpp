#include "agent/selection.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "platform/printable.hpp"

namespace farkeep {
namespace {

constexpr std::string_view kCacheTag = "CACHEDIR.TAG";
// https://bford.info/cachedir/: the file must begin with these bytes.
constexpr std::string_view kCacheSignature = "Signature: 8a477f597d28d172789f06886806bc55";
constexpr std::size_t kMaxIgnoreFile = 256 * limits::kKiB;

// What has this name.  Of a folder with so many names that the first ones do not reach to it, the disk is asked.
std::optional<EntryStat> find_name(const SourceFolder& folder, const SourceNames& in, const std::string& name) {
  const auto it = std::lower_bound(in.names.begin(), in.names.end(), name, [](const SourceName& n, const std::string& v) { return n.name < v; });
  if (it != in.names.end()) return it->name == name ? std::optional{it->stat} : std::nullopt;
  if (!in.more) return std::nullopt;
  try {
    return folder.stat(name);
  } catch (const failure&) {
    return std::nullopt;
  }
}

// At most so many bytes of its beginning.
Buffer beginning(SourceFolder& folder, const std::string& name, std::size_t most) {
  const auto file = folder.file(name);
  Buffer out(most);
  std::size_t have = 0;
  while (have < most) {
    const std::size_t n = file->read(MutableByteView{out}.subspan(have));
    if (n == 0) break;
    have += n;
  }
  out.resize(have);
  return out;
}

bool has_cache_tag(SourceFolder& folder, const SourceNames& names) {
  const auto found = find_name(folder, names, std::string(kCacheTag));
  if (!found || found->kind != EntryKind::file) return false;
  try {
    return as_text(beginning(folder, std::string(kCacheTag), kCacheSignature.size())) == kCacheSignature;
  } catch (const failure&) {
    return false;  // an unreadable tag is no tag; the file itself is reported when it is read
  }
}

}  // namespace

IgnoreFile read_ignore_file(std::string_view text, const std::string& folder, const std::string& name, std::shared_ptr<const IgnoreRules> above) {
  using Stopped = ExcludeRules::Reading::Stopped;
  const std::string file = printable(folder + "/" + name);
  const std::size_t rules_above = above ? above->rules_in_all : 0, own = sizeof(IgnoreRules) + file.size();
  const std::size_t bytes = own + (above ? above->bytes_in_all : 0);  // with one rule in each of thousands of folders, the names are what takes memory
  ExcludeRules::Reading found = ExcludeRules::read(exclude_lines(text, file), {IgnoreRules::kMaxRules - rules_above, IgnoreRules::kMaxBytes - std::min(bytes, IgnoreRules::kMaxBytes)});
  IgnoreFile out{std::move(above), {}};
  if (found.stopped == Stopped::too_wrong) {
    const ConfigError& first = found.errors.front();
    out.warnings.push_back(fmt::format("{}:{}: {}; this line and at least {} others are no rules, so the whole file does not count: correct them, or remove it", file, first.line, first.text, ExcludeRules::kMaxWrong));
    return out;
  }
  if (found.stopped == Stopped::full) {
    out.warnings.push_back(fmt::format("{}: with the rules of the folders above there are more than {} rules, or they take more than {} MiB of memory; this file does not count: shorten these files, or use exclude_file", file,
                                       IgnoreRules::kMaxRules, IgnoreRules::kMaxBytes / limits::kMiB));
    return out;
  }
  for (auto& e : found.errors) out.warnings.push_back(e.to_string() + "; this line does not count");
  if (found.rules.size() == 0) return out;
  IgnoreRules rules{folder.size(), std::move(found.rules), std::move(out.rules)};
  rules.rules_in_all = rules_above + rules.rules.size();
  rules.bytes_in_all = bytes + rules.rules.bytes();
  out.rules = std::make_shared<const IgnoreRules>(std::move(rules));
  return out;
}

Selection::Verdict Selection::decide(const Folder& in, std::string_view path, std::string_view name, const EntryStat& stat) const {
  if (!in.only.empty() && name != in.only) return {in.why};
  const bool is_folder = stat.kind == EntryKind::folder;
  ExcludeRules::Decision found = rules_.decide(path, is_folder);
  Reason reason = Reason::job_rule;
  for (const IgnoreRules* at = in.ignore.get(); at && !found.rule; at = at->above.get()) {
    found = at->rules.decide(path.substr(at->base), is_folder);
    reason = Reason::ignore_rule;
  }
  if (found.verdict == ExcludeRules::Verdict::excluded) return {reason, found.rule};
  if (options_.larger_than && stat.kind == EntryKind::file && stat.size > *options_.larger_than) return {Reason::larger};
  return {Reason::kept, found.rule};
}

Selection::Folder Selection::look_into(SourceFolder& folder, const SourceNames& names, const std::string& path, const Folder& above) const {
  Folder out;
  out.ignore = above.ignore;
  if (!above.only.empty()) {  // the folder is the mark itself
    out.only = Folder::kNothing;
    out.why = above.why;
    return out;
  }
  if (options_.exclude_caches && has_cache_tag(folder, names)) {
    out.only = kCacheTag;
    out.why = Reason::cache;
    return out;
  }
  for (auto& mark : options_.if_present) {
    if (!find_name(folder, names, mark)) continue;
    out.only = mark;
    out.why = Reason::marked;
    return out;
  }
  const auto ignore = options_.ignore_file.empty() ? std::nullopt : find_name(folder, names, options_.ignore_file);
  if (!ignore) return out;
  const std::string file = path + "/" + options_.ignore_file;
  if (ignore->kind != EntryKind::file) {
    warn(printable(file) + " is no file (links are not followed); its rules do not count");
    return out;
  }
  try {
    const Buffer text = beginning(folder, options_.ignore_file, kMaxIgnoreFile + 1);
    if (text.size() > kMaxIgnoreFile) throw failure(Errc::too_large, "reading the rules in " + printable(file) + ", at most " + std::to_string(kMaxIgnoreFile) + " bytes");
    IgnoreFile found = read_ignore_file(as_text(text), path, options_.ignore_file, above.ignore);
    for (auto& line : found.warnings) warn(line);
    out.ignore = std::move(found.rules);
  } catch (const failure& f) {
    warn(std::string(f.what()) + "; its rules do not count");
  }
  return out;
}

void Selection::warn(const std::string& text) const {
  if (warnings_ == kMaxWarnings) return;
  if (++warnings_ < kMaxWarnings) log_warning("{}", text);
  else log_warning("{}; more of what is wrong with ignore files is not told in this run: farkeep explain PATH tells it of one path", text);
}

}  // namespace farkeep
