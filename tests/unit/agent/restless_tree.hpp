#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "platform/source_tree.hpp"

namespace farkeep::test {

/// How the machine's files look: those named "restless" change under each of the first so many readers.
struct Unrest {
  int changes = 0;
  bool endless = false;  // there is always more to read
  int opened = 0;
  std::int64_t stamp_ns = 0;            // not 0: the times of "restless", however often it is written
  std::function<void()> was_read = {};  // once, when "restless" was read to its end and before anybody looks whether it changed
  std::string mounts = {};              // a folder where something is mounted as soon as it is entered; before that another one is to be seen
  std::map<std::string, std::uint64_t> comes_up = {};  // the device of a folder that is mounted by entering it; before that nothing is to be seen of it
  std::map<std::string, std::uint64_t> inodes = {};   // of these names, which have other ones on the disk
  std::set<std::string> kernels = {};                 // folders on a file system that the kernel makes up
  std::map<std::string, std::uint64_t> devices = {};  // of these folders and all in them
  std::function<void(std::vector<SourceName>&)> lists = {};  // what a folder lists, made worse
  std::function<void(const std::string&)> opens = {};  // before a file or a folder of this name is opened
  std::map<std::string, int> cannot_open = {};        // files, and the error number that opening them gives
  struct BadSector {
    std::uint64_t at;
    int error;
  };
  std::map<std::string, BadSector> cannot_read = {};  // the same of reading them there
  std::map<std::string, std::string> lost = {};       // of these names, attributes that cannot be read
  std::set<std::string> cannot_ask = {};              // names whose attributes cannot even be listed

  Xattrs found(const std::string& name, Xattrs x) const {
    if (cannot_ask.contains(name)) throw_errno(EIO, "listing the attributes of " + name);
    if (const auto at = lost.find(name); at != lost.end()) x.lost = at->second;
    return x;
  }
  EntryStat seen(const std::string& name, EntryStat s) const {
    if (name == "restless" && stamp_ns != 0) s.mtime_ns = s.ctime_ns = stamp_ns;
    if (const auto at = inodes.find(name); at != inodes.end()) s.inode = at->second;
    if (const auto at = devices.find(name); at != devices.end()) s.device = at->second;
    return s;
  }
};

class RestlessFile final : public SourceFile {
 public:
  RestlessFile(std::unique_ptr<SourceFile> file, std::string name, bool changes, Unrest& unrest) : file_(std::move(file)), name_(std::move(name)), changes_(changes), unrest_(unrest) {}
  std::size_t read(MutableByteView into) override {
    const auto bad = unrest_.cannot_read.find(name_);
    if (bad != unrest_.cannot_read.end() && at_ + into.size() > bad->second.at) throw_errno(bad->second.error, "reading file '" + name_ + "'");
    read_ = true;
    const std::size_t n = unrest_.endless && name_ == "restless" ? into.size() : file_->read(into);
    at_ += n;
    return n;
  }
  void skip_to(std::uint64_t offset) override { file_->skip_to(offset); }
  EntryStat stat() const override {
    if (read_ && name_ == "restless" && unrest_.was_read) std::exchange(unrest_.was_read, {})();
    EntryStat s = unrest_.seen(name_, file_->stat());
    if (changes_ && read_) s.mtime_ns += 1;
    return s;
  }
  std::vector<DataRange> data_ranges() const override { return file_->data_ranges(); }
  Xattrs xattrs() const override { return unrest_.found(name_, file_->xattrs()); }

 private:
  std::unique_ptr<SourceFile> file_;
  const std::string name_;
  const bool changes_;
  Unrest& unrest_;
  bool read_ = false;
  std::uint64_t at_ = 0;
};

class RestlessFolder final : public SourceFolder {
 public:
  /// `device`: not 0: that of the folder and of all in it.
  RestlessFolder(std::shared_ptr<SourceFolder> folder, Unrest& unrest, std::uint64_t device = 0, bool is_kernels = false)
      : folder_(std::move(folder)), unrest_(unrest), device_(device), is_kernels_(is_kernels) {}
  std::vector<SourceName> entries() const override {
    auto names = folder_->entries();
    for (auto& n : names) n.stat = as_seen(n.name, n.stat);
    return names;
  }
  SourceNames names(const std::string& after, std::size_t room) const override {
    SourceNames found = SourceFolder::names(after, room);
    if (unrest_.lists) unrest_.lists(found.names);
    return found;
  }
  std::shared_ptr<SourceFolder> folder(const std::string& name) const override {
    if (unrest_.opens) unrest_.opens(name);
    if (const auto up = unrest_.comes_up.find(name); up != unrest_.comes_up.end()) return std::make_shared<RestlessFolder>(folder_->folder(name), unrest_, up->second, false);
    const auto at = unrest_.devices.find(name);
    return std::make_shared<RestlessFolder>(folder_->folder(name), unrest_, at == unrest_.devices.end() ? device_ : at->second, is_kernels_ || unrest_.kernels.count(name) > 0);
  }
  std::unique_ptr<SourceFile> file(const std::string& name) const override {
    if (unrest_.opens) unrest_.opens(name);
    if (const auto bad = unrest_.cannot_open.find(name); bad != unrest_.cannot_open.end()) throw_errno(bad->second, "opening file '" + name + "'");
    const bool changes = name == "restless" && unrest_.opened++ < unrest_.changes;
    return std::make_unique<RestlessFile>(folder_->file(name), name, changes, unrest_);
  }
  std::string link_target(const std::string& name) const override { return folder_->link_target(name); }
  Xattrs xattrs(const std::string& name) const override { return unrest_.found(name, folder_->xattrs(name)); }
  EntryStat stat(const std::string& name) const override { return as_seen(name, folder_->stat(name)); }
  EntryStat stat() const override { return on_device(folder_->stat()); }
  Xattrs xattrs() const override { return folder_->xattrs(); }
  bool is_kernels() const override { return is_kernels_; }

 private:
  EntryStat on_device(EntryStat s) const {
    if (device_ != 0) s.device = device_;
    return s;
  }
  EntryStat as_seen(const std::string& name, EntryStat s) const {
    if (name != unrest_.mounts) return unrest_.seen(name, on_device(s));
    s.mode = 0777;
    s.mtime_ns = 0;
    s.device += 1;
    return s;
  }

  std::shared_ptr<SourceFolder> folder_;
  Unrest& unrest_;
  const std::uint64_t device_;
  const bool is_kernels_;
};

struct RestlessTree final : SourceTree {
  std::shared_ptr<SourceFolder> open(const std::string& path) override { return std::make_shared<RestlessFolder>(system_sources().open(root.empty() ? path : root), unrest); }
  Unrest unrest;
  std::string root = {};  // a folder in the place of "/"
};

}  // namespace farkeep::test
