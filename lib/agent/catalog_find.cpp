#include "agent/catalog_find.hpp"

#include "archive/catalog_stream.hpp"
#include "base/error.hpp"
#include "base/shown_path.hpp"

namespace farkeep {
namespace {
constexpr std::size_t kNodesOfAPath = 32;
}

task<std::optional<Entry>> look_up(Fetcher& fetcher, ObjectId root, std::string path) {
  CatalogStream stream(root, CatalogRange::only(std::move(path)));
  for (;;) {
    auto entry = stream.next();
    if (entry || stream.at_end()) co_return entry;
    const std::vector<NodePlainOwned> nodes = co_await fetcher.load(stream.wanted(kNodesOfAPath));
    for (auto& n : nodes) value_or_throw(stream.give(n.id, n.message, n.refs), "reading catalog node " + n.id.brief());
  }
}

task<std::string> path_that_is_there(Fetcher& fetcher, ObjectId root, std::string path) {
  const std::optional<std::string> other = path_shown_as(path);
  if (!other) co_return path;
  const std::optional<Entry> itself = co_await look_up(fetcher, root, path);
  if (itself) co_return path;
  const std::optional<Entry> meant = co_await look_up(fetcher, root, *other);
  if (meant) co_return *other;
  co_return path;
}

}  // namespace farkeep
