#include "config/include.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "config/include_keys.hpp"

namespace farkeep {
namespace {

/// "/etc/farkeep/" of "/etc/farkeep/agent.ini", "" of "agent.ini".
std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }

/// Whether the name matches, where * stands for any bytes: each run between two * is looked for as early as possible.
bool matches(std::string_view pattern, std::string_view name) {
  std::size_t const first = pattern.find('*'), last = pattern.rfind('*');
  std::string_view const head = pattern.substr(0, first), tail = pattern.substr(last + 1);
  if (name.size() < head.size() + tail.size() || !name.starts_with(head) || !name.ends_with(tail)) return false;
  name = name.substr(head.size(), name.size() - head.size() - tail.size());
  for (std::size_t at = first; at < last;) {
    std::size_t const next = pattern.find('*', at + 1);
    std::string_view const run = pattern.substr(at + 1, next - at - 1);
    std::size_t const found = name.find(run);
    if (found == name.npos) return false;
    name.remove_prefix(found + run.size());
    at = next;
  }
  return true;
}

class Collector {
 public:
  Collector(ConfigFiles& from, IniFiles& out) : from_(from), out_(out) {}

  void run(const std::string& main, MainFile when_missing) {
    std::string const folder = main + ".d/";
    for (const std::string& name : names(folder, "*.ini", {std::make_shared<const std::string>(folder), 0})) drop_ins_.insert(folder + name);
    main_may_be_missing_ = when_missing == MainFile::optional;
    visit(main, {});
    for (const std::string& path : drop_ins_) visit(path, {});
  }

 private:
  struct Step {
    std::string path, identity;
    int line;  // that of the include that is being followed
  };

  // `asked`: the line that names the file; nowhere for the main file and its drop-ins.
  // 1. may it be read?  2. read it  3. what it includes comes first
  void visit(const std::string& path, const IniPlace& asked) {
    if (stopped_) return;
    std::string identity = from_.identity(path);
    auto const open = std::find_if(chain_.begin(), chain_.end(), [&](const Step& s) { return s.path == path || s.identity == identity; });
    if (open != chain_.end()) {
      std::string const other_name = open->path == path ? "" : ", which is " + open->path;
      return wrong(path, asked, "the files include one another in a circle: " + chain_to(path) + other_name);
    }
    if (!seen_.insert(path).second) return;
    if (chain_.size() > kMaxIncludeDepth) {
      return wrong(path, asked, "files include one another more than " + std::to_string(kMaxIncludeDepth) + " deep: " + chain_to(path));
    }
    if (seen_.size() > kMaxConfigFiles) return stop(path, asked, "a configuration has at most " + std::to_string(kMaxConfigFiles) + " files, this would be one more");
    std::size_t const before = out_.errors.size();
    auto const text = read(path, asked);
    if (!text && out_.errors.size() > before) out_.complete = false;
    if (!text) return;
    bytes_ += text->size();
    if (bytes_ > kMaxConfigBytes) return stop(path, asked, "the files of a configuration have at most 4 MiB together, and with this one they have more");
    if (!asked.file && drop_ins_.count(path) == 0) out_.has_main = true;
    auto document = IniDocument::read(as_text(*text), path, out_.errors);
    chain_.push_back({path, std::move(identity), 0});
    if (const IniSection* const section = document.find({std::string{kIncludeKind}, {}})) follow(*section);
    chain_.pop_back();
    out_.documents.push_back(std::move(document));
  }

  void follow(const IniSection& section) {
    std::map<std::string, IniPlace> named;
    for (const IniEntry& entry : section.entries) {
      auto name = entry.key == kInclude[0].key ? parse_include(entry.value) : Value<std::string>{refused("")};
      if (!name) continue;  // the schema says what is wrong with it
      chain_.back().line = entry.line;
      std::string const path = name->starts_with('/') ? *name : folder_of(*entry.file) + *name;
      auto const [first, is_new] = named.try_emplace(path, entry.place());
      if (!is_new) {
        wrong(path, entry.place(), "it is the same as in " + first->second.seen_from(entry.place()));
      } else if (path.find('*') == path.npos) {
        include(path, entry.place());
      } else {
        std::string const folder = folder_of(path);
        for (const std::string& found : names(folder, path.substr(folder.size()), entry.place())) include(folder + found, entry.place());
      }
    }
  }

