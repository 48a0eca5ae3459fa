#include "sim/sim_disk.hpp"

#include <algorithm>
#include <cstring>
#include <functional>

#include "base/check.hpp"

namespace farkeep::sim {

struct SimDisk::File {
  struct Change {
    std::uint64_t offset;
    Buffer bytes;
    bool truncates = false;  // to `offset`
  };
  Buffer now, synced;
  std::vector<Change> unsynced;
  bool unreadable = false;

  static void apply(Buffer& to, const Change& c) {
    if (c.truncates) {
      to.resize(c.offset);
      return;
    }
    if (to.size() < c.offset + c.bytes.size()) to.resize(c.offset + c.bytes.size());
    std::copy(c.bytes.begin(), c.bytes.end(), to.begin() + static_cast<std::ptrdiff_t>(c.offset));
  }
  void change(Change c) {
    apply(now, c);
    unsynced.push_back(std::move(c));
  }
};

struct SimDisk::Node {
  std::shared_ptr<File> file;
  std::shared_ptr<Folder> folder;
  explicit operator bool() const { return file || folder; }
};

struct SimDisk::Folder {
  std::map<std::string, Node> now, synced;
  std::vector<std::pair<std::string, Node>> unsynced;  // an empty node: removed

  static void apply(std::map<std::string, Node>& to, const std::string& name, const Node& node) {
    if (node) {
      to[name] = node;
    } else {
      to.erase(name);
    }
  }
  void change(const std::string& name, Node node) {
    apply(now, name, node);
    unsynced.emplace_back(name, std::move(node));
  }
};

struct SimDisk::Place {
  Folder* folder = nullptr;
  std::string name;
  Node* node = nullptr;
};

namespace {

std::vector<std::string> parts_of(const std::string& path) {
  std::vector<std::string> parts;
  std::size_t at = 0;
  while (at <= path.size()) {
    auto slash = std::min(path.find('/', at), path.size());
    if (slash > at) parts.push_back(path.substr(at, slash - at));
    at = slash + 1;
  }
  return parts;
}

bool chance(std::mt19937& rng) { return (rng() & 1) != 0; }

}  // namespace

// ---- an open file

class SimDisk::Handle final : public DiskFile {
 public:
  Handle(SimDisk& disk, std::shared_ptr<File> file, std::string path)
      : disk_(disk), file_(std::move(file)), path_(std::move(path)), boot_(disk.boot_) {}

  std::size_t read_at(std::uint64_t offset, MutableByteView into) override {
    alive("reading ");
    if (file_->unreadable) throw failure(Errc::io, "reading " + path_);
    if (offset >= file_->now.size()) return 0;
    std::size_t const n = std::min<std::size_t>(into.size(), file_->now.size() - offset);
    if (n > 0) std::memcpy(into.data(), file_->now.data() + offset, n);
    disk_.bytes_read_ += n;
    return n;
  }
  void append(ByteView bytes) override { write_at(file_->now.size(), bytes); }
  void write_at(std::uint64_t offset, ByteView bytes) override { change(File::Change{offset, to_buffer(bytes)}, "writing "); }
  void truncate(std::uint64_t size) override { change(File::Change{size, {}, true}, "truncating "); }
  void sync() override {
    alive("syncing ");
    broken_ = true;
    disk_.operation("syncing " + path_, Needs::nothing, file_.get());
    broken_ = false;
    if (disk_.lies_) return;
    for (const auto& c : file_->unsynced) File::apply(file_->synced, c);
    file_->unsynced.clear();
  }
  std::uint64_t size() const override {
    alive("asking the size of ");
    return file_->now.size();
  }

 private:
  void alive(const char* doing) const {
    disk_.power_check(doing + path_);
    if (boot_ != disk_.boot_ || broken_) throw failure(Errc::io, doing + path_ + ": the handle is dead");
  }
  void change(File::Change c, const char* doing) {
    alive(doing);
    bool const had_power = !disk_.dark_;
    try {
      disk_.operation(doing + path_, c.truncates ? Needs::nothing : Needs::room);
    } catch (...) {
      // The write during which the power went may have happened.
      if (had_power && disk_.dark_) file_->change(std::move(c));
      throw;
    }
    file_->change(std::move(c));
  }

  SimDisk& disk_;
  std::shared_ptr<File> file_;
  std::string path_;
  std::uint64_t boot_;
  bool broken_ = false;
};

class SimDisk::Lock final : public DiskLock {
 public:
  Lock(SimDisk& disk, std::string path) : disk_(disk), path_(std::move(path)), boot_(disk.boot_) {}
  ~Lock() override {
    if (boot_ == disk_.boot_) disk_.locks_.erase(path_);
  }

