#include "agent/entry_source.hpp"

#include "agent/fetcher.hpp"
#include "archive/path.hpp"
#include "base/error.hpp"
#include "base/log.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kCatalogNodesAhead = 32;
constexpr std::size_t kEntriesAhead = 4096;

std::vector<Entry> next_frame(JournalReader* reader) { return reader->next(); }

}  // namespace

EntrySource::Took EntrySource::take(const std::string& path, Entry& entry) {
  while (!ready_.empty()) {
    const int order = compare_paths(ready_.front().path, path);
    if (order > 0) return Took::absent;
    if (order == 0) {
      entry = std::move(ready_.front());
      ready_.pop_front();
      return Took::found;
    }
    ready_.pop_front();
  }
  return ended_ ? Took::absent : Took::need_more;
}

CatalogSource::CatalogSource(const ObjectId& root, NodeLoader& nodes, bool trusted, std::function<void(const ObjectId&)> seen)
    : nodes_(nodes), stream_(root), trusted_(trusted), seen_(std::move(seen)) {}

task<void> CatalogSource::refill() {
  for (;;) {
    while (ready_.size() < kEntriesAhead) {
      auto entry = stream_.next();
      if (!entry) break;
      ready_.push_back(std::move(*entry));
    }
    if (!ready_.empty()) co_return;
    if (stream_.at_end()) {
      ended_ = true;
      co_return;
    }
    std::vector<NodePlainOwned> nodes;
    std::string lost;
    try {
      nodes = co_await nodes_.load(stream_.wanted(kCatalogNodesAhead));
      for (auto& n : nodes) value_or_throw(stream_.give(n.id, n.message, n.refs), "reading node " + n.id.brief() + " of the last catalog");
    } catch (const failure& f) {
      if (!is_about_data(f)) throw;
      lost = f.what();
    }
    if (!lost.empty()) {
      log_warning("comparing with the last catalog ends here, files that follow are read again: {}", lost);
      ended_ = true;
      co_return;
    }
    for (auto& n : nodes) seen_(n.id);
  }
}

JournalSource::JournalSource(std::unique_ptr<JournalReader> reader, Workers& workers) : reader_(std::move(reader)), workers_(workers) {}

task<void> JournalSource::refill() {
  std::vector<Entry> entries = co_await workers_.offload(&next_frame, reader_.get());
  ended_ = entries.empty();
  for (auto& e : entries) ready_.push_back(std::move(e));
}

}  // namespace farkeep
