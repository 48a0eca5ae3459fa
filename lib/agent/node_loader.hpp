#pragma once

#include <memory>
#include <vector>

#include "agent/catalog_cache.hpp"
#include "archive/record_codec.hpp"
#include "async/task.hpp"
#include "async/workers.hpp"

namespace farkeep {

/// Gets catalog nodes by id, checked against their ids.
class NodeLoader {
 public:
  virtual ~NodeLoader() = default;
  /// All of them, in any order.  Throws failure(missing_object) when one is nowhere.
  virtual task<std::vector<NodePlainOwned>> load(std::vector<ObjectId> ids) = 0;
};

/// From the local cache where it has them, else from `behind`.
class CachedNodes final : public NodeLoader {
 public:
  /// `cache` may be null.  Collaborators outlive this.
  CachedNodes(std::unique_ptr<CatalogCache> cache, const KeyRing& keys, Workers& workers, NodeLoader& behind);
  task<std::vector<NodePlainOwned>> load(std::vector<ObjectId> ids) override;

 private:
  std::unique_ptr<CatalogCache> cache_;
  const KeyRing& keys_;
  Workers& workers_;
  NodeLoader& behind_;
};

}  // namespace farkeep