  void include(const std::string& path, const IniPlace& asked) {
    if (drop_ins_.count(path) != 0) return wrong(path, asked, "it lies in the folder that is read in any case, after the main file: do not include it");
    visit(path, asked);
  }

  std::vector<std::string> names(const std::string& folder, std::string_view pattern, const IniPlace& asked) {
    std::vector<std::string> found;
    try {
      found = from_.list(folder.empty() ? "." : folder);
    } catch (const failure& f) {
      wrong(folder, asked, "the folder cannot be listed: " + f.code().message());
      return {};
    }
    std::erase_if(found, [&](const std::string& name) { return name.starts_with('.') || !matches(pattern, name); });
    std::sort(found.begin(), found.end());
    return found;
  }

  std::optional<Buffer> read(const std::string& path, const IniPlace& asked) {
    try {
      auto text = from_.read(path, limits::kMaxIniFile);
      bool const may_be_missing = !asked.file && chain_.empty() && main_may_be_missing_ && drop_ins_.count(path) == 0;
      if (!text && !may_be_missing) wrong(path, asked, asked.file || drop_ins_.count(path) != 0 ? "there is no such file" : "there is no such file (name it with --config)");
      return text;
    } catch (const failure& f) {
      wrong(path, asked, classify(f.code()) == Errc::too_large ? "the file is larger than 1 MiB" : "the file cannot be read: " + f.code().message());
      return std::nullopt;
    }
  }

  std::string chain_to(const std::string& path) const {
    std::string out;
    for (const Step& s : chain_) out += s.path + ":" + std::to_string(s.line) + " -> ";
    return out + path;
  }

  void stop(const std::string& path, const IniPlace& asked, const std::string& text) {
    wrong(path, asked, text);
    stopped_ = true;
    out_.complete = false;
  }

  // About a file that was asked for in a line: said there.
  void wrong(const std::string& path, const IniPlace& asked, const std::string& text) {
    if (asked.line == 0) {
      out_.errors.push_back({path, 0, text});
    } else {
      out_.errors.push_back({*asked.file, asked.line, std::string{kInclude[0].key} + ": " + path + ": " + text});
    }
  }

  ConfigFiles& from_;
  IniFiles& out_;
  std::set<std::string> drop_ins_;  // sorted as bytes
  std::set<std::string> seen_;
  std::vector<Step> chain_;         // from the main file or drop-in to the file being read
  std::size_t bytes_ = 0;
  bool main_may_be_missing_ = false;
  bool stopped_ = false;
};

}  // namespace

IniFiles read_ini_files(ConfigFiles& from, const std::string& main, MainFile when_missing) {
  IniFiles out;
  Collector{from, out}.run(main, when_missing);
  return out;
}

// Normal, so that one file has one name: parse_path() takes out what means nothing and refuses "..".
Value<std::string> parse_include(std::string_view text) {
  bool const absolute = text.starts_with('/');
  auto path = parse_path(absolute ? std::string{text} : '/' + std::string{text});
  if (!path) return path.error();
  for (char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) return refused(in_quotes(text) + " holds a control character");
  }
  std::size_t const star = path->find('*');
  if (star < path->rfind('/')) return refused(in_quotes(text) + " has * before its last part: write the folders out");
  if (text.ends_with('/') || *path == "/") return refused(in_quotes(text) + " names a folder: for all files in it write *.ini behind it");
  return absolute ? std::move(*path) : path->substr(1);
}

}  // namespace farkeep
