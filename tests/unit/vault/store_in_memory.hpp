#pragma once

#include "store/memory_store.hpp"

namespace farkeep::test {

/// A store in memory, of which tests change single calls.
class StoreInMemory : public Store {
 public:
  explicit StoreInMemory(StoreId id) : under_(id) {}

  StoreId id() const override { return under_.id(); }
  task<void> put(std::string name, Buffer body) override { return under_.put(std::move(name), std::move(body)); }
  task<bool> put_new(std::string name, Buffer body) override { return under_.put_new(std::move(name), std::move(body)); }
  task<void> replace(std::string name, Buffer body) override { return under_.replace(std::move(name), std::move(body)); }
  task<std::unique_ptr<Upload>> begin(std::string name) override { return under_.begin(std::move(name)); }
  task<std::optional<Buffer>> get(std::string name) override { return under_.get(std::move(name)); }
  task<Buffer> get_range(std::string name, std::uint64_t offset, std::size_t size) override { return under_.get_range(std::move(name), offset, size); }
  task<std::vector<ObjectInfo>> list(std::string folder) override { return under_.list(std::move(folder)); }
  task<std::vector<std::string>> list_folders(std::string folder) override { return under_.list_folders(std::move(folder)); }
  task<void> remove(std::string name) override { return under_.remove(std::move(name)); }
  task<std::vector<ObjectInfo>> leftovers(std::string folder) override { return under_.leftovers(std::move(folder)); }
  task<std::optional<Buffer>> get_leftover(std::string name) override { return under_.get_leftover(std::move(name)); }
  task<void> discard_leftover(std::string name) override { return under_.discard_leftover(std::move(name)); }

 private:
  MemoryStore under_;
};

}  // namespace farkeep::test
