#pragma once

#include <map>
#include <set>
#include <string>

#include "base/error.hpp"
#include "platform/disk.hpp"

namespace farkeep::sim {

/// A disk with places that it does not give any more, or to this user, or that takes nothing, or is out of descriptors; it counts what is read.
struct BadSectors final : Disk {
  explicit BadSectors(Disk& d) : disk(d) {}
  std::unique_ptr<DiskFile> open(const std::string& path, Open how) override {
    if (how == Open::read) ++reads[path];
    if (how == Open::read && unreadable.contains(path)) throw failure(Errc::io, "opening " + path);
    if (denied.contains(path)) throw failure(boost::system::errc::make_error_code(boost::system::errc::permission_denied), "opening " + path);
    if (no_descriptors) throw failure(boost::system::errc::make_error_code(boost::system::errc::too_many_files_open), "opening " + path);
    if (how != Open::read) change(path);
    return disk.open(path, how);
  }
  void rename(const std::string& from, const std::string& to) override {
    change(to);
    disk.rename(from, to);
  }
  bool rename_new(const std::string& from, const std::string& to) override { return disk.rename_new(from, to); }
  void remove(const std::string& path) override {
    change(path);
    disk.remove(path);
  }
  void make_folders(const std::string& path) override { disk.make_folders(path); }
  void sync_folder(const std::string& path) override { disk.sync_folder(path); }
  std::vector<std::string> list(const std::string& folder) override { return disk.list(folder); }
  bool exists(const std::string& path) override { return disk.exists(path); }
  What what_is(const std::string& path) override { return disk.what_is(path); }
  void remove_tree(const std::string& path) override { disk.remove_tree(path); }
  std::unique_ptr<DiskLock> lock(const std::string& path) override { return disk.lock(path); }
  std::uint64_t free_bytes(const std::string& path) override { return disk.free_bytes(path); }

  void change(const std::string& path) const {
    if (read_only) throw failure(Errc::io, "changing " + path);
  }

  Disk& disk;
  bool read_only = false, no_descriptors = false;
  std::set<std::string> unreadable, denied;
  std::map<std::string, int> reads;
};

}  // namespace farkeep::sim
