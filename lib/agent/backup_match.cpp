#include <algorithm>
#include <utility>

#include "agent/backup_work.hpp"
#include "agent/command_output.hpp"
#include "archive/content_stream.hpp"
#include "base/log.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kScanBatch = 1024;              // names looked at in one hop to a worker
constexpr std::size_t kWorkItems = 512;               // items of one unit of work…
constexpr std::size_t kWorkBytes = 1 * limits::kMiB;  // …and about as many bytes to read, and of paths…
constexpr std::size_t kWorkFolders = 64;              // …and folders, which they hold open
constexpr std::size_t kListsAhead = 32;               // fetched together: about 8,000 chunks to ask about

}  // namespace

task<void> BackupAttempt::Work::scan_ahead() {
  CommandItems printed_items(job.commands, started);
  for (;;) {
    std::optional<std::vector<ScanItem>> found = co_await parts.workers.offload(&Scanner::next, scanner.get(), kScanBatch);
    if (!found) break;
    printed_items.merge(*found);
    co_await scanned.push(std::move(*found));
  }
  std::vector<ScanItem> last_items = printed_items.rest();
  if (!last_items.empty()) co_await scanned.push(std::move(last_items));
  scanned.close();
}

task<void> BackupAttempt::Work::produce() {
  std::vector<WorkBatch::Item> items;
  std::uint64_t bytes = 0;
  std::size_t folders = 0;
  const SourceFolder* in_folder = nullptr;  // the last one
  const auto start_all = [&]() -> task<void> {
    std::vector<WorkBatch::Item> full = std::exchange(items, {});
    bytes = folders = 0;
    co_await start(std::move(full));
  };
  while (auto found = co_await scanned.pop()) {
    std::vector<WorkBatch::Item> matched;
    co_await match(std::move(*found), matched);
    for (auto& item : matched) {
      if (item.reuse && !context->attributes_anew) item.found.folder.reset();  // nothing more is read of it
      const bool alone = is_alone(item);
      if (!items.empty() && (alone || items.size() >= kWorkItems || bytes >= kWorkBytes || folders >= kWorkFolders)) co_await start_all();
      if (item.found.folder && item.found.folder.get() != in_folder) {
        in_folder = item.found.folder.get();
        ++folders;
      }
      bytes += item.found.path.size();
      if (is_read(item)) bytes += item.found.stat.size;
      items.push_back(std::move(item));
      if (alone) co_await start_all();
    }
  }
  if (!items.empty()) co_await start_all();
  order.close();
}

// Which of the items are as they were.  What is not known to be on this server is asked about before it is taken over.
task<void> BackupAttempt::Work::match(std::vector<ScanItem> found, std::vector<WorkBatch::Item>& out) {
  std::vector<std::size_t> doubtful;
  std::vector<ObjectId> questions;
  Entry before;
  for (auto& f : found) {
    WorkBatch::Item item;
    item.found = std::move(f);
    const bool file = item.found.stat.kind == EntryKind::file && item.found.problem.empty() && !item.found.command;
    for (auto& source : sources) {
      EntrySource::Took took;
      while ((took = source->take(item.found.path, before)) == EntrySource::Took::need_more) co_await source->refill();
      if (took != EntrySource::Took::found || !file || item.reuse) continue;
      if (!unchanged(before, item.found.stat)) {
        if (item.found.stat.size > kLargeFile && before.kind == EntryKind::file) item.before = std::move(before);
        continue;
      }
      before.hardlink_group = entry_of(item.found).hardlink_group;
      item.journal = source.get() != sources.front().get() || !source->trusted();
      if (!source->trusted() && !before.chunks.empty()) doubtful.push_back(out.size());
      item.reuse = std::move(before);
    }
    progress.unchanged += item.reuse.has_value();
    out.push_back(std::move(item));
  }
  if (doubtful.empty()) co_return;

  std::vector<bool> here;
  for (auto i : doubtful)
    for (auto& c : out[i].reuse->chunks) questions.push_back(c.id);
  for (std::size_t at = 0; at < questions.size(); at += limits::kIdsPerQuestion) {
    const std::size_t n = std::min(questions.size() - at, limits::kIdsPerQuestion);
    std::vector<ObjectId> some(questions.begin() + static_cast<std::ptrdiff_t>(at), questions.begin() + static_cast<std::ptrdiff_t>(at + n));
    const std::vector<bool> has = co_await vault.have(std::move(some));
    here.insert(here.end(), has.begin(), has.end());
  }
  std::size_t q = 0;
  for (auto i : doubtful) {
    bool all = true;
    for (std::size_t c = out[i].reuse->chunks.size(); c > 0; --c) all = here[q++] && all;
    if (all && out[i].reuse->list_depth > 0) all = co_await has_below_lists(*out[i].reuse);
    if (all) continue;
    out[i].reuse.reset();
    --progress.unchanged;
  }
}

// A server that has a list need not have the chunks in it: they travel in other records, and the run that sent them was cut off.  The lists come from this server,
// so it has those too.  One that it cannot give counts as lacking: the file is read again.
task<bool> BackupAttempt::Work::has_below_lists(const Entry& entry) {
  ContentStream stream(entry);
  std::vector<ObjectId> questions;
  for (;;) {
    while (questions.size() < limits::kIdsPerQuestion) {
      const auto chunk = stream.next();
      if (!chunk) break;
      if (questions.empty() || questions.back() != chunk->id) questions.push_back(chunk->id);  // zeros are one chunk again and again
    }
    if (questions.size() == limits::kIdsPerQuestion || stream.at_end()) {
      std::vector<ObjectId> some = std::exchange(questions, {});
      std::vector<bool> has;
      if (!some.empty()) has = co_await vault.have(std::move(some));
      if (std::find(has.begin(), has.end(), false) != has.end()) co_return false;
      if (stream.at_end()) co_return true;
      continue;
    }
    const std::string lost = co_await take_lists(*fetcher, stream, kListsAhead);
    if (lost.empty()) continue;
    log_debug("a file is read again, for a list of its chunks cannot be had: {}", lost);
    co_return false;
  }
}

task<void> BackupAttempt::Work::start(std::vector<WorkBatch::Item> items) {
  auto slot = std::make_shared<Slot>();
  co_await order.push(slot);
  const bool alone = items.size() == 1 && is_alone(items[0]);
  if (alone && items[0].found.command) {
    scope->spawn(printed(std::move(slot), std::move(items[0].found)), "reading a command's output");
  } else if (alone) {
    scope->spawn(large(std::move(slot), std::move(items[0])), "reading a large file");
  } else {
    WorkBatch batch;
    batch.items = std::move(items);
    scope->spawn(small(std::move(slot), std::move(batch)), "reading files");
  }
}

}  // namespace farkeep
