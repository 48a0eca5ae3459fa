#include "agent/changes.hpp"

#include <optional>

#include "agent/catalog_cache.hpp"
#include "agent/entry_source.hpp"
#include "agent/file_work.hpp"
#include "archive/node_codec.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kAtOnce = 1024;

// Behind the cache there is nothing here.
class NoNodes final : public NodeLoader {
 public:
  task<std::vector<NodePlainOwned>> load(std::vector<ObjectId>) override {
    asked = true;
    throw failure(Errc::missing_object, "reading the last catalog on this machine");
  }
  bool asked = false;
};

}  // namespace

task<Changes> look_for_changes(AgentState& state, const AgentKeys& keys, const BackupJob& job, Workers& workers, SourceTree& sources, std::function<bool()> go_on) {
  Changes out;
  NoNodes none;
  std::unique_ptr<CachedNodes> nodes;
  std::optional<CatalogSource> before;
  if (const auto root = ObjectId::from(state.job(job.name).snapshot_root())) {
    std::unique_ptr<CatalogCache> cache = CatalogCache::open(state.disk(), state.job_folder(job.name) + "/catalog", *root);
    if (!cache) {
      out.end = Changes::End::no_catalog;
      co_return out;
    }
    nodes = std::make_unique<CachedNodes>(std::move(cache), keys.ring, workers, none);
    before.emplace(*root, *nodes, false, [](const ObjectId&) {});
  }
  Scanner scanner(sources, job.sources, job.rules, job.scan);
  for (;;) {
    const std::optional<std::vector<ScanItem>> found = co_await workers.offload(&Scanner::next, &scanner, kAtOnce);
    if (!found) break;
    for (auto& item : *found) {
      Entry entry;
      EntrySource::Took took = EntrySource::Took::absent;
      if (before)
        while ((took = before->take(item.path, entry)) == EntrySource::Took::need_more) co_await before->refill();
      if (item.stat.kind != EntryKind::file || !item.problem.empty()) continue;
      ++out.looked_at;
      if (took == EntrySource::Took::found && unchanged(entry, item.stat)) continue;
      if (took == EntrySource::Took::found && perhaps_unchanged(entry, item.stat)) {
        ++out.doubtful;
        continue;
      }
      ++out.files;
      out.bytes = saturating_add(out.bytes, item.stat.size);
      if (!out.newest.empty() && item.stat.mtime_ns <= out.newest_ns) continue;
      out.newest = "/" + item.path;
      out.newest_ns = item.stat.mtime_ns;
    }
    if (none.asked) break;
    if (!go_on()) {
      out.end = Changes::End::stopped;
      break;
    }
  }
  if (none.asked) {
    out = Changes{};
    out.end = Changes::End::no_catalog;
  }
  if (out.end == Changes::End::all) out.lacks = lacks_of(scanner.found(), state.job(job.name), job.shrunk);
  co_return out;
}

}  // namespace farkeep
