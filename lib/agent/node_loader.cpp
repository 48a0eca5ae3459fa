#include "agent/node_loader.hpp"

#include "archive/node_id.hpp"

namespace farkeep {
namespace {

struct Found {
  std::vector<NodePlainOwned> nodes;
  std::vector<ObjectId> absent;
};

Found read_cached(CatalogCache* cache, const KeyRing* keys, std::vector<ObjectId> ids) {
  Found found;
  for (auto& id : ids) {
    auto node = cache->read(id);
    if (node && node_id(*keys, node->message, node->refs) == id) found.nodes.push_back(std::move(*node));
    else found.absent.push_back(id);
  }
  return found;
}

}  // namespace

CachedNodes::CachedNodes(std::unique_ptr<CatalogCache> cache, const KeyRing& keys, Workers& workers, NodeLoader& behind)
    : cache_(std::move(cache)), keys_(keys), workers_(workers), behind_(behind) {}

task<std::vector<NodePlainOwned>> CachedNodes::load(std::vector<ObjectId> ids) {
  if (!cache_) co_return co_await behind_.load(std::move(ids));
  Found found = co_await workers_.offload(&read_cached, cache_.get(), &keys_, std::move(ids));
  if (!found.absent.empty()) {
    auto rest = co_await behind_.load(std::move(found.absent));
    for (auto& n : rest) found.nodes.push_back(std::move(n));
  }
  co_return std::move(found.nodes);
}

}  // namespace farkeep
