#include <algorithm>

#include "base/check.hpp"
#include "base/codec.hpp"
#include "base/error.hpp"
#include "vault/index_table.hpp"
#include "vault/index_table_layout.hpp"

namespace farkeep {
namespace {
constexpr std::size_t kWriteAt = std::size_t{1} << 20;
}

IndexTableWriter::IndexTableWriter(Disk& disk, const std::string& path, std::uint64_t most) : most_(most), filter_(most) {
  disk.remove(path);
  file_ = disk.open(path, Open::create_new);
  out_.reserve(kWriteAt + kBlockBytes);
  out_.resize(kTableHeader);  // its place; written at the end, when the number of entries is known
}

void IndexTableWriter::add(const IndexEntry& entry) {
  FARKEEP_CHECK(entries_ < most_);
  if (in_block_ == 0) {
    block_at_ = out_.size();
    firsts_.push_back(first_eight(entry.id));
  }
  out_.resize(out_.size() + kTableEntry);
  write_entry(out_.data() + out_.size() - kTableEntry, entry);
  filter_.add(entry.id);
  ++entries_;
  if (++in_block_ == kBlockEntries) end_block();
}

void IndexTableWriter::end_block() {
  Writer{out_}.number(short_checksum_of(ByteView{out_}.subspan(block_at_)));
  in_block_ = 0;
  if (out_.size() < kWriteAt) return;
  file_->append(out_);
  out_.clear();
}

void IndexTableWriter::finish() {
  if (in_block_ > 0) end_block();
  Buffer header;
  Writer w{header};
  w.raw(as_bytes(kTableMagic));
  w.number(kTableVersion);
  w.number(entries_);
  w.number(most_);
  w.number(std::uint64_t{0});
  file_->append(out_);
  ByteView firsts{reinterpret_cast<const std::uint8_t*>(firsts_.data()), firsts_.size() * 8};
  file_->append(firsts);
  file_->append(filter_.bytes());
  Buffer sums;
  Writer s{sums};
  for (ByteView part : {ByteView{header}, firsts, std::as_const(filter_).bytes()}) checksum_of(part).write(s);
  Buffer tail;
  Writer t{tail};
  checksum_of(sums).write(t);
  file_->append(tail);
  file_->write_at(0, header);
  file_->sync();
}

bool merge_tables(Disk& disk, std::vector<std::shared_ptr<const IndexTable>> tables, const std::string& path,
                  const std::atomic<bool>& stop) {
  std::uint64_t most = 0;
  std::vector<IndexTable::Cursor> cursors;
  cursors.reserve(tables.size());
  for (const auto& table : tables) {
    most += table->entries();
    cursors.emplace_back(*table);
  }
  IndexTableWriter writer{disk, path, most};
  // A heap of cursors, the smallest id on top.
  std::vector<IndexTable::Cursor*> heap;
  for (auto& cursor : cursors)
    if (!cursor.at_end()) heap.push_back(&cursor);
  auto const later = [](const IndexTable::Cursor* a, const IndexTable::Cursor* b) { return a->entry().id > b->entry().id; };
  std::make_heap(heap.begin(), heap.end(), later);
  std::uint64_t steps = 0;
  std::vector<Place> copies;  // of one id
  while (!heap.empty()) {
    if ((++steps & 0xfff) == 0 && stop) {
      disk.remove(path);
      return false;
    }
    ObjectId const id = heap.front()->entry().id;
    copies.clear();
    while (!heap.empty() && heap.front()->entry().id == id) {
      std::pop_heap(heap.begin(), heap.end(), later);
      IndexTable::Cursor* cursor = heap.back();
      copies.push_back(cursor->entry().place);
      cursor->next();
      if (cursor->at_end()) {
        heap.pop_back();
      } else {
        std::push_heap(heap.begin(), heap.end(), later);
      }
    }
    if (copies.size() > 1) put_in_order(copies);
    for (const Place& copy : copies) writer.add(IndexEntry{id, copy});
  }
  writer.finish();
  return true;
}

}  // namespace farkeep