 private:
  SimDisk& disk_;
  std::string path_;
  std::uint64_t boot_;
};

// ---- names

SimDisk::SimDisk() : root_(std::make_shared<Folder>()) {}
SimDisk::~SimDisk() = default;

SimDisk::Place SimDisk::place(const std::string& path, bool must_have_parent) const {
  auto parts = parts_of(path);
  FARKEEP_CHECK(!parts.empty());
  Place p;
  p.folder = root_.get();
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    auto at = p.folder->now.find(parts[i]);
    if (at == p.folder->now.end() || !at->second.folder) {
      if (must_have_parent) throw failure(Errc::not_found, "finding the folder of " + path);
      return Place{};
    }
    p.folder = at->second.folder.get();
  }
  p.name = parts.back();
  auto at = p.folder->now.find(p.name);
  if (at != p.folder->now.end()) p.node = &at->second;
  return p;
}

SimDisk::Folder* SimDisk::folder_at(const std::string& path) const {
  if (parts_of(path).empty()) return root_.get();
  Place p = place(path, false);
  return p.node ? p.node->folder.get() : nullptr;
}

SimDisk::File* SimDisk::file_at(const std::string& path) const {
  Place p = place(path, false);
  return p.node ? p.node->file.get() : nullptr;
}

std::unique_ptr<DiskFile> SimDisk::open(const std::string& path, Open how) {
  power_check("opening " + path);
  Place p = place(path, true);
  if (p.node && p.node->folder) throw failure(Errc::io, "opening a folder as a file: " + path);
  if (p.node && how == Open::create_new) throw failure(Errc::exists, "making " + path);
  if (!p.node && how == Open::read) throw failure(Errc::not_found, "opening " + path);
  if (p.node) return std::make_unique<Handle>(*this, p.node->file, path);
  operation("making " + path, Needs::room);
  auto file = std::make_shared<File>();
  p.folder->change(p.name, Node{file, nullptr});
  return std::make_unique<Handle>(*this, std::move(file), path);
}

void SimDisk::rename(const std::string& from, const std::string& to) {
  operation("renaming " + from, Needs::nothing);
  Place a = place(from, true);
  if (!a.node) throw failure(Errc::not_found, "renaming " + from);
  Node node = *a.node;
  Place b = place(to, true);
  b.folder->change(b.name, node);
  a.folder->change(a.name, Node{});
}

bool SimDisk::rename_new(const std::string& from, const std::string& to) {
  power_check("renaming " + from);
  if (place(to, true).node) return false;
  rename(from, to);
  return true;
}

void SimDisk::remove(const std::string& path) {
  operation("removing " + path, Needs::nothing);
  Place p = place(path, false);
  if (p.node) p.folder->change(p.name, Node{});
}

void SimDisk::make_folders(const std::string& path) {
  power_check("making " + path);
  Folder* at = root_.get();
  for (const std::string& part : parts_of(path)) {
    auto found = at->now.find(part);
    if (found == at->now.end()) {
      operation("making folder " + path, Needs::room);
      at->change(part, Node{nullptr, std::make_shared<Folder>()});
      try {
        operation("syncing the parent of folder " + path, Needs::nothing, nullptr, at);
      } catch (...) {
        if (!dark_ && !dead_) at->change(part, Node{});
        throw;
      }
      at->synced = at->now;
      at->unsynced.clear();
      found = at->now.find(part);
    }
    if (!found->second.folder) throw failure(Errc::exists, "making folder " + path);
    at = found->second.folder.get();
  }
}

void SimDisk::sync_folder(const std::string& path) {
  power_check("syncing folder " + path);
  Folder* f = folder_at(path);
  operation("syncing folder " + path, Needs::nothing, nullptr, f);
  if (!f) throw failure(Errc::not_found, "syncing folder " + path);
  if (lies_) return;
  for (const auto& [name, node] : f->unsynced) Folder::apply(f->synced, name, node);
  f->unsynced.clear();
}

std::vector<std::string> SimDisk::list(const std::string& folder) {
  power_check("listing " + folder);
  std::vector<std::string> names;
  if (Folder* f = folder_at(folder))
    for (const auto& [name, node] : f->now) names.push_back(name);
  return names;
}

bool SimDisk::exists(const std::string& path) {
  power_check("looking for " + path);
  return place(path, false).node != nullptr;
}

What SimDisk::what_is(const std::string& path) {
  power_check("looking at " + path);
  if (const File* file = file_at(path)) return {What::Kind::file, file->now.size()};
  return {folder_at(path) ? What::Kind::folder : What::Kind::nothing, 0};
}

void SimDisk::remove_tree(const std::string& path) { remove(path); }

std::unique_ptr<DiskLock> SimDisk::lock(const std::string& path) {
  static_cast<void>(open(path, Open::read_write));
  if (!locks_.insert(path).second) return nullptr;
  return std::make_unique<Lock>(*this, path);
}

std::uint64_t SimDisk::free_bytes(const std::string&) {
  bool const armed = fail_at_ && operations_ >= *fail_at_ && fail_code_ == Errc::no_space;
  return full_ || armed ? 0 : free_;
}

