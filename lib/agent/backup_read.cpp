#include <algorithm>
#include <iterator>
#include <utility>

#include "agent/backup_work.hpp"
#include "agent/command_output.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kLargePiece = 2 * limits::kMiB;

struct Piece {
  CutData data;
  bool more = false;
};
Piece next_piece(FileCutter* cutter) {
  Piece p;
  p.more = cutter->step(p.data, kLargePiece);
  return p;
}
Entry finish_file(FileCutter* cutter) { return cutter->finish(); }

std::unique_ptr<FileCutter> open_file(const ReadContext* context, const ScanItem* item) {
  return read_of(*item, [&] { return std::make_unique<FileCutter>(*context, *item); });
}
Piece next_piece_of(const ScanItem* item, FileCutter* cutter) {
  return read_of(*item, [&] { return next_piece(cutter); });
}
Entry finish_file_of(const ScanItem* item, FileCutter* cutter) {
  return read_of(*item, [&] {
    Entry entry = finish_file(cutter);
    if (auto valid = check_entry(entry); !valid) throw failure(valid.error(), "describing the file");
    return entry;
  });
}
std::unique_ptr<FileCutter> open_output(const ReadContext* context, const std::string* path, std::unique_ptr<SourceFile> file) {
  return std::make_unique<FileCutter>(*context, *path, std::move(file));
}
}  // namespace

void Slot::take(DoneBatch& batch) {
  std::move(batch.entries.begin(), batch.entries.end(), std::back_inserter(entries));
  journal.insert(journal.end(), batch.journal.begin(), batch.journal.end());
  std::move(batch.problems.begin(), batch.problems.end(), std::back_inserter(problems));
  vanished.add(batch.vanished);
  flagged.add(batch.flagged);
  changed_while_read += batch.changed_while_read;
}

// In pieces where there is more than the walk saw.
task<void> BackupAttempt::Work::small(std::shared_ptr<Slot> slot, WorkBatch batch) {
  while (!batch.items.empty()) {
    DoneBatch done = co_await parts.workers.offload(&do_batch_of, context.get(), std::move(batch));
    progress.bytes_read += done.bytes_read;
    co_await uploader->offer(std::move(done.data));
    slot->take(done);
    batch.items = std::move(done.rest);
    if (!done.grown) continue;
    WorkBatch::Item grown = std::move(batch.items.front());
    batch.items.erase(batch.items.begin());
    co_await read_alone(*slot, std::move(grown));
  }
  slot->done = true;
  slot->finished.wake_all();
}

// Reads to the end.  `ahead` runs before each piece.  `of`: the file on disk that it is; none: a command's output.
task<Entry> BackupAttempt::Work::read_pieces(const ScanItem* of, FileCutter& cutter, Uploader::Lane& lane, Ahead ahead) {
  for (bool more = true; more;) {
    co_await ahead();
    Piece piece;
    if (of) piece = co_await parts.workers.offload(&next_piece_of, of, &cutter);
    else piece = co_await parts.workers.offload(&next_piece, &cutter);
    more = piece.more;
    progress.bytes_read += piece.data.bytes.size();
    parts.reporter.progress(progress);
    co_await uploader->offer(std::move(piece.data), lane);
    for (auto& n : cutter.take_list_nodes()) node_line.push_back(std::move(n));
  }
  Entry entry;
  if (of) entry = co_await parts.workers.offload(&finish_file_of, of, &cutter);
  else entry = co_await parts.workers.offload(&finish_file, &cutter);
  for (auto& n : cutter.take_list_nodes()) node_line.push_back(std::move(n));
  co_return entry;
}

task<void> BackupAttempt::Work::large(std::shared_ptr<Slot> slot, WorkBatch::Item item) {
  co_await read_alone(*slot, std::move(item));
  slot->done = true;
  slot->finished.wake_all();
}

task<void> BackupAttempt::Work::read_alone(Slot& slot, WorkBatch::Item item) {
  std::string problem;
  Uploader::Lane lane;
  NodeLoader& lists = nodes ? static_cast<NodeLoader&>(*nodes) : *fetcher;
  const ScanItem* const of = &item.found;
  try {
    for (int tries = 1;; ++tries) {
      std::optional<EarlierContent> earlier;
      if (item.before) earlier.emplace(*item.before);
      std::unique_ptr<FileCutter> cutter = co_await parts.workers.offload(&open_file, static_cast<const ReadContext*>(context.get()), of);
      if (earlier) cutter->expect(*earlier);
      Ahead ahead = [&]() -> task<void> {
        if (earlier) co_await earlier->refill(lists);
      };
      Entry entry = co_await read_pieces(of, *cutter, lane, std::move(ahead));
      if (entry.changed_while_read && tries < kTriesToRead) continue;
      if (cutter->has_flags()) slot.flagged.add(item.found.path);
      if (!cutter->lost().empty()) slot.problems.push_back({item.found.path, cutter->lost(), true});
      slot.changed_while_read += entry.changed_while_read;
      slot.entries.push_back(std::move(entry));
      slot.journal.push_back(true);
      break;
    }
  } catch (const NotThere&) {
    slot.vanished.add(item.found.path);
  } catch (const Unreadable& f) {
    problem = f.what();
  }
  co_await uploader->close(lane);  // a file that could not be read to its end too: other files may count on these chunks
  if (!problem.empty()) slot.problems.push_back({item.found.path, problem});
}

// A command that fails fails the run: half an output is not what anybody wants to restore.
task<void> BackupAttempt::Work::printed(std::shared_ptr<Slot> slot, ScanItem item) {
  ChildOrder child{item.command->command, {"FARKEEP_JOB=" + job.name}};
  std::unique_ptr<CommandOutput> output = co_await CommandOutput::start(parts.children, std::move(child), parts.reporter);
  scope->spawn(output->listen(parts.timers), "reading a command's errors");
  std::unique_ptr<SourceFile> file = output->file(item.stat);
  std::unique_ptr<FileCutter> cutter =
      co_await parts.workers.offload(&open_output, static_cast<const ReadContext*>(context.get()), static_cast<const std::string*>(&item.path), std::move(file));
  Uploader::Lane lane;
  Ahead ahead = [&]() -> task<void> { return output->fill(2 * kLargePiece); };  // more than a piece: a read that is short is the end
  Entry entry = co_await read_pieces(nullptr, *cutter, lane, std::move(ahead));
  co_await output->finish();
  entry.changed_while_read = false;
  entry.ctime_ns = kNoCtime;
  co_await uploader->close(lane);
  slot->entries.push_back(std::move(entry));
  slot->journal.push_back(false);
  slot->done = true;
  slot->finished.wake_all();
}

}  // namespace farkeep
