#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "crypto/random.hpp"
#include "platform/disk.hpp"
#include "store/store.hpp"
#include "store/store_health.hpp"

namespace farkeep {

/// The blocking half of DirectoryStore: called on workers, several calls at once.  Promises and layout are those of
/// directory_store.hpp; names were checked.
class ObjectFolder {
 public:
  ObjectFolder(Disk& disk, Random& random, std::string root, std::uint64_t disk_size);

  StoreId id() const { return id_; }

  /// False: the name exists, durably.
  bool put_new(const std::string& name, const Buffer& body);
  void replace(const std::string& name, const Buffer& body);
  std::optional<Buffer> get(const std::string& name);
  /// Reads into `out`, whatever it holds, and gives it back.
  Buffer get_range(const std::string& name, std::uint64_t offset, std::size_t size, Buffer out);
  std::vector<ObjectInfo> list(const std::string& folder);
  std::vector<std::string> list_folders(const std::string& folder);
  void remove(const std::string& name);

  /// A file being written; gone with its bytes unless it was finished.
  class Unfinished {
   public:
    Unfinished(ObjectFolder& folder, std::string name, const char* kind);
    ~Unfinished();
    Unfinished(const Unfinished&) = delete;
    Unfinished& operator=(const Unfinished&) = delete;
    /// Of new data: keeps to the reserve.
    void append(ByteView bytes);
    /// False: the name exists, durably.
    bool finish();
    /// Over whatever has the name.
    void replace();

   private:
    void make_ready();
    ObjectFolder& folder_;
    std::string name_;
    std::string path_;
    bool is_data_;
    std::unique_ptr<DiskFile> file_;
  };

  std::vector<ObjectInfo> leftovers(const std::string& folder);
  std::optional<Buffer> get_leftover(const std::string& name);
  void discard_leftover(const std::string& name);

  StoreHealth tend();

 private:
  struct Held {
    boost::system::error_code code;
    std::string why;
  };
  enum class Room { for_data, for_small };  // which of the two reserves stays

  StoreId read_or_make_id(Random& random, bool is_new);
  void try_the_disk();
  void sort_out_temporaries();
  bool is_folder_of_the_store(const std::string& folder, const std::string& name);
  bool is_no_file(const std::string& name);
  Buffer read(const std::string& name, std::uint64_t offset, std::size_t most, Buffer out);
  void list_into(const std::string& folder, std::vector<ObjectInfo>& found);
  void settle(const std::string& folder, const std::string& newest);
  void settle_anew(const std::string& newest);
  bool in_doubt(const std::string& name);
  bool give_name(const std::string& temporary, const std::string& name);
  void take_over_name(const std::string& temporary, const std::string& name);
  void ready_folder_of(const std::string& name);
  void make_and_sync(const std::string& folder);
  void undo_empty_folders(std::string folder);
  /// Nothing is written from now on; `what` belongs to `doubts`, which is one of the sets below.
  void hold(const failure& why, std::set<std::string>* doubts = nullptr, const std::string& what = {});
  void refuse_if_held();
  void refuse_without_room(Room room);
  void mend();
  std::optional<std::string> any_of(const std::set<std::string>& doubts);
  void forget(std::set<std::string>& doubts, const std::string& what);
  void end_for_good(const std::string& name);
  void write_anew(const std::string& name);
  void write_anew_alone(const std::string& name);
  void remove_quietly(const std::string& path);
  static std::string folder_of(const std::string& path);
  std::mutex& lock_of(const std::string& folder_path) { return folders_[std::hash<std::string>{}(folder_path) % folders_.size()]; }
  std::string path_of(const std::string& name) const { return root_ + '/' + name + ".obj"; }
  std::string temporary_path(const char* kind, std::string name);

  Disk& disk_;
  const std::string root_;
  std::unique_ptr<DiskLock> lock_;
  StoreId id_;
  const std::uint64_t disk_size_, reserve_;
  std::atomic<std::uint64_t> next_temporary_;
  std::atomic<bool> is_held_ = false;  // held_ has a value, or something is in doubt: a look without the lock
  // Taken in this order.  What is done to the names of one folder is done by one thread at a time; folders share locks by chance.
  std::mutex making_;                            // of folders, and of the next
  std::set<std::string> ready_;                  // folders known durable
  std::array<std::mutex, 64> folders_;
  std::mutex mutex_;                             // of all below
  std::set<std::string> settled_;                // folders whose names from before this run were synced, or are in unsettled_
  std::set<std::string> doubtful_;               // names that count as absent, and must be made absent
  std::set<std::string> doubtful_folders_;       // paths of empty ones that may not last
  std::set<std::string> unsettled_;              // names that can be read, and may not last
  std::optional<Held> held_;                     // nothing is written, because of this
  std::set<std::string> odd_;                    // names told to be no files
  std::map<std::string, std::string> leftover_;  // object name → path of the unfinished upload
};

}  // namespace farkeep
