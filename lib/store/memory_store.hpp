#pragma once

#include <map>

#include "store/store.hpp"

namespace farkeep {

/// A store in memory: for tests and measurements.  Nothing is ever left over.
class MemoryStore final : public Store {
 public:
  explicit MemoryStore(StoreId id = {}) : id_(id) {}

  StoreId id() const override { return id_; }
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

 private:
  class MemoryUpload;
  StoreId id_;
  std::map<std::string, Buffer> objects_;
};

}  // namespace farkeep
