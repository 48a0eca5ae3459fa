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

// Its lines that are rules.
ExcludeRules rules_of(const Buffer& text, const std::string& file) {
  std::vector<ExcludeLine> lines = exclude_lines(as_text(text), printable(file));
  auto rules = ExcludeRules::parse(lines);
  if (rules.value) return std::move(*rules.value);
  for (auto& e : rules.errors) {
    log_warning("{}:{}: {}; this line does not count", e.file, e.line, e.text);
    std::erase_if(lines, [&](const ExcludeLine& l) { return l.line == e.line; });
  }
  rules = ExcludeRules::parse(lines);
  return rules.value ? std::move(*rules.value) : ExcludeRules{};
}

}  // namespace

Selection::Verdict Selection::decide(const Folder& in, std::string_view path, std::string_view name, const EntryStat& stat) const {
  if (!in.only.empty() && name != in.only) return {in.why};
  const bool is_folder = stat.kind == EntryKind::folder;
  ExcludeRules::Decision found = rules_.decide(path, is_folder);
  Reason reason = Reason::job_rule;
  for (const IgnoreRules* at = in.ignore.get(); at && !found.rule; at = at->above.get()) {
    found = at->rules.decide(path.substr(at->base.size()), is_folder);
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
    log_warning("{} is no file (links are not followed); its rules do not count", printable(file));
    return out;
  }
  try {
    const Buffer text = beginning(folder, options_.ignore_file, kMaxIgnoreFile + 1);
    if (text.size() > kMaxIgnoreFile) throw failure(Errc::too_large, "reading the rules in " + printable(file) + ", at most " + std::to_string(kMaxIgnoreFile) + " bytes");
    out.ignore = std::make_shared<IgnoreRules>(IgnoreRules{path, rules_of(text, file), above.ignore});
  } catch (const failure& f) {
    log_warning("{}; its rules do not count", f.what());
  }
  return out;
}

}  // namespace farkeep
