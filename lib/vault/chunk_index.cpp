#include "vault/chunk_index.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "vault/index_files.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMemtable = 32768;          // entries: about 3 MiB
constexpr std::size_t kWorthATable = 8192;        // at a commit: what comes next may be hours away
constexpr std::size_t kOverfull = 16 * kMemtable;
constexpr std::size_t kSegmentsToKeep = 16;       // more footers than this are not left to the next opening

using Tables = std::vector<std::shared_ptr<const IndexTable>>;

}  // namespace

ChunkIndex::ChunkIndex(Disk& disk, std::string folder, IndexOwner owner, Segments& segments, Workers& workers)
    : disk_(disk), folder_(std::move(folder)), owner_(owner), segments_(segments), workers_(workers) { publish_tables(); }
ChunkIndex::~ChunkIndex() = default;

std::string ChunkIndex::table_path(std::uint64_t number) const { return index_files::table_path(folder_, number); }

// ---- opening

// 1. what is there  2. does the list of tables fit it?  3. if not, all from the footers  4. the newest from theirs
task<void> ChunkIndex::open() {
  known_ = co_await segments_.list();
  for (const SegmentInfo& s : known_) segment_bytes_ += s.size;
  if (!known_.empty()) next_segment_ = known_.back().number + 1;
  std::optional<IndexList> list;
  try {
    auto found = co_await workers_.offload(&index_files::look_into, &disk_, std::string{folder_});
    // Not used again either: a list that cannot be read now, nor removed, may be read the next time.
    next_table_ = found.highest_table + 1;
    if (found.list) {
      auto parsed = parse_index_list(*found.list);
      if (parsed && parsed->owner == owner_) list = std::move(*parsed);
    }
  } catch (const failure& f) {
    log_warning("the index cache cannot be read and is made anew: {}", f.what());
  }
  bool loaded = false;
  if (list) {
    // Numbers are not used twice even when the segment that had one is gone.
    next_segment_ = std::max(next_segment_, list->next_segment);
    loaded = co_await load(*list);
  }
  if (loaded) {
    co_await read_new_segments();
  } else {
    rebuilt_ = true;
    co_await rebuild();
  }
}

task<bool> ChunkIndex::load(const IndexList& list) {
  for (std::uint64_t number : list.tables) next_table_ = std::max(next_table_, number + 1);
  if (cover_of(known_, list.cover.highest) != list.cover) {
    log_warning("the index cache does not fit the segments that are there and is made anew");
    co_return false;
  }
  std::vector<std::string> kept;
  try {
    for (std::uint64_t number : list.tables) {
      kept.push_back(table_path(number));
      auto opened = [](Disk* disk, std::string path) { return IndexTable::open(*disk, path); };
      Named named{number, nullptr};
      named.table = co_await workers_.offload(opened, &disk_, table_path(number));
      tables_.push_back(std::move(named));
    }
  } catch (const failure& f) {
    log_warning("a table of the index cannot be used; the index is made anew: {}", f.what());
    co_return false;
  }
  try {
    co_await workers_.offload(&index_files::remove_tables_but, &disk_, std::string{folder_}, std::move(kept));
  } catch (const failure& f) {
    log_warning("old tables of the index stay behind: {}", f.what());
  }
  covered_ = read_ = list.cover.highest;
  publish_tables();
  co_return true;
}

task<void> ChunkIndex::read_new_segments() {
  // A copy: known_ grows when a segment is added meanwhile.
  std::vector<SegmentInfo> all = known_;
  for (const SegmentInfo& s : all) {
    if (s.number <= read_) continue;
    auto entries = co_await segments_.entries(s);
    remember(entries);
    ++segments_in_memtable_;
    read_ = s.number;
    if (recent_entries() >= kMemtable) co_await flush();
  }
}

