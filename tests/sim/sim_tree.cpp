#include "sim/sim_tree.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/check.hpp"
#include "base/error.hpp"

namespace farkeep::sim {
namespace {

class Reading final : public SourceFile {
 public:
  explicit Reading(std::shared_ptr<const TreeNode> node) : node_(std::move(node)) {}
  std::size_t read(MutableByteView into) override {
    std::size_t const n = std::min<std::size_t>(into.size(), node_->content.size() - std::min<std::size_t>(at_, node_->content.size()));
    if (n > 0) std::memcpy(into.data(), node_->content.data() + at_, n);
    at_ += n;
    return n;
  }
  void skip_to(std::uint64_t offset) override { at_ = static_cast<std::size_t>(offset); }
  EntryStat stat() const override { return node_->stat; }
  std::vector<DataRange> data_ranges() const override { return {{0, node_->content.size()}}; }
  Xattrs xattrs() const override { return {}; }

 private:
  std::shared_ptr<const TreeNode> node_;
  std::size_t at_ = 0;
};

// A folder as it is when it is looked at, of the version at the time of opening.
class Looking final : public SourceFolder {
 public:
  Looking(std::shared_ptr<const TreeVersion> nodes, std::string path) : nodes_(std::move(nodes)), path_(std::move(path)) {}

  std::vector<SourceName> entries() const override {
    std::vector<SourceName> out;
    std::string const prefix = path_.empty() ? "" : path_ + '/';
    for (auto at = nodes_->lower_bound(prefix); at != nodes_->end() && at->first.starts_with(prefix); ++at) {
      std::string name = at->first.substr(prefix.size());
      if (name.empty() || name.find('/') != std::string::npos) continue;
      out.push_back(SourceName{std::move(name), at->second->stat, {}});
    }
    return out;
  }
  std::shared_ptr<SourceFolder> folder(const std::string& name) const override {
    need(name, EntryKind::folder);
    return std::make_shared<Looking>(nodes_, join(name));
  }
  std::unique_ptr<SourceFile> file(const std::string& name) const override { return std::make_unique<Reading>(need(name, EntryKind::file)); }
  std::string link_target(const std::string& name) const override { return need(name, EntryKind::symlink)->link; }
  Xattrs xattrs(const std::string&) const override { return {}; }
  EntryStat stat(const std::string& name) const override { return at(name)->stat; }
  EntryStat stat() const override {
    if (!path_.empty()) return nodes_->at(path_)->stat;
    EntryStat root;
    root.kind = EntryKind::folder;
    return root;
  }
  Xattrs xattrs() const override { return {}; }

 private:
  std::string join(const std::string& name) const { return path_.empty() ? name : path_ + '/' + name; }
  std::shared_ptr<const TreeNode> at(const std::string& name) const {
    auto const found = nodes_->find(join(name));
    if (found == nodes_->end()) throw failure(Errc::not_found, "looking at " + join(name));
    return found->second;
  }
  std::shared_ptr<const TreeNode> need(const std::string& name, EntryKind kind) const {
    auto node = at(name);
    if (node->stat.kind != kind) throw failure(Errc::io, "opening " + join(name) + ": of another kind");
    return node;
  }

