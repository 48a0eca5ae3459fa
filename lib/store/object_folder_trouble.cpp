#include <algorithm>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "platform/atomic_file.hpp"
#include "store/object_folder.hpp"

// Whether the store takes anything, and how it comes to take something again.
namespace farkeep {

std::uint64_t disk_reserve(std::uint64_t total) noexcept { return total == 0 ? kDiskReserve : std::min(kDiskReserve, total / kReserveShare); }

// A file system that does not sync or rename says so now, not after the first promise.
void ObjectFolder::try_the_disk() {
  const std::string probe = root_ + "/tmp/probe", renamed = root_ + "/tmp/probe-renamed";
  disk_.remove(probe);
  disk_.remove(renamed);
  {
    auto file = disk_.open(probe, Open::create_new);
    const std::string text = "written to see whether this file system keeps its promises\n";
    file->append(as_bytes(text));
    file->sync();
  }
  bool const moved = disk_.rename_new(probe, renamed);
  disk_.sync_folder(root_ + "/tmp");
  bool const whole = disk_.exists(renamed) && !disk_.exists(probe);
  disk_.remove(renamed);
  if (!moved || !whole) throw failure(Errc::io, "trying the store's disk: its file system does not rename as it must");
}

void ObjectFolder::hold(const failure& why, std::set<std::string>* doubts, const std::string& what) {
  std::lock_guard guard{mutex_};
  if (doubts) doubts->insert(what);
  held_ = Held{why.code(), why.what()};
  is_held_ = true;
}

void ObjectFolder::refuse_if_held() {
  if (!is_held_) return;
  std::lock_guard guard{mutex_};
  if (held_) throw failure(held_->code, "storing something; nothing is stored until the disk is well again, after: " + held_->why);
}

void ObjectFolder::refuse_without_room(Room room) {
  refuse_if_held();
  std::uint64_t const kept = room == Room::for_data ? reserve_ : reserve_ / kLastReserveShare;
  if (disk_.free_bytes(root_) < kept)
    throw failure(Errc::no_space, "storing something: the last " + std::to_string(kept / limits::kKiB) + " KiB of the store's disk, and its last " +
                                      std::to_string(kept / Disk::kBytesPerFile) + " files (inodes), are not for this");
}

bool ObjectFolder::in_doubt(const std::string& name) {
  if (!is_held_) return false;
  std::lock_guard guard{mutex_};
  return doubtful_.contains(name);
}

// A file system that failed is made read only by the kernel: then there is no room, and trying says why.
StoreHealth ObjectFolder::tend() {
  if (is_held_ || disk_.free_bytes(root_) == 0) {
    try {
      mend();
      try_the_disk();
      std::lock_guard guard{mutex_};
      // Whoever began before it was held may have failed just now.
      bool const is_sure = doubtful_.empty() && doubtful_folders_.empty() && unsettled_.empty();
      if (is_sure) held_.reset();
      is_held_ = !is_sure;
    } catch (const failure& f) {
      // One that is full, and no worse, takes data again in the moment in which there is room.
      if (is_held_ || classify(f.code()) != Errc::no_space) hold(f);
    }
  }
  StoreHealth health;
  health.reserve = reserve_;
  health.free = disk_.free_bytes(root_);
  health.total = disk_size_;
  std::lock_guard guard{mutex_};
  health.takes_writes = !held_;
  if (held_) health.problem = held_->why;
  return health;
}

// One by one, each forgotten while its folder's names are ours: the next failure may come at once.
void ObjectFolder::mend() {
  while (auto const name = any_of(doubtful_)) end_for_good(*name);
  while (auto const path = any_of(doubtful_folders_)) {
    std::lock_guard alone{making_};
    if (disk_.list(*path).empty()) disk_.remove_tree(*path);
    forget(doubtful_folders_, *path);
  }
  while (auto const name = any_of(unsettled_)) write_anew(*name);
}

std::optional<std::string> ObjectFolder::any_of(const std::set<std::string>& doubts) {
  std::lock_guard guard{mutex_};
  if (doubts.empty()) return std::nullopt;
  return *doubts.begin();
}

void ObjectFolder::forget(std::set<std::string>& doubts, const std::string& what) {
  std::lock_guard guard{mutex_};
  doubts.erase(what);
}

// A removal of what is not there would change nothing, and its sync would write nothing.
void ObjectFolder::end_for_good(const std::string& name) {
  const std::string path = path_of(name), folder = folder_of(path);
  std::lock_guard alone{lock_of(folder)};
  if (!disk_.exists(path)) {
    const std::string empty = temporary_path("p", name);
    disk_.open(empty, Open::create_new).reset();
    disk_.rename(empty, path);
  }
  disk_.remove(path);
  disk_.sync_folder(folder);
  forget(doubtful_, name);
}

// Its bytes once more under another file, which takes the name over: a new change of the folder, with a sync of its own.
void ObjectFolder::write_anew(const std::string& name) {
  std::lock_guard alone{lock_of(folder_of(path_of(name)))};
  write_anew_alone(name);
}

void ObjectFolder::write_anew_alone(const std::string& name) {
  const std::string path = path_of(name), folder = folder_of(path);
  auto const bytes = read_file(disk_, path, kMaxObject);
  if (!bytes) return forget(unsettled_, name);
  const std::string copy = temporary_path("p", name);
  try {
    auto file = disk_.open(copy, Open::create_new);
    file->append(*bytes);
    file->sync();
  } catch (...) {
    remove_quietly(copy);
    throw;
  }
  disk_.rename(copy, path);
  disk_.sync_folder(folder);
  forget(unsettled_, name);
}

void ObjectFolder::remove_quietly(const std::string& path) {
  try {
    disk_.remove(path);
  } catch (const failure& f) {
    log_warning("a file of the store stays behind: {}", f.what());
  }
}

std::string ObjectFolder::folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace farkeep
