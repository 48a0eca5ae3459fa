#include "store/directory_store.hpp"

#include "base/error.hpp"
#include "store/object_folder.hpp"

namespace farkeep {
namespace {

std::unique_ptr<ObjectFolder> open_folder(Disk* disk, Random* random, std::string root, std::uint64_t disk_size) {
  return std::make_unique<ObjectFolder>(*disk, *random, std::move(root), disk_size);
}

std::unique_ptr<ObjectFolder::Unfinished> begin_upload(ObjectFolder* folder, std::string name) {
  return std::make_unique<ObjectFolder::Unfinished>(*folder, std::move(name), "u");
}

void append_all(ObjectFolder::Unfinished* file, std::vector<Buffer> pieces) {
  for (const Buffer& piece : pieces) file->append(piece);
}

}  // namespace

class DirectoryStore::FileUpload final : public Upload {
 public:
  FileUpload(Workers& workers, std::unique_ptr<ObjectFolder::Unfinished> file, std::string name)
      : workers_(workers), file_(std::move(file)), name_(std::move(name)) {}

  task<void> append(std::vector<Buffer> pieces) override {
    co_await workers_.offload(&append_all, file_.get(), std::move(pieces));
  }
  task<void> finish() override {
    bool const made = co_await workers_.offload(&ObjectFolder::Unfinished::finish, file_.get());
    if (!made) throw failure(Errc::exists, "finishing the upload of " + name_);
  }

 private:
  Workers& workers_;
  std::unique_ptr<ObjectFolder::Unfinished> file_;
  std::string name_;
};

DirectoryStore::DirectoryStore(Workers& workers, std::unique_ptr<ObjectFolder> folder)
    : workers_(workers), folder_(std::move(folder)) {}
DirectoryStore::~DirectoryStore() = default;

task<std::unique_ptr<DirectoryStore>> DirectoryStore::open(Disk& disk, Workers& workers, Random& random, std::string root, std::uint64_t disk_size) {
  auto folder = co_await workers.offload(&open_folder, &disk, &random, std::move(root), disk_size);
  co_return std::unique_ptr<DirectoryStore>{new DirectoryStore{workers, std::move(folder)}};
}

StoreId DirectoryStore::id() const { return folder_->id(); }

task<void> DirectoryStore::put(std::string name, Buffer body) {
  static_cast<void>(co_await put_new(std::move(name), std::move(body)));
}

task<bool> DirectoryStore::put_new(std::string name, Buffer body) {
  check_object_name(name);
  co_return co_await workers_.offload(&ObjectFolder::put_new, folder_.get(), std::move(name), std::move(body));
}

task<void> DirectoryStore::replace(std::string name, Buffer body) {
  check_object_name(name);
  co_await workers_.offload(&ObjectFolder::replace, folder_.get(), std::move(name), std::move(body));
}

task<std::unique_ptr<Upload>> DirectoryStore::begin(std::string name) {
  check_object_name(name);
  auto file = co_await workers_.offload(&begin_upload, folder_.get(), std::string{name});
  co_return std::make_unique<FileUpload>(workers_, std::move(file), std::move(name));
}

task<std::optional<Buffer>> DirectoryStore::get(std::string name) {
  check_object_name(name);
  co_return co_await workers_.offload(&ObjectFolder::get, folder_.get(), std::move(name));
}

task<Buffer> DirectoryStore::get_range(std::string name, std::uint64_t offset, std::size_t size) {
  check_object_name(name);
  // From this thread's heap, where it will be freed: otherwise the heap of each worker grows by what lies in a queue some time.
  Buffer into;
  into.reserve(size);
  co_return co_await workers_.offload(&ObjectFolder::get_range, folder_.get(), std::move(name), offset, size, std::move(into));
}

task<std::vector<ObjectInfo>> DirectoryStore::list(std::string folder) {
  check_object_folder(folder);
  co_return co_await workers_.offload(&ObjectFolder::list, folder_.get(), std::move(folder));
}

task<std::vector<std::string>> DirectoryStore::list_folders(std::string folder) {
  check_object_folder(folder);
  co_return co_await workers_.offload(&ObjectFolder::list_folders, folder_.get(), std::move(folder));
}

task<void> DirectoryStore::remove(std::string name) {
  check_object_name(name);
  co_await workers_.offload(&ObjectFolder::remove, folder_.get(), std::move(name));
}

task<std::vector<ObjectInfo>> DirectoryStore::leftovers(std::string folder) {
  check_object_folder(folder);
  co_return co_await workers_.offload(&ObjectFolder::leftovers, folder_.get(), std::move(folder));
}

task<std::optional<Buffer>> DirectoryStore::get_leftover(std::string name) {
  check_object_name(name);
  co_return co_await workers_.offload(&ObjectFolder::get_leftover, folder_.get(), std::move(name));
}

task<void> DirectoryStore::discard_leftover(std::string name) {
  check_object_name(name);
  co_await workers_.offload(&ObjectFolder::discard_leftover, folder_.get(), std::move(name));
}

task<StoreHealth> DirectoryStore::tend() { co_return co_await workers_.offload(&ObjectFolder::tend, folder_.get()); }

}  // namespace farkeep
