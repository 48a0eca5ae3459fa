#include "vault/index_table.hpp"

#include <algorithm>
#include <limits>

#include "base/codec.hpp"
#include "base/error.hpp"
#include "vault/index_table_layout.hpp"

namespace farkeep {
namespace {

constexpr std::uint64_t kMostEntries = std::uint64_t{1} << 34;  // 16 G ids of at least 64 bytes: beyond any vault
constexpr std::size_t kCursorBlocks = 85;                       // 256 KiB at a time
constexpr std::size_t kNoBlock = std::numeric_limits<std::size_t>::max();

[[noreturn]] void damaged() { throw failure(Errc::damaged, "reading a table of the index"); }

void read_exactly(const DiskFile& file, std::uint64_t at, MutableByteView into) {
  if (const_cast<DiskFile&>(file).read_at(at, into) != into.size()) damaged();
}

MutableByteView bytes_of(std::vector<std::uint64_t>& numbers) {
  return {reinterpret_cast<std::uint8_t*>(numbers.data()), numbers.size() * 8};
}

std::uint64_t block_offset(std::size_t block) { return kTableHeader + std::uint64_t{block} * kBlockBytes; }

Checksum tail_of(ByteView header, ByteView firsts, ByteView filter) {
  Buffer sums;
  Writer w{sums};
  for (ByteView part : {header, firsts, filter}) checksum_of(part).write(w);
  return checksum_of(sums);
}

}  // namespace

IndexTable::~IndexTable() = default;

std::shared_ptr<const IndexTable> IndexTable::open(Disk& disk, const std::string& path) {
  std::shared_ptr<IndexTable> t{new IndexTable};
  t->file_ = disk.open(path, Open::read);
  Buffer header(kTableHeader);
  read_exactly(*t->file_, 0, header);
  Reader r{header};
  bool const ours = as_text(r.raw(4)) == kTableMagic && r.number<std::uint32_t>() == kTableVersion;
  t->entries_ = r.number<std::uint64_t>();
  auto filter_ids = r.number<std::uint64_t>();
  if (!ours || t->entries_ == 0 || t->entries_ > kMostEntries || filter_ids > kMostEntries) damaged();
  std::uint64_t const blocks = (t->entries_ + kBlockEntries - 1) / kBlockEntries;
  std::uint64_t const firsts_at = kTableHeader + t->entries_ * kTableEntry + blocks * 8;
  // The sizes are held against the file's before anything is allocated by them.
  std::uint64_t const file_size = t->file_->size();
  if (file_size < firsts_at + blocks * 8 + filter_ids * 12 / 8) damaged();
  t->firsts_.resize(static_cast<std::size_t>(blocks));
  read_exactly(*t->file_, firsts_at, bytes_of(t->firsts_));
  t->filter_ = IdFilter{filter_ids};
  read_exactly(*t->file_, firsts_at + blocks * 8, t->filter_.bytes());
  Buffer tail(Checksum::kSize);
  read_exactly(*t->file_, firsts_at + blocks * 8 + t->filter_.bytes().size(), tail);
  Reader end{tail};
  if (tail_of(header, bytes_of(t->firsts_), t->filter_.bytes()) != Checksum::read(end)) damaged();
  return t;
}

std::size_t IndexTable::count_in(std::size_t block) const {
  std::uint64_t const before = std::uint64_t{block} * kBlockEntries;
  return static_cast<std::size_t>(std::min<std::uint64_t>(kBlockEntries, entries_ - before));
}

void IndexTable::check_block(std::size_t block, ByteView bytes) const {
  std::size_t const size = count_in(block) * kTableEntry;
  Reader r{bytes.subspan(size)};
  if (short_checksum_of(bytes.first(size)) != r.number<std::uint64_t>()) damaged();
}

// ---- one id

IndexTable::Lookup::Lookup(const IndexTable& table) : table_(table), loaded_(kNoBlock), bytes_(kBlockBytes) {}

void IndexTable::Lookup::load(std::size_t block) {
  if (block == loaded_) return;
  loaded_ = kNoBlock;
  count_ = table_.count_in(block);
  read_exactly(*table_.file_, block_offset(block), MutableByteView{bytes_}.first(count_ * kTableEntry + 8));
  table_.check_block(block, bytes_);
  loaded_ = block;
}

// 1. the filter  2. the last block whose first id is below: almost always the first that is looked at, but ids that share eight bytes may
// fill many  3. in it, or at the beginning of the next one
bool IndexTable::Lookup::seek(const ObjectId& id) {
  if (!table_.filter_.may_have(id)) return false;
  const auto& firsts = table_.firsts_;
  std::uint64_t const key = first_eight(id);
  auto const block_before = [&](auto at) { return static_cast<std::size_t>(std::max<std::ptrdiff_t>(at - firsts.begin(), 1) - 1); };
  std::size_t low = block_before(std::lower_bound(firsts.begin(), firsts.end(), key));
  std::size_t high = block_before(std::upper_bound(firsts.begin(), firsts.end(), key));
  while (low < high) {
    std::size_t const middle = (low + high + 1) / 2;
    load(middle);
    if (std::memcmp(id.bytes.data(), bytes_.data(), ObjectId::kSize) <= 0) {
      high = middle - 1;
    } else {
      low = middle;
    }
  }
  load(low);
  std::size_t from = 0, to = count_;  // the first entry that is not below
  while (from < to) {
    std::size_t const middle = (from + to) / 2;
    if (std::memcmp(bytes_.data() + middle * kTableEntry, id.bytes.data(), ObjectId::kSize) < 0) {
      from = middle + 1;
    } else {
      to = middle;
    }
  }
  if (from == count_) {
    if (low + 1 == firsts.size() || firsts[low + 1] > key) return false;
    load(low + 1);
    from = 0;
  }
  at_ = from;
  return std::memcmp(bytes_.data() + at_ * kTableEntry, id.bytes.data(), ObjectId::kSize) == 0;
}

std::optional<Place> IndexTable::Lookup::find(const ObjectId& id) {
  if (!seek(id)) return std::nullopt;
  return read_place(bytes_.data() + at_ * kTableEntry);
}

void IndexTable::Lookup::copies(const ObjectId& id, std::vector<Place>& to) {
  for (bool same = seek(id); same;) {
    to.push_back(read_place(bytes_.data() + at_ * kTableEntry));
    if (++at_ == count_) {
      if (loaded_ + 1 == table_.firsts_.size()) return;
      load(loaded_ + 1);
      at_ = 0;
    }
    same = std::memcmp(bytes_.data() + at_ * kTableEntry, id.bytes.data(), ObjectId::kSize) == 0;
  }
}

// ---- all of them

IndexTable::Cursor::Cursor(const IndexTable& table) : table_(&table), bytes_(kCursorBlocks * kBlockBytes) { load(); }

void IndexTable::Cursor::next() {
  ++at_;
  load();
}

void IndexTable::Cursor::load() {
  if (at_end()) return;
  auto const block = static_cast<std::size_t>(at_ / kBlockEntries);
  if (block >= first_block_ + blocks_) {
    first_block_ = block;
    blocks_ = std::min(kCursorBlocks, table_->firsts_.size() - block);
    std::size_t const last = block + blocks_ - 1;
    std::size_t const size = (blocks_ - 1) * kBlockBytes + table_->count_in(last) * kTableEntry + 8;
    read_exactly(*table_->file_, block_offset(block), MutableByteView{bytes_}.first(size));
    for (std::size_t b = block; b <= last; ++b) table_->check_block(b, ByteView{bytes_}.subspan((b - block) * kBlockBytes));
  }
  const std::uint8_t* from = bytes_.data() + (block - first_block_) * kBlockBytes + (at_ % kBlockEntries) * kTableEntry;
  std::memcpy(entry_.id.bytes.data(), from, ObjectId::kSize);
  entry_.place = read_place(from);
}

}  // namespace farkeep