  std::shared_ptr<const TreeVersion> nodes_;
  std::string path_;
};

}  // namespace

SimTree::SimTree(std::uint64_t seed, const EntryStat& owner) : dice_(seed), owner_(owner) { nodes_[kTop] = make(EntryKind::folder); }

std::shared_ptr<SourceFolder> SimTree::open(const std::string& path) {
  FARKEEP_CHECK(path == "/");
  return std::make_shared<Looking>(std::make_shared<const TreeVersion>(nodes_), "");
}

void SimTree::change(WallTime now) {
  now_ns_ = now.time_since_epoch().count();
  std::uint64_t const changes = nodes_.size() < 8 ? dice_.between(8, 20) : dice_.between(0, 8);
  for (std::uint64_t i = 0; i < changes; ++i) one_change();
}

void SimTree::one_change() {
  now_ns_ += 1000;  // no two changes at one instant
  auto const what = dice_.below(20);
  std::string const file = some(EntryKind::file);
  if (what < 6 || file.empty()) {
    auto node = make(EntryKind::file);
    node->content = some_content();
    put(new_path(), std::move(node));
  } else if (what < 12) {  // written again, at times to the same length
    auto node = std::make_shared<TreeNode>(*nodes_.at(file));
    if (node->content.empty() || dice_.chance(0.5)) node->content = some_content();
    else node->content[dice_.below(node->content.size())] ^= 0x55;
    put(file, std::move(node));
  } else if (what < 14) {
    remove(file);
  } else if (what < 15) {
    auto node = nodes_.at(file);
    remove(file);
    put(new_path(), std::make_shared<TreeNode>(*node));
  } else if (what < 16) {
    auto node = std::make_shared<TreeNode>(*nodes_.at(file));
    node->stat.mode = dice_.chance(0.5) ? 0600 : 0755;
    put(file, std::move(node));
  } else if (what < 18) {
    put(new_path(), make(EntryKind::folder));
  } else if (what < 19) {
    auto node = make(EntryKind::symlink);
    node->link = "../" + file;
    node->stat.mode = 0777;
    put(new_path(), std::move(node));
  } else if (std::string const folder = some(EntryKind::folder); folder != kTop) {
    remove(folder);
  }
}

// A path of that kind; empty when there is none.
std::string SimTree::some(EntryKind kind) {
  std::vector<const std::string*> all;
  for (auto const& [path, node] : nodes_)
    if (node->stat.kind == kind) all.push_back(&path);
  return all.empty() ? std::string{} : *all[dice_.below(all.size())];
}

std::string SimTree::new_path() { return some(EntryKind::folder) + "/n" + std::to_string(next_name_++); }

// Mostly small, some inline in the catalog, a few with several chunks, seldom one that is read in pieces.
Buffer SimTree::some_content() {
  auto const kind = dice_.below(200);
  std::size_t size = dice_.below(6'000);
  if (kind < 50) size = dice_.below(120);
  if (kind >= 190) size = dice_.between(100'000, 400'000);
  if (kind == 199) size = 2'500'000;
  Buffer out(size);
  bool const text = dice_.chance(0.5);
  for (std::size_t i = 0; i < size; i += 8) {
    std::uint64_t const word = text ? 0x2020202074786574U + (dice_.raw() & 7U) : dice_.raw();
    std::memcpy(out.data() + i, &word, std::min<std::size_t>(8, size - i));
  }
  return out;
}

std::shared_ptr<TreeNode> SimTree::make(EntryKind kind) {
  auto node = std::make_shared<TreeNode>();
  node->stat.kind = kind;
  node->stat.mode = kind == EntryKind::folder ? 0750 : 0640;
  node->stat.uid = owner_.uid;
  node->stat.gid = owner_.gid;
  node->stat.inode = next_inode_++;
  node->stat.device = 1;
  node->stat.links = 1;
  node->stat.mtime_ns = node->stat.ctime_ns = now_ns_;
  return node;
}

void SimTree::put(const std::string& path, std::shared_ptr<TreeNode> node) {
  node->stat.ctime_ns = now_ns_;
  auto const old = nodes_.find(path);
  if (old == nodes_.end()) touch_parent(path);
  else if (old->second->content != node->content) node->stat.mtime_ns = now_ns_;
  node->stat.size = node->content.size();
  node->stat.blocks512 = (node->content.size() + 511) / 512;
  nodes_[path] = std::move(node);
}

void SimTree::remove(const std::string& path) {
  touch_parent(path);
  nodes_.erase(path);
  for (auto at = nodes_.lower_bound(path + '/'); at != nodes_.end() && at->first.starts_with(path + '/');) at = nodes_.erase(at);
}

void SimTree::touch_parent(const std::string& path) {
  auto& parent = nodes_.at(path.substr(0, path.rfind('/')));
  auto node = std::make_shared<TreeNode>(*parent);
  node->stat.mtime_ns = node->stat.ctime_ns = now_ns_;
  parent = std::move(node);
}

}  // namespace farkeep::sim
