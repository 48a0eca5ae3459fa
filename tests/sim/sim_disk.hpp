#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "platform/disk.hpp"

namespace farkeep::sim {

/// What a power cut does to what was not synced.
enum class Cut {
  drop_all,   ///< nothing of it lasts
  keep_some,  ///< each write and each change of a name lasts or not, by chance, in any combination
  tear_last,  ///< all lasts, but the last write of every file ends somewhere in the middle; names by chance
};

/// A disk in memory that keeps apart what was written and what was synced: a file's bytes until sync(), the names in a
/// folder until sync_folder().  Removing, renaming and creating change names only, so that a renamed file may after a
/// power cut have both names, or none.  One thread.
class SimDisk final : public Disk {
 public:
  SimDisk();
  ~SimDisk() override;

  std::unique_ptr<DiskFile> open(const std::string& path, Open how) override;
  void rename(const std::string& from, const std::string& to) override;
  bool rename_new(const std::string& from, const std::string& to) override;
  void remove(const std::string& path) override;
  void make_folders(const std::string& path) override;
  void sync_folder(const std::string& path) override;
  std::vector<std::string> list(const std::string& folder) override;
  bool exists(const std::string& path) override;
  What what_is(const std::string& path) override;
  void remove_tree(const std::string& path) override;
  std::unique_ptr<DiskLock> lock(const std::string& path) override;
  std::uint64_t free_bytes(const std::string& path) override;

  /// All that would outlive a power cut, as it is now.
  struct Image;
  std::shared_ptr<const Image> image() const;
  /// While it is without power: what it holds is from now on what it held then.
  void set_back(const Image& to);

  // ---- faults; an operation is anything that changes the disk, a sync included

  /// Operations so far.
  std::uint64_t operations() const { return operations_; }
  /// Bytes read so far.
  std::uint64_t bytes_read() const { return bytes_read_; }
  /// After `n` more operations the power goes: the next one may or may not have happened, and all after it throw.
  void cut_power_after(std::uint64_t n) { cut_at_ = operations_ + n; }
  /// The power goes now.
  void cut_power();
  /// Nothing is armed any more: neither a cut nor a failure; and there is room again.
  void disarm();
  bool without_power() const { return dark_; }
  /// Called at the moment the power goes: a machine without power says nothing more to anybody.
  void when_power_goes(std::function<void()> then) { on_cut_ = std::move(then); }
  /// What the disk holds when it comes back; open files and locks are gone.
  void power_on(Cut cut, std::mt19937& rng);
  /// The operation after `n` more fails with `code` and does nothing; so do all after it when `stays`.
  /// A sync that fails, of a file or a folder, drops what it should have made durable: later syncs say yes and do not bring it back.
  void fail_after(std::uint64_t n, Errc code, bool stays);
  void heal() { fail_at_.reset(); dead_ = false; }
  /// The process is killed after `n` more operations: it hears Errc::io from then on, and nothing that it asks for happens, nor is anything dropped.
  void kill_after(std::uint64_t n) { fail_after(n, Errc::io, true); dead_ = true; }
  /// No room: whatever makes a name or adds bytes fails with no_space; removing, renaming and syncing do not.
  void set_full(bool full) { full_ = full; }
  /// What it says of its room; writing goes on.
  void set_space(std::uint64_t free) { free_ = free; }
  /// A disk that says "synced" and is not: what tests of tests are made of.
  void lie_about_sync(bool lie) { lies_ = lie; }

  // ---- looking and rotting

  /// Every file, in order.
  std::vector<std::string> files() const;
  /// Those whose names would outlive a power cut.
  std::vector<std::string> lasting_files() const;
  Buffer content(const std::string& path) const;
  /// Changes a file behind everybody's back, durably.
  void set_content(const std::string& path, Buffer bytes);
  /// A bad sector: reading this file fails with Errc::io, until it is replaced or `bad` is false.
  void set_unreadable(const std::string& path, bool bad = true);

 private:
  struct File;
  struct Folder;
  struct Node;
  class Handle;
  class Lock;
  struct Place;

  Place place(const std::string& path, bool must_have_parent) const;
  Folder* folder_at(const std::string& path) const;
  File* file_at(const std::string& path) const;
  enum class Needs { nothing, room };
  void operation(const std::string& doing, Needs needs, File* syncing = nullptr, Folder* syncing_names = nullptr);
  void power_check(const std::string& doing) const;
  static std::vector<std::string> names_in(const Folder& top, std::map<std::string, Node> Folder::*which);
  static std::shared_ptr<Folder> lasting_copy(const Folder& folder);
  static void settle(Folder& folder, Cut cut, std::mt19937& rng);

  std::shared_ptr<Folder> root_;
  std::set<std::string> locks_;
  std::uint64_t operations_ = 0, bytes_read_ = 0;
  std::optional<std::uint64_t> cut_at_, fail_at_;
  Errc fail_code_ = Errc::io;
  bool fail_stays_ = false;
  bool dark_ = false, full_ = false, lies_ = false, dead_ = false;
  std::uint64_t free_ = std::uint64_t{1} << 40;
  std::function<void()> on_cut_;
  std::uint64_t boot_ = 0;
};

}  // namespace farkeep::sim