// ---- faults

void SimDisk::power_check(const std::string& doing) const {
  if (dark_) throw failure(Errc::io, doing + ": no power");
}

void SimDisk::cut_power() {
  if (dark_) return;
  dark_ = true;
  if (on_cut_) on_cut_();
}

void SimDisk::disarm() {
  cut_at_.reset();
  heal();
  full_ = false;
}

void SimDisk::operation(const std::string& doing, Needs needs, File* syncing, Folder* syncing_names) {
  power_check(doing);
  std::uint64_t const n = operations_++;
  if (cut_at_ && n >= *cut_at_) {
    cut_power();
    power_check(doing);
  }
  if (full_ && needs == Needs::room) throw failure(Errc::no_space, doing);
  if (!fail_at_ || n < *fail_at_) return;
  if (!fail_stays_) fail_at_.reset();
  if (syncing && !dead_) syncing->unsynced.clear();
  if (syncing_names && !dead_) syncing_names->unsynced.clear();
  throw failure(fail_code_, doing);
}

void SimDisk::fail_after(std::uint64_t n, Errc code, bool stays) {
  fail_at_ = operations_ + n;
  fail_code_ = code;
  fail_stays_ = stays;
  dead_ = false;
}

void SimDisk::power_on(Cut cut, std::mt19937& rng) {
  settle(*root_, cut, rng);
  cut_at_.reset();
  heal();
  dark_ = false;
  locks_.clear();
  ++boot_;
}

void SimDisk::settle(Folder& folder, Cut cut, std::mt19937& rng) {
  folder.now = folder.synced;
  for (auto& [name, node] : folder.unsynced)
    if (cut != Cut::drop_all && chance(rng)) Folder::apply(folder.now, name, node);
  folder.synced = folder.now;
  folder.unsynced.clear();
  for (auto& [name, node] : folder.now) {
    if (node.folder) {
      settle(*node.folder, cut, rng);
      continue;
    }
    File& f = *node.file;
    Buffer lasting = f.synced;
    for (std::size_t i = 0; i < f.unsynced.size(); ++i) {
      File::Change& c = f.unsynced[i];
      bool const last = i + 1 == f.unsynced.size();
      if (cut == Cut::drop_all || (cut == Cut::keep_some && chance(rng))) continue;
      if (cut == Cut::tear_last && last && !c.truncates && !c.bytes.empty()) c.bytes.resize(rng() % c.bytes.size());
      File::apply(lasting, c);
    }
    f.now = lasting;
    f.synced = std::move(lasting);
    f.unsynced.clear();
  }
}

// ---- other times

struct SimDisk::Image {
  std::shared_ptr<Folder> root;
};

std::shared_ptr<SimDisk::Folder> SimDisk::lasting_copy(const Folder& folder) {
  auto copy = std::make_shared<Folder>();
  for (const auto& [name, node] : folder.synced) {
    Node twin;
    if (node.folder) {
      twin.folder = lasting_copy(*node.folder);
    } else {
      twin.file = std::make_shared<File>();
      twin.file->now = twin.file->synced = node.file->synced;
    }
    copy->synced.emplace(name, std::move(twin));
  }
  copy->now = copy->synced;
  return copy;
}

std::shared_ptr<const SimDisk::Image> SimDisk::image() const {
  auto image = std::make_shared<Image>();
  image->root = lasting_copy(*root_);
  return image;
}

void SimDisk::set_back(const Image& to) {
  FARKEEP_CHECK(dark_);
  root_ = lasting_copy(*to.root);
}

// ---- looking and rotting

std::vector<std::string> SimDisk::files() const { return names_in(*root_, &Folder::now); }
std::vector<std::string> SimDisk::lasting_files() const { return names_in(*root_, &Folder::synced); }

std::vector<std::string> SimDisk::names_in(const Folder& top, std::map<std::string, Node> Folder::*which) {
  std::vector<std::string> found;
  std::function<void(const Folder&, const std::string&)> walk = [&](const Folder& folder, const std::string& path) {
    for (const auto& [name, node] : folder.*which) {
      if (node.folder) walk(*node.folder, path + name + '/');
      if (node.file) found.push_back(path + name);
    }
  };
  walk(top, "/");
  return found;
}

Buffer SimDisk::content(const std::string& path) const {
  File* f = file_at(path);
  if (!f) throw failure(Errc::not_found, "looking into " + path);
  return f->now;
}

void SimDisk::set_content(const std::string& path, Buffer bytes) {
  File* f = file_at(path);
  if (!f) throw failure(Errc::not_found, "changing " + path);
  f->now = bytes;
  f->synced = std::move(bytes);
  f->unsynced.clear();
}

void SimDisk::set_unreadable(const std::string& path, bool bad) {
  File* f = file_at(path);
  if (!f) throw failure(Errc::not_found, "spoiling " + path);
  f->unreadable = bad;
}

}  // namespace farkeep::sim
