#include <algorithm>

#include "base/log.hpp"
#include "vault/chunk_index.hpp"

// Where something is, asked of an index that may grow, merge or be made anew meanwhile.
namespace farkeep {
namespace {

constexpr std::size_t kAskInline = 512;  // filters are asked on the spot for so many ids: 50 ns each

using Tables = std::vector<std::shared_ptr<const IndexTable>>;
using Found = std::vector<std::optional<Place>>;

bool may_have(const Tables& tables, const ObjectId& id) {
  return std::any_of(tables.begin(), tables.end(), [&](const auto& t) { return t->may_have(id); });
}

// Newest first: the first that counts over earlier ones, else the oldest.  Ascending ids share blocks.
Found look_up(std::shared_ptr<const Tables> tables, std::vector<ObjectId> ids) {
  std::vector<std::uint32_t> order(ids.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return ids[a] < ids[b]; });
  Found found(ids.size());
  for (const auto& table : *tables) {
    IndexTable::Lookup lookup{*table};
    for (std::uint32_t i : order) {
      if (found[i] && found[i]->counts) continue;
      if (auto const older = lookup.find(ids[i])) found[i] = older;
    }
  }
  return found;
}

std::vector<std::vector<Place>> look_up_copies(std::shared_ptr<const Tables> tables, std::vector<ObjectId> ids) {
  std::vector<std::vector<Place>> found(ids.size());
  for (const auto& table : *tables) {
    IndexTable::Lookup lookup{*table};
    for (std::size_t i = 0; i < ids.size(); ++i) lookup.copies(ids[i], found[i]);
  }
  return found;
}

}  // namespace

std::optional<Place> ChunkIndex::recent(const ObjectId& id) const {
  std::optional<Place> found;
  if (auto at = memtable_.find(id); at != memtable_.end()) found = at->second;
  if (added_ids_.empty()) return found;
  if (auto at = added_ids_.find(id); at != added_ids_.end() && (!found || at->second.counts)) found = at->second;
  return found;
}

// 1. wait out a rebuild  2. the memtable  3. what is left: the tables, in a worker  4. a damaged one: rebuild, and again
task<Found> ChunkIndex::find(std::vector<ObjectId> ids) {
  Found found(ids.size());
  std::vector<ObjectId> left;
  std::vector<std::size_t> where;
  for (;;) {
    co_await wait_for_rebuild();
    left.clear();
    where.clear();
    std::uint64_t const generation = generation_;
    std::shared_ptr<const Tables> tables = for_lookups_;
    bool const ask_inline = ids.size() <= kAskInline;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      found[i] = recent(ids[i]);
      if ((found[i] && found[i]->counts) || tables->empty() || (ask_inline && !may_have(*tables, ids[i]))) continue;
      left.push_back(ids[i]);
      where.push_back(i);
    }
    if (left.empty()) co_return found;
    bool damaged = false;
    try {
      Found answers = co_await workers_.offload(&look_up, std::move(tables), std::move(left));
      for (std::size_t i = 0; i < answers.size(); ++i)
        if (answers[i]) found[where[i]] = answers[i];  // older than what the memtable has, which does not count over it
    } catch (const failure& f) {
      if (classify(f.code()) != Errc::damaged) throw;
      log_warning("the index is made anew: {}", f.what());
      damaged = true;
    }
    if (!damaged) co_return found;
    auto held = co_await writing_.take();
    if (generation == generation_) co_await rebuild();
  }
}

task<void> ChunkIndex::wait_for_rebuild() {
  if (!incomplete_) co_return;
  auto held = co_await writing_.take();
  if (incomplete_) co_await rebuild();
}

// As find(), but the memtable's copies and those of all tables are put together.
task<std::vector<std::vector<Place>>> ChunkIndex::copies(std::vector<ObjectId> ids) {
  std::vector<std::vector<Place>> recent(ids.size());
  for (;;) {
    co_await wait_for_rebuild();
    std::uint64_t const generation = generation_;
    std::shared_ptr<const Tables> tables = for_lookups_;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      recent[i].clear();
      if (auto at = memtable_.find(ids[i]); at != memtable_.end()) recent[i].push_back(at->second);
      if (auto at = added_ids_.find(ids[i]); at != added_ids_.end()) recent[i].push_back(at->second);
      if (auto at = others_.find(ids[i]); at != others_.end()) recent[i].insert(recent[i].end(), at->second.begin(), at->second.end());
    }
    bool damaged = false;
    try {
      auto found = co_await workers_.offload(&look_up_copies, std::move(tables), std::vector<ObjectId>{ids});
      for (std::size_t i = 0; i < found.size(); ++i) {
        recent[i].insert(recent[i].end(), found[i].begin(), found[i].end());
        put_in_order(recent[i]);
      }
    } catch (const failure& f) {
      if (classify(f.code()) != Errc::damaged) throw;
      log_warning("the index is made anew: {}", f.what());
      damaged = true;
    }
    if (!damaged) co_return recent;
    auto held = co_await writing_.take();
    if (generation == generation_) co_await rebuild();
  }
}

std::uint64_t ChunkIndex::count() const noexcept {
  std::uint64_t n = memtable_.size();
  for (const Named& t : tables_) n += t.table->entries();
  return n;
}

std::size_t ChunkIndex::table_memory() const noexcept {
  std::size_t n = 0;
  for (const Named& t : tables_) n += t.table->memory();
  return n;
}

}  // namespace farkeep
