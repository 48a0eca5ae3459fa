#include "agent/listing.hpp"

#include "agent/catalog_find.hpp"
#include "archive/catalog_stream.hpp"
#include "base/error.hpp"

namespace farkeep {
namespace {
constexpr std::size_t kListedNodesAhead = 32;
}

task<void> Listing::run(Fetcher& fetcher, ObjectId root) {
  const std::string path = co_await path_that_is_there(fetcher, root, path_);
  if (path.empty()) found_ = true;
  CatalogStream stream(root, CatalogRange::below(path));
  for (std::uint64_t at = 0; !stream.at_end();) {
    while (auto entry = stream.next()) {
      found_ = true;
      if (++at <= shown_) continue;
      shown_ = at;
      if (!show_(*entry)) co_return;
    }
    if (stream.at_end()) break;
    const std::vector<NodePlainOwned> nodes = co_await fetcher.load(stream.wanted(kListedNodesAhead));
    for (auto& n : nodes) value_or_throw(stream.give(n.id, n.message, n.refs), "reading catalog node " + n.id.brief());
  }
}

}  // namespace farkeep
