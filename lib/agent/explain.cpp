#include "agent/explain.hpp"

#include <algorithm>
#include <utility>

#include "agent/selection.hpp"
#include "base/error.hpp"

namespace farkeep {
namespace {

bool is_at_or_below(const std::string& path, const std::string& folder) {
  return folder == "/" || path == folder || (path.starts_with(folder) && path[folder.size()] == '/');
}

std::string text_of(const Selection::Verdict& verdict, const Selection::Folder& in) {
  using Reason = Selection::Reason;
  switch (verdict.reason) {
    case Reason::kept: return verdict.rule ? "the rule " + verdict.rule->text + " takes it in" : "no rule leaves it out";
    case Reason::job_rule: return "the rule " + verdict.rule->text + " leaves it out";
    case Reason::ignore_rule: return "the rule " + verdict.rule->text + " of an ignore_file leaves it out";
    case Reason::larger: return "it is larger than exclude_larger_than allows";
    case Reason::cache: return "its folder is marked as a cache by " + in.only + " (exclude_caches)";
    case Reason::marked: return "its folder has the file " + in.only + " (exclude_if_present)";
  }
  return {};
}

Explanation as_explanation(const Selection::Verdict& verdict, const Selection::Folder& in, std::string path) {
  Explanation out{verdict.kept(), std::move(path), text_of(verdict, in), {}, 0};
  if (verdict.rule) {
    out.file = verdict.rule->file;
    out.line = verdict.rule->line;
  }
  return out;
}

// The way from a source down to a path: what is there, and what its folders say.
class Descent {
 public:
  Descent(SourceTree& tree, const BackupJob& job) : tree_(tree), job_(job), selection_(job.rules, job.scan) {}

  Explanation go(const std::string& source, const std::string& path) {
    const std::size_t last_slash = source.rfind('/');
    std::string at = source == "/" ? "" : source.substr(0, last_slash);
    open(at.empty() ? "/" : at);
    if (source == "/") {
      device_ = folder_ ? folder_->stat().device : 0;
      enter("");
    }
    for (std::size_t begin = at.size() + 1;;) {
      const std::size_t end = std::min(path.find('/', begin), path.size());
      at = path.substr(0, end);
      const std::string name = path.substr(begin, end - begin);
      const EntryStat stat = look(name, end != path.size());
      if (at == source) device_ = stat.device;
      const Selection::Verdict verdict = selection_.decide(says_, at, name, stat);
      if (!verdict.kept() || end == path.size()) return as_explanation(verdict, says_, at);
      if (job_.scan.one_file_system && folder_ && stat.device != device_) return {false, at, "it is another file system (one_file_system)", {}, 0};
      step(name, at);
      begin = end + 1;
    }
  }

 private:
  void open(const std::string& path) {
    try {
      folder_ = tree_.open(path);
    } catch (const failure&) {
      folder_.reset();
    }
  }
  // What is not there is judged by its name.
  EntryStat look(const std::string& name, bool has_more) {
    EntryStat stat;
    stat.kind = has_more ? EntryKind::folder : EntryKind::file;
    stat.device = device_;
    if (!folder_) return stat;
    try {
      return folder_->stat(name);
    } catch (const failure&) {
      folder_.reset();
      return stat;
    }
  }
  void step(const std::string& name, const std::string& path) {
    if (!folder_) return;
    try {
      folder_ = folder_->folder(name);
    } catch (const failure&) {
      folder_.reset();
    }
    enter(path);
  }
  void enter(const std::string& path) {
    if (!folder_) return;
    try {
      says_ = selection_.look_into(*folder_, folder_->entries(), path, says_);
    } catch (const failure&) {
      folder_.reset();
    }
  }

  SourceTree& tree_;
  const BackupJob& job_;
  const Selection selection_;
  std::shared_ptr<SourceFolder> folder_;
  Selection::Folder says_;
  std::uint64_t device_ = 0;
};

}  // namespace

Explanation explain(SourceTree& tree, const BackupJob& job, const std::string& path) {
  // Of sources below sources the upper one counts, as for the walk.
  std::string source;
  for (auto& s : job.sources)
    if (is_at_or_below(path, s) && (source.empty() || s.size() < source.size())) source = s;
  if (source.empty()) {
    for (auto& s : job.sources)
      if (is_at_or_below(s, path)) return {true, path, "it is a folder above " + s + ": of what is in it only that", {}, 0};
    return {false, path, "it lies below none of the job's paths", {}, 0};
  }
  if (path == "/") return {true, path, "no rule leaves it out", {}, 0};
  return Descent(tree, job).go(source, path);
}

}  // namespace farkeep
