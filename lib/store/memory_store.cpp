#include "store/memory_store.hpp"

#include "base/error.hpp"

namespace farkeep {

class MemoryStore::MemoryUpload final : public Upload {
 public:
  MemoryUpload(MemoryStore& store, std::string name) : store_(store), name_(std::move(name)) {}

  task<void> append(std::vector<Buffer> pieces) override {
    for (const Buffer& piece : pieces) farkeep::append(body_, piece);
    co_return;
  }
  task<void> finish() override {
    if (!store_.objects_.try_emplace(name_, std::move(body_)).second)
      throw failure(Errc::exists, "finishing the upload of " + name_);
    co_return;
  }

 private:
  MemoryStore& store_;
  std::string name_;
  Buffer body_;
};

task<void> MemoryStore::put(std::string name, Buffer body) {
  check_object_name(name);
  objects_.try_emplace(std::move(name), std::move(body));
  co_return;
}

task<bool> MemoryStore::put_new(std::string name, Buffer body) {
  check_object_name(name);
  co_return objects_.try_emplace(std::move(name), std::move(body)).second;
}

task<void> MemoryStore::replace(std::string name, Buffer body) {
  check_object_name(name);
  objects_.insert_or_assign(std::move(name), std::move(body));
  co_return;
}

task<std::unique_ptr<Upload>> MemoryStore::begin(std::string name) {
  check_object_name(name);
  co_return std::make_unique<MemoryUpload>(*this, std::move(name));
}

task<std::optional<Buffer>> MemoryStore::get(std::string name) {
  check_object_name(name);
  auto at = objects_.find(name);
  if (at == objects_.end()) co_return std::nullopt;
  co_return at->second;
}

task<Buffer> MemoryStore::get_range(std::string name, std::uint64_t offset, std::size_t size) {
  check_object_name(name);
  auto at = objects_.find(name);
  if (at == objects_.end()) throw failure(Errc::not_found, "reading " + name);
  ByteView body = at->second;
  body = body.subspan(std::min<std::uint64_t>(offset, body.size()));
  co_return to_buffer(body.first(std::min(size, body.size())));
}

task<std::vector<ObjectInfo>> MemoryStore::list(std::string folder) {
  check_object_folder(folder);
  std::vector<ObjectInfo> found;
  for (auto at = objects_.lower_bound(folder); at != objects_.end() && at->first.starts_with(folder); ++at)
    found.push_back(ObjectInfo{at->first, at->second.size()});
  co_return found;
}

task<std::vector<std::string>> MemoryStore::list_folders(std::string folder) {
  check_object_folder(folder);
  std::vector<std::string> found;
  for (auto at = objects_.lower_bound(folder); at != objects_.end() && at->first.starts_with(folder); ++at) {
    auto slash = at->first.find('/', folder.size());
    if (slash == std::string::npos) continue;
    std::string part = at->first.substr(folder.size(), slash - folder.size());
    if (found.empty() || found.back() != part) found.push_back(std::move(part));
  }
  co_return found;
}

task<void> MemoryStore::remove(std::string name) {
  check_object_name(name);
  objects_.erase(name);
  co_return;
}

task<std::vector<ObjectInfo>> MemoryStore::leftovers(std::string folder) {
  check_object_folder(folder);
  co_return std::vector<ObjectInfo>{};
}

task<std::optional<Buffer>> MemoryStore::get_leftover(std::string name) {
  check_object_name(name);
  co_return std::nullopt;
}

task<void> MemoryStore::discard_leftover(std::string name) {
  check_object_name(name);
  co_return;
}

}  // namespace farkeep
