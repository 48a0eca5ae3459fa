#pragma once

#include <memory>
#include <string>

#include "async/workers.hpp"
#include "crypto/random.hpp"
#include "platform/disk.hpp"
#include "store/store.hpp"
#include "store/store_health.hpp"

namespace farkeep {

class ObjectFolder;

/// A store in a folder.
///
///   <root>/lock             held while the store is open
///   <root>/store-id         its id, 32 hex digits, and 16 of their SHA-256; store-id.copy: the same once more
///   <root>/tmp/…            what is being written
///   <root>/<object>.obj     objects, at their names
///
/// Writing: a temporary file, its bytes, a sync of it, its name (over another only by replace()), a sync of the folder.  Folders are
/// synced from the root down before their first object is promised.  What a process that was killed left unsynced among
/// the names of a folder is synced when the folder is listed first.
///
/// A sync that failed is never believed when it says yes later: the system may have dropped what it should have written.
/// - Of a file: it is abandoned.
/// - Of a folder, for a new name: the name is taken back at once, before anybody else can meet it (what happens to the names of one folder happens one
///   after the other), so memory and promise agree, and a later object of that name is a new change with a sync of its own.  So with a new folder.
/// - Where even that fails, after a failed removal, and for names that were there before: the name is *in doubt*.  The first two count as absent, the last
///   (the greatest of a folder whose first sync failed: numbers grow, so it is the one that a killed process made last; and one that was replaced) can be read.  The store refuses to
///   write until tend() has written anew what is in doubt — removed what counts as absent, copied what was there — and a probe has passed.
/// A disk that is full, or may only be read, when the store is opened: reads work, and tend() looks whether it takes something again.
///
/// New data (uploads) stop when less than the reserve is free (store_health.hpp), other objects at a quarter of it, and removing never.
class DirectoryStore final : public Store {
 public:
  /// Takes the lock (Errc::busy when somebody has it), makes what is missing, tries that the file system syncs and renames,
  /// removes unfinished puts and takes stock of unfinished uploads.  Only a store that is there already opens on a disk that takes nothing.
  /// `disk_size`: of the file system, for the reserve; 0 is a large one.
  static task<std::unique_ptr<DirectoryStore>> open(Disk& disk, Workers& workers, Random& random, std::string root, std::uint64_t disk_size = 0);
  ~DirectoryStore() override;

  StoreId id() const override;
  task<void> put(std::string name, Buffer body) override;
  task<bool> put_new(std::string name, Buffer body) override;
  task<void> replace(std::string name, Buffer body) override;
  task<std::unique_ptr<Upload>> begin(std::string name) override;
  task<std::optional<Buffer>> get(std::string name) override;
  task<Buffer> get_range(std::string name, std::uint64_t offset, std::size_t size) override;
  task<std::vector<ObjectInfo>> list(std::string folder) override;
  task<std::vector<std::string>> list_folders(std::string folder) override;
  task<void> remove(std::string name) override;
  task<std::vector<ObjectInfo>> leftovers(std::string folder) override;
  task<std::optional<Buffer>> get_leftover(std::string name) override;
  task<void> discard_leftover(std::string name) override;

  /// Says how the store is, after trying to be well again where it is not.  Called every kLookAtDisk or so.
  task<StoreHealth> tend();

 private:
  class FileUpload;
  DirectoryStore(Workers& workers, std::unique_ptr<ObjectFolder> folder);

  Workers& workers_;
  std::unique_ptr<ObjectFolder> folder_;
};

}  // namespace farkeep
