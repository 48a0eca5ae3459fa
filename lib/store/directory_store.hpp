#pragma once

#include <memory>
#include <string>

#include "async/workers.hpp"
#include "crypto/random.hpp"
#include "platform/disk.hpp"
#include "store/store.hpp"

namespace farkeep {

class ObjectFolder;

/// A store in a folder.
///
///   <root>/lock             held while the store is open
///   <root>/store-id         its id, 32 hex digits
///   <root>/tmp/…            what is being written
///   <root>/<object>.obj     objects, at their names
///
/// Writing: a temporary file, its bytes, a sync of it, its name (never over another), a sync of the folder.  Folders are
/// synced from the root down before their first object is promised.  A sync that failed is never repeated: the temporary
/// file is abandoned; after a failed sync of a *folder* nobody knows which names last, so the name in question counts as absent,
/// and the store refuses to write until it is opened anew, and reads on.  What a process that was killed left unsynced among
/// the names of a folder is synced when the folder is listed first.
class DirectoryStore final : public Store {
 public:
  /// Takes the lock (Errc::busy when somebody has it), makes what is missing, tries that the file system syncs and renames,
  /// removes unfinished puts and takes stock of unfinished uploads.
  static task<std::unique_ptr<DirectoryStore>> open(Disk& disk, Workers& workers, Random& random, std::string root);
  ~DirectoryStore() override;

  StoreId id() const override;
  task<void> put(std::string name, Buffer body) override;
  task<bool> put_new(std::string name, Buffer body) override;
  task<std::unique_ptr<Upload>> begin(std::string name) override;
  task<std::optional<Buffer>> get(std::string name) override;
  task<Buffer> get_range(std::string name, std::uint64_t offset, std::size_t size) override;
  task<std::vector<ObjectInfo>> list(std::string folder) override;
  task<std::vector<std::string>> list_folders(std::string folder) override;
  task<void> remove(std::string name) override;
  task<std::vector<ObjectInfo>> leftovers(std::string folder) override;
  task<std::optional<Buffer>> get_leftover(std::string name) override;
  task<void> discard_leftover(std::string name) override;

 private:
  class FileUpload;
  DirectoryStore(Workers& workers, std::unique_ptr<ObjectFolder> folder);

  Workers& workers_;
  std::unique_ptr<ObjectFolder> folder_;
};

}  // namespace farkeep
