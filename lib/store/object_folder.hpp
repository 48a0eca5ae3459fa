#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "crypto/random.hpp"
#include "platform/disk.hpp"
#include "store/store.hpp"

namespace farkeep {

/// The blocking half of DirectoryStore: called on workers, several calls at once.  Promises and layout are those of
/// directory_store.hpp; names were checked.
class ObjectFolder {
 public:
  ObjectFolder(Disk& disk, Random& random, std::string root);

  StoreId id() const { return id_; }

  /// False: the name exists, durably.
  bool put_new(const std::string& name, const Buffer& body);
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
    void append(ByteView bytes);
    /// False: the name exists, durably.
    bool finish();

   private:
    ObjectFolder& folder_;
    std::string name_;
    std::string path_;
    std::unique_ptr<DiskFile> file_;
  };

  std::vector<ObjectInfo> leftovers(const std::string& folder);
  std::optional<Buffer> get_leftover(const std::string& name);
  void discard_leftover(const std::string& name);

 private:
  StoreId read_or_make_id(Random& random);
  void try_the_disk();
  void sort_out_temporaries();
  void list_into(const std::string& folder, std::vector<ObjectInfo>& found);
  void settle(const std::string& folder);
  bool in_doubt(const std::string& name);
  void ready_folder_of(const std::string& name);
  void sync_names(const std::string& path);
  void refuse_if_broken() const;
  std::string path_of(const std::string& name) const { return root_ + '/' + name + ".obj"; }
  std::string temporary_path(const char* kind, std::string name);

  Disk& disk_;
  const std::string root_;
  std::unique_ptr<DiskLock> lock_;
  StoreId id_;
  std::atomic<bool> broken_ = false;
  std::atomic<std::uint64_t> next_temporary_;
  std::mutex mutex_;                             // of the four below
  std::set<std::string> ready_;                  // folders known durable
  std::set<std::string> settled_;                // folders whose names from before this run are known durable
  std::set<std::string> doubtful_;               // names that we made and could not sync: absent until the next run
  std::map<std::string, std::string> leftover_;  // object name → path of the unfinished upload
};

}  // namespace farkeep
