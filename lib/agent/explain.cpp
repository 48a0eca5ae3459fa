#include "agent/explain.hpp"

#include <algorithm>
#include <utility>

#include "agent/scanner.hpp"
#include "agent/selection.hpp"
#include "agent/source_paths.hpp"
#include "base/error.hpp"

namespace farkeep {
namespace {

std::string text_of(const Selection::Verdict& verdict, const Selection::Folder& in) {
  using Reason = Selection::Reason;
  switch (verdict.reason) {
    case Reason::kept: return verdict.rule ? "the rule " + verdict.rule->text + " takes it in" : "no rule leaves it out";
    case Reason::job_rule: return "the rule " + verdict.rule->text + " leaves it out";
    case Reason::ignore_rule: return "the rule " + verdict.rule->text + " of an ignore_file leaves it out";
    case Reason::larger: return "it is larger than exclude_larger_than allows";
    case Reason::cache: return "its folder is marked as a cache by " + in.only + " (exclude_caches)";
    case Reason::marked: return in.only == Selection::Folder::kNothing ? "its folder is a mark itself (exclude_if_present)" : "its folder has " + in.only + " (exclude_if_present)";
  }
  return {};
}

Explanation as_explanation(const Selection::Verdict& verdict, const Selection::Folder& in, std::string path) {
  Explanation out{verdict.kept(), std::move(path), text_of(verdict, in), {}, 0};
  if (verdict.rule) {
    out.file = *verdict.rule->file;
    out.line = verdict.rule->line;
  }
  return out;
}

// The way from "/" down to a path, as Scanner goes it: what is there, and what its folders say.
class Descent {
 public:
  Descent(SourceTree& tree, const BackupJob& job) : tree_(tree), job_(job), sources_(job.sources), selection_(job.rules, job.scan) {}

  Explanation go(const std::string& path) {
    Explanation said{false, path, "it lies below none of the job's paths", {}, 0};
    open_root();
    if (source_ != kNone) said = {true, path, "no rule leaves it out", {}, 0};
    if (path == "/") return source_ == kNone && sources_.size() > 0 ? above(path) : said;
    for (std::size_t begin = 1;;) {
      const std::size_t end = std::min(path.find('/', begin), path.size());
      const std::string at = path.substr(0, end), name = path.substr(begin, end - begin);
      const EntryStat stat = look(name, end != path.size());
      const std::size_t is_source = sources_.at(at.substr(1));
      const bool begins = is_source != kNone, leads = sources_.leads(at.substr(1));
      if (begins) {
        source_ = is_source;
        device_ = stat.device;
        said = {true, at, folder_ && stat.kind == EntryKind::symlink ? "of it only the symbolic link itself, which is not followed" : "it is a path of the job", {}, 0};
      } else if (source_ != kNone) {
        const Selection::Verdict verdict = selection_.decide(says_, at, name, stat);
        said = as_explanation(verdict, says_, at);
        if (!verdict.kept()) source_ = kNone;
      }
      if (end == path.size()) return source_ == kNone && leads ? above(path) : said;
      if (folder_ && stat.kind != EntryKind::folder) return {false, at, stat.kind == EntryKind::symlink ? "it is a symbolic link, which is not followed (ask for what it leads to)" : "it is not a folder", {}, 0};
      if (source_ != kNone && !begins && job_.scan.one_file_system && folder_ && stat.device != device_) {
        source_ = kNone;
        said = {false, at, "it is another file system (one_file_system)", {}, 0};
      }
      if (source_ == kNone && !leads) return said;
      const std::uint64_t around = here_;
      step(name, at, begins);
      if (source_ != kNone && !begins && job_.scan.one_file_system && folder_ && here_ != device_) {  // something was mounted when it was entered
        source_ = kNone;
        said = {false, at, "it is another file system (one_file_system)", {}, 0};
        if (!leads) return said;
      }
      if (source_ != kNone && !begins && !named_kernels_ && (is_of_running_system(at.substr(1)) || (folder_ && here_ != around && folder_->is_kernels()))) {
        source_ = kNone;
        said = {false, at, "the running system makes it up, so it is not entered unless it is named as a path", {}, 0};
        if (!leads) return said;
      }
      begin = end + 1;
    }
  }

 private:
  static constexpr std::size_t kNone = SourcePaths::kNone;

  Explanation above(const std::string& path) const {
    return {true, path, "it is a folder above /" + sources_[sources_.first_below(path.substr(1))] + ": of what is in it only that", {}, 0};
  }
  void open_root() {
    source_ = sources_.at("");
    try {
      folder_ = tree_.open("/");
      if (source_ == kNone) return;
      device_ = here_ = folder_->stat().device;
      says_ = selection_.look_into(*folder_, folder_->names({}, kNamesRoom), "", {});
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
  void step(const std::string& name, const std::string& path, bool begins) {
    if (begins) says_ = {};
    if (!folder_) return;
    try {
      folder_ = folder_->folder(name);
      here_ = folder_->stat().device;
      if (begins) {
        device_ = here_;
        named_kernels_ = folder_->is_kernels();
      }
      if (source_ != kNone) says_ = selection_.look_into(*folder_, folder_->names({}, kNamesRoom), path, says_);
    } catch (const failure&) {
      folder_.reset();
    }
  }

  SourceTree& tree_;
  const BackupJob& job_;
  const SourcePaths sources_;
  const Selection selection_;
  std::size_t source_ = kNone;  // in which the walk is; kNone: it is only on the way to one
  std::shared_ptr<SourceFolder> folder_;
  Selection::Folder says_;
  std::uint64_t device_ = 0;  // of the source
  std::uint64_t here_ = 0;    // of the folder
  bool named_kernels_ = false;
};

}  // namespace

Explanation explain(SourceTree& tree, const BackupJob& job, const std::string& path) { return Descent(tree, job).go(path); }

}  // namespace farkeep