task<void> ChunkIndex::rebuild() {
  incomplete_ = busy_ = true;
  ++generation_;
  tables_.clear();
  publish_tables();
  forget_memtable();
  covered_ = read_ = 0;
  std::exception_ptr error;
  try {
    co_await workers_.offload(&index_files::remove_list, &disk_, std::string{folder_});
    co_await workers_.offload(&index_files::remove_tables_but, &disk_, std::string{folder_}, std::vector<std::string>{});
  } catch (const failure& f) {
    log_warning("the old index stays behind: {}", f.what());
  } catch (...) {
    error = std::current_exception();
  }
  try {
    if (!error) co_await read_new_segments();
  } catch (...) {
    error = std::current_exception();
  }
  incomplete_ = error != nullptr;
  idle_again();
  if (error) std::rethrow_exception(error);
}

void ChunkIndex::idle_again() {
  busy_ = false;
  added_ids_.clear();
  for (Added& a : std::exchange(added_, {})) add(a.segment, a.entries);
}

// ---- growing

void ChunkIndex::add(SegmentInfo segment, const std::vector<IndexEntry>& entries) {
  if (busy_) {
    added_.push_back(Added{segment, entries});
    for (const IndexEntry& e : entries) {
      auto [at, fresh] = added_ids_.try_emplace(e.id, e.place);
      if (!fresh && e.place.counts) at->second = e.place;
    }
    return;
  }
  known_.push_back(segment);
  segment_bytes_ += segment.size;
  next_segment_ = std::max(next_segment_, segment.number + 1);
  remember(entries);
  ++segments_in_memtable_;
  read_ = segment.number;
}

void ChunkIndex::remember(const std::vector<IndexEntry>& entries) {
  for (const IndexEntry& e : entries) {
    auto [at, fresh] = memtable_.try_emplace(e.id, e.place);
    if (fresh || at->second.copy() == e.place.copy()) continue;
    std::vector<Place>& others = others_[e.id];
    std::size_t const before = others.size();
    std::vector<Place> all{at->second, e.place};
    all.insert(all.end(), others.begin(), others.end());
    put_in_order(all);
    at->second = all.front();
    others.assign(all.begin() + 1, all.end());
    count_of_others_ += others.size() - before;
  }
}

void ChunkIndex::forget_memtable() {
  memtable_.clear();
  others_.clear();
  count_of_others_ = 0;
  segments_in_memtable_ = 0;
}

std::vector<IndexEntry> ChunkIndex::all_recent() const {
  std::vector<IndexEntry> entries;
  entries.reserve(recent_entries());
  for (const auto& [id, place] : memtable_) entries.push_back(IndexEntry{id, place});
  for (const auto& [id, places] : others_)
    for (const Place& place : places) entries.push_back(IndexEntry{id, place});
  return entries;
}

bool ChunkIndex::overfull() const noexcept { return recent_entries() > kOverfull; }

task<void> ChunkIndex::flush_if_large() {
  if (recent_entries() < kMemtable) co_return;
  auto held = co_await writing_.take();
  co_await flush();
}

task<void> ChunkIndex::settle() {
  if (recent_entries() < kWorthATable || stop_) co_return;
  auto held = co_await writing_.take();
  co_await flush();
}

// The memtable stays in place until its table is: lookups meet one or the other.
task<void> ChunkIndex::flush() {
  if (memtable_.empty()) co_return;
  std::vector<IndexEntry> entries = all_recent();
  bool const outermost = !std::exchange(busy_, true);
  Named named{next_table_++, nullptr};
  std::exception_ptr fatal;
  try {
    named.table = co_await workers_.offload(&index_files::write_table, &disk_, table_path(named.number), std::move(entries));
    tables_.push_back(std::move(named));
    publish_tables();
    forget_memtable();
    covered_ = read_;
    merge_failed_ = false;
    co_await save_list();
  } catch (const failure& f) {
    log_warning("a table of the index cannot be written: {}", f.what());
  } catch (...) {
    fatal = std::current_exception();
  }
  if (outermost) idle_again();
  if (fatal) std::rethrow_exception(fatal);
}

