#include "agent/check.hpp"

#include <algorithm>
#include <deque>
#include <unordered_set>

#include "archive/node_codec.hpp"
#include "base/limits.hpp"
#include "chunk/chunker.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kNodesAtOnce = 32;
constexpr std::size_t kMaxErrors = 100;

class Check {
 public:
  Check(VaultPort& vault, const AgentKeys& keys, Workers& workers, Reporter& reporter, CheckDepth depth, const MemoryPlan& memory)
      : vault_(vault), fetcher_(vault, keys, workers, memory.kept), reporter_(reporter), depth_(depth), chunks_at_once_(memory.restored * memory.restoring / kDefaultSizes.average) {}

  task<CheckResult> run(std::vector<SnapshotInfo> snapshots) {
    progress_.phase = "checking";
    progress_.server = vault_.server();
    for (auto& s : snapshots) {
      ++result_.snapshots;
      snapshot_ = s.id.brief();
      if (seen_.insert(s.root).second) nodes_.push_back(s.root);
      co_await walk();
    }
    co_await check_chunks(0);
    co_return std::move(result_);
  }

 private:
  void error(const std::string& text) {
    ++result_.error_count;
    ++progress_.unreadable;
    const std::string line = "snapshot " + snapshot_ + ": " + text;
    reporter_.problem("", line);
    if (result_.errors.size() < kMaxErrors) result_.errors.push_back(line);
  }

  // Breadth is bounded by what one node refers to; a node that was seen in an earlier snapshot is not read again.
  task<void> walk() {
    while (!nodes_.empty()) {
      std::vector<ObjectId> some;
      for (; !nodes_.empty() && some.size() < kNodesAtOnce; nodes_.pop_back()) some.push_back(nodes_.back());
      std::vector<NodePlainOwned> got;
      bool failed = false;
      try {
        got = co_await fetcher_.load(some);
      } catch (const failure& f) {
        if (!is_about_data(f)) throw;
        failed = true;
      }
      if (failed) {  // one by one, to say which
        for (auto& id : some) {
          std::vector<ObjectId> one{id};
          std::string text;
          try {
            std::vector<NodePlainOwned> n = co_await fetcher_.load(one);
            for (auto& node : n) got.push_back(std::move(node));
          } catch (const failure& f) {
            if (!is_about_data(f)) throw;
            text = "catalog node " + id.brief() + ": " + f.what();
          }
          if (!text.empty()) error(text);
        }
      }
      for (auto& n : got) look_at(n);
      progress_.files = result_.entries;
      reporter_.progress(progress_);
      co_await check_chunks(chunks_at_once_);
    }
  }

  void look_at(const NodePlainOwned& n) {
    ++result_.nodes;
    const auto node = decode_node(n.message, n.refs);
    if (!node) {
      error("catalog node " + n.id.brief() + " does not make sense: " + node.error().message());
      return;
    }
    result_.entries += node->entries.size();
    for (auto& child : node->children) add_node(child.id);
    for (auto& ref : node->list) add_ref(ref.id, node->level > kListLevel);
    for (auto& entry : node->entries)
      for (auto& ref : entry.chunks) add_ref(ref.id, entry.list_depth > 0);
  }

  void add_node(const ObjectId& id) {
    if (seen_.insert(id).second) nodes_.push_back(id);
  }
  void add_ref(const ObjectId& id, bool is_node) {
    if (is_node) add_node(id);
    else if (seen_.insert(id).second) chunks_.push_back(id);
  }

  task<void> check_chunks(std::size_t keep) {
    const std::size_t at_once = depth_ == CheckDepth::data ? chunks_at_once_ : limits::kIdsPerQuestion;
    while (!chunks_.empty() && (keep == 0 || chunks_.size() >= at_once)) {
      std::vector<ObjectId> some;
      for (; !chunks_.empty() && some.size() < at_once; chunks_.pop_front()) some.push_back(chunks_.front());
      result_.objects += some.size();
      if (depth_ == CheckDepth::structure) {
        const std::vector<bool> has = co_await vault_.have(some);
        for (std::size_t i = 0; i < some.size(); ++i)
          if (!has[i]) error("chunk " + some[i].brief() + " is missing on " + vault_.server());
      } else {
        co_await read_chunks(std::move(some));
      }
      progress_.bytes = result_.bytes_read;
      reporter_.progress(progress_);
    }
  }

  task<void> read_chunks(std::vector<ObjectId> ids) {
    std::string text;
    try {
      std::shared_ptr<ObjectSet> set = co_await fetcher_.objects(ids);
      for (auto& id : ids) result_.bytes_read += set->find(id)->bytes.size();
    } catch (const failure& f) {
      if (!is_about_data(f)) throw;
      text = f.what();
    }
    if (text.empty()) co_return;
    if (ids.size() == 1) {
      error("chunk " + ids[0].brief() + ": " + text);
      co_return;
    }
    // Halve until it is clear which ones.
    const auto middle = ids.begin() + static_cast<std::ptrdiff_t>(ids.size() / 2);
    std::vector<ObjectId> first(ids.begin(), middle), second(middle, ids.end());
    co_await read_chunks(std::move(first));
    co_await read_chunks(std::move(second));
  }

  VaultPort& vault_;
  Fetcher fetcher_;
  Reporter& reporter_;
  const CheckDepth depth_;
  const std::size_t chunks_at_once_;  // of content that is fetched as one
  std::string snapshot_;
  std::vector<ObjectId> nodes_;
  std::deque<ObjectId> chunks_;
  std::unordered_set<ObjectId> seen_;
  CheckResult result_;
  Progress progress_;
};

}  // namespace

task<CheckResult> check_snapshots(VaultPort& vault, const AgentKeys& keys, Workers& workers, Reporter& reporter, std::vector<SnapshotInfo> snapshots,
                                  CheckDepth depth, MemoryPlan memory) {
  Check check(vault, keys, workers, reporter, depth, memory);
  co_return co_await check.run(std::move(snapshots));
}

}  // namespace farkeep