void ChunkIndex::publish_tables() {
  auto newest_first = std::make_shared<Tables>();
  for (auto at = tables_.rbegin(); at != tables_.rend(); ++at) newest_first->push_back(at->table);
  for_lookups_ = std::move(newest_first);
}

// What the memtable holds is not covered: it is read from the footers next time.
task<void> ChunkIndex::save_list() {
  IndexList list;
  list.owner = owner_;
  list.next_segment = next_segment_;
  list.cover = cover_of(known_, covered_);
  for (const Named& t : tables_) list.tables.push_back(t.number);
  try {
    co_await workers_.offload(&index_files::write_list, &disk_, folder_ + "/index", encode(list));
  } catch (const failure& f) {
    log_warning("the list of the index's tables cannot be written: {}", f.what());
  }
}

// ---- merging

// A table of a level has four times the entries of one of the level below.  Four of a level become one, together with the
// smaller ones that were written after them.
std::size_t ChunkIndex::mergeable() const {
  auto const level = [](const Named& t) {
    int l = 0;
    for (std::uint64_t n = t.table->entries() / kMemtable; n >= 4; n /= 4) ++l;
    return l;
  };
  constexpr int kHighest = 16;
  for (int wanted = 0; wanted <= kHighest; ++wanted) {
    std::size_t count = 0, same = 0;
    for (auto at = tables_.rbegin(); at != tables_.rend() && level(*at) <= wanted; ++at) {
      ++count;
      if (level(*at) == wanted) ++same;
    }
    if (same >= 4) return count;
    if (count == tables_.size()) break;
  }
  return 0;
}

bool ChunkIndex::wants_merge() const { return !merge_failed_ && mergeable() > 0; }

task<void> ChunkIndex::merge() {
  while (!stop_ && wants_merge()) {
    bool const done = co_await merge_once(mergeable());
    if (!done) co_return;
  }
}

// The newest `how_many`; tables written meanwhile come behind them.
task<bool> ChunkIndex::merge_once(std::size_t how_many) {
  std::uint64_t const generation = generation_;
  std::vector<Named> old(tables_.end() - static_cast<std::ptrdiff_t>(how_many), tables_.end());
  Tables sources;
  for (const Named& t : old) sources.push_back(t.table);
  Named merged{next_table_++, nullptr};
  bool damaged = false;
  try {
    merged.table = co_await workers_.offload(&index_files::write_merged, &disk_, table_path(merged.number), std::move(sources),
                                             static_cast<const std::atomic<bool>*>(&stop_));
  } catch (const failure& f) {
    log_warning("tables of the index cannot be merged: {}", f.what());
    damaged = classify(f.code()) == Errc::damaged;
    merge_failed_ = true;
  }
  auto held = co_await writing_.take();
  if (damaged && generation == generation_) co_await rebuild();
  if (!merged.table || generation != generation_) co_return false;
  auto at = std::find_if(tables_.begin(), tables_.end(), [&](const Named& t) { return t.number == old.front().number; });
  at = tables_.erase(at, at + static_cast<std::ptrdiff_t>(how_many));
  tables_.insert(at, std::move(merged));
  publish_tables();
  co_await save_list();
  std::vector<std::string> gone;
  for (const Named& t : old) gone.push_back(table_path(t.number));
  try {
    co_await workers_.offload(&index_files::remove_files, &disk_, std::move(gone));
  } catch (const failure& f) {
    log_warning("old tables of the index stay behind: {}", f.what());
  }
  co_return true;
}

task<void> ChunkIndex::close() {
  stop_ = true;
  auto held = co_await writing_.take();
  if (segments_in_memtable_ > kSegmentsToKeep || (covered_ == 0 && segments_in_memtable_ > 0)) co_await flush();
}

}  // namespace farkeep
