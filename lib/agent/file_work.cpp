#include "agent/file_work.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "base/check.hpp"
#include "base/codec.hpp"
#include "base/error.hpp"
#include "base/limits.hpp"
#include "crypto/digest.hpp"
#include "platform/printable.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kReadPiece = 256 * limits::kKiB;  // larger reads gain nothing on a warm cache, and cold ones are read ahead
constexpr std::uint64_t kMostGrowth = 64 * limits::kMiB;  // what is read of a file beyond the size that it had when it was opened

// A change within the tick of a file system's clock in which an earlier one was leaves the stamp as it is.  How coarse the clock is shows in the stamp: those of ext3 and HFS+
// are whole seconds, of FAT even ones, of what is mounted over FTP whole minutes or days.  Never less than two seconds, for the kernel's clock is behind this one, and
// a server's may be.
std::chrono::nanoseconds tick_of(std::int64_t stamp_ns) {
  for (const std::chrono::seconds coarse : {std::chrono::seconds(86400), std::chrono::seconds(60)})
    if (stamp_ns % std::chrono::nanoseconds(coarse).count() == 0) return coarse;
  return std::chrono::seconds(2);
}

// The same for all names of one file, in this snapshot and the next.
std::uint64_t link_group(const EntryStat& s) {
  Buffer name;
  Writer w{name};
  w.number(s.device);
  w.number(s.inode);
  const Digest d = sha256(name);
  Reader r{d.view()};
  return r.number<std::uint64_t>() | 1;  // never 0
}

bool same_content_stat(const EntryStat& a, const EntryStat& b) {
  return a.size == b.size && same_mtime(a, b) && a.ctime_ns == b.ctime_ns;
}

// Empty: nothing was lost.
std::string without(const std::string& lost) { return lost.empty() ? lost : "it is kept without these attributes, for they cannot be read: " + lost; }

bool same_but_ctime(const Entry& before, const EntryStat& now) {
  return before.kind == EntryKind::file && now.kind == EntryKind::file && before.size == now.size && before.mtime_ns == now.mtime_ns && before.mtime_far == now.mtime_far && before.inode == now.inode &&
         !before.changed_while_read;
}

}  // namespace

bool unchanged(const Entry& before, const EntryStat& now) { return before.ctime_ns != kNoCtime && before.ctime_ns == now.ctime_ns && same_but_ctime(before, now); }

bool perhaps_unchanged(const Entry& before, const EntryStat& now) { return before.ctime_ns == kNoCtime && same_but_ctime(before, now); }

Entry entry_of(const ScanItem& item) {
  Entry e;
  e.path = item.path;
  e.kind = item.stat.kind;
  e.mode = item.stat.mode;
  e.uid = item.stat.uid;
  e.gid = item.stat.gid;
  e.mtime_ns = item.stat.mtime_ns;
  e.mtime_far = item.stat.mtime_far;
  if (e.kind == EntryKind::file) {
    e.ctime_ns = item.stat.ctime_ns;
    e.inode = item.stat.inode;
    e.size = item.stat.size;
    if (item.stat.links > 1) e.hardlink_group = link_group(item.stat);
  }
  if (e.kind == EntryKind::char_device || e.kind == EntryKind::block_device) {
    e.device_major = item.stat.device_major;
    e.device_minor = item.stat.device_minor;
  }
  return e;
}

FileCutter::FileCutter(const ReadContext& context, const ScanItem& item) : FileCutter(context, item.path, item.folder->file(item.name)) {}

FileCutter::FileCutter(const ReadContext& context, const std::string& path, std::unique_ptr<SourceFile> file)
    : context_(context),
      chunker_(context.cut_key, context.sizes),
      file_(std::move(file)),
      began_(context.clock.wall()),
      before_(file_->stat()),
      list_(context.keys, [this](NodePlainOwned n) { list_nodes_.push_back(std::move(n)); }) {
  ScanItem now;
  now.path = path;
  now.stat = before_;  // what was opened, not what the walk saw
  entry_ = entry_of(now);
  if (before_.blocks512 == 0 && before_.size > kMostGrowth && file_->is_kernels())
    throw failure(Errc::io, "reading file " + printable("/" + path) + ": the kernel makes it up, and says that it has " + std::to_string(before_.size) + " bytes");
  // Fewer blocks than bytes: there are holes (or the file system compresses, then the ranges cover everything).
  if (before_.size > limits::kMaxInline && before_.blocks512 * 512 < before_.size) {
    auto ranges = limit_data_ranges(file_->data_ranges());
    entry_.sparse = !(ranges.size() == 1 && ranges[0].offset == 0 && ranges[0].length >= before_.size);
    if (entry_.sparse) entry_.data = std::move(ranges);
  }
}

FileCutter::~FileCutter() = default;

// Appends the next bytes of content: of the file as it is, or of its data ranges one after the other.
std::size_t FileCutter::fill(Buffer& to, std::size_t most) {
  const std::size_t had = to.size();
  while (entry_.sparse && range_ < entry_.data.size() && at_ == entry_.data[range_].length) {
    ++range_;
    at_ = 0;
  }
  if (entry_.sparse) {
    if (range_ == entry_.data.size()) {
      at_end_ = true;
      return 0;
    }
    const DataRange& r = entry_.data[range_];
    most = static_cast<std::size_t>(std::min<std::uint64_t>(r.length - at_, most));
    file_->skip_to(r.offset + at_);
  }
  to.resize(had + most);
  const std::size_t n = file_->read(MutableByteView{to}.subspan(had));
  to.resize(had + n);
  at_ += n;
  if (n < most) at_end_ = true;  // read() fills unless the file ends
  return n;
}

bool FileCutter::step(CutData& out, std::size_t most) {
  const std::size_t begin = out.bytes.size();
  const std::uint64_t most_left = before_.size > content_ ? before_.size - content_ : 0;
  const std::size_t room = tail_.size() + static_cast<std::size_t>(std::min<std::uint64_t>(most_left + 1, most + kReadPiece));
  if (begin == 0) out.bytes.reserve(room);  // of a batch of small files the vector knows best
  append(out.bytes, tail_);
  tail_.clear();
  // A file whose size is known is read in one go, plus one byte that shows whether it grew.
  while (!at_end_ && out.bytes.size() - begin < most) {
    if (content_ > before_.size && content_ - before_.size > kMostGrowth) {  // it grows as fast as it is read: this would never end
      at_end_ = true;
      break;
    }
    const std::uint64_t left = before_.size > content_ ? before_.size - content_ : 0;
    content_ += fill(out.bytes, static_cast<std::size_t>(std::clamp<std::uint64_t>(left + 1, 512, kReadPiece)));
  }
  if (at_end_ && content_ <= limits::kMaxInline && !entry_.sparse) {
    entry_.inline_content.assign(out.bytes.begin() + static_cast<std::ptrdiff_t>(begin), out.bytes.end());
    out.bytes.resize(begin);
    return false;
  }
  cut(out, begin, at_end_);
  return !at_end_;
}

// Size 0: more has to be read first.
ChunkRef FileCutter::next_chunk(ByteView rest, bool last) {
  ChunkRef chunk;
  if (const auto expected = earlier_ ? earlier_->expected() : std::nullopt) {
    if (expected->size > rest.size() && !last) return chunk;
    if (expected->size <= rest.size()) {
      chunk = {context_.keys.object_id(ObjectType::data, rest.first(expected->size)), expected->size};
      if (chunk.id == expected->id) {
        earlier_->came();
        return chunk;
      }
    }
  }
  const std::size_t n = chunker_.next(rest, last);
  if (n == 0) return ChunkRef{};
  if (n != chunk.size) chunk = {context_.keys.object_id(ObjectType::data, rest.first(n)), static_cast<std::uint32_t>(n)};
  if (earlier_) earlier_->other_came(chunk.id);
  return chunk;
}

void FileCutter::cut(CutData& out, std::size_t begin, bool last) {
  std::size_t at = begin;
  while (at < out.bytes.size()) {
    const ChunkRef chunk = next_chunk(ByteView{out.bytes}.subspan(at), last);
    if (chunk.size == 0) break;
    FARKEEP_CHECK(at <= std::numeric_limits<std::uint32_t>::max());  // a caller takes a few MiB before it goes on
    list_.add(chunk);
    out.chunks.push_back(CutChunk{chunk.id, static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(chunk.size)});
    at += chunk.size;
  }
  tail_.assign(out.bytes.begin() + static_cast<std::ptrdiff_t>(at), out.bytes.end());
  out.bytes.resize(at);
}

std::vector<NodePlainOwned> FileCutter::take_list_nodes() { return std::exchange(list_nodes_, {}); }

Entry FileCutter::finish() {
  const EntryStat after = file_->stat();
  list_.finish(entry_);
  if (entry_.sparse) {
    // Truncated under our hands: the ranges end where reading did.
    if (range_ < entry_.data.size()) {
      entry_.data.resize(range_ + (at_ > 0 ? 1 : 0));
      if (at_ > 0) entry_.data.back().length = at_;
    }
    entry_.changed_while_read = !same_content_stat(before_, after);
  } else {
    const bool tells_size = before_.blocks512 > 0 || content_ == before_.size || !file_->is_kernels();
    entry_.changed_while_read = !same_content_stat(before_, after) || (content_ != before_.size && tells_size);
    entry_.size = content_;
  }
  // A file that changed just before it was read may change once more without showing it: the next run reads it again.
  if (before_.ctime_ns > (began_ - tick_of(before_.ctime_ns)).time_since_epoch().count()) entry_.ctime_ns = kNoCtime;
  Xattrs xattrs = file_->xattrs();
  entry_.xattrs = std::move(xattrs.kept);
  lost_ = without(xattrs.lost);
  if (!lost_.empty()) entry_.ctime_ns = kNoCtime;  // or the next run would take it for whole
  return std::move(entry_);
}

namespace {

// False: it has grown since the walk saw it, and is not small.
bool read_small_file(const ReadContext& context, const ScanItem& item, DoneBatch& done) {
  for (int tries = 1;; ++tries) {
    const std::size_t bytes = done.data.bytes.size(), chunks = done.data.chunks.size();
    FileCutter cutter(context, item);
    const bool is_larger = cutter.size_at_first() > kMostSmall || cutter.step(done.data, kMostSmall) || !cutter.take_list_nodes().empty();
    if (is_larger) {
      done.data.bytes.resize(bytes);
      done.data.chunks.resize(chunks);
      return false;
    }
    Entry entry = cutter.finish();
    if (entry.changed_while_read && tries < kTriesToRead) {
      done.data.bytes.resize(bytes);
      done.data.chunks.resize(chunks);
      continue;
    }
    if (auto valid = check_entry(entry); !valid) throw failure(valid.error(), "describing the file");
    if (cutter.has_flags()) done.flagged.add(item.path);
    if (!cutter.lost().empty()) done.problems.push_back({item.path, cutter.lost(), true});
    done.changed_while_read += entry.changed_while_read;
    done.bytes_read += entry.size;
    done.entries.push_back(std::move(entry));
    done.journal.push_back(true);
    return true;
  }
}

bool read_item(const ReadContext& context, const ScanItem& item, DoneBatch& done) {
  if (item.stat.kind == EntryKind::file) return read_small_file(context, item, done);
  Entry entry = entry_of(item);
  if (entry.kind == EntryKind::symlink) entry.link_target = item.folder->link_target(item.name);
  Xattrs xattrs = item.folder->xattrs(item.name);
  entry.xattrs = std::move(xattrs.kept);
  if (auto valid = check_entry(entry); !valid) throw failure(valid.error(), "describing it");
  if (!xattrs.lost.empty()) done.problems.push_back({item.path, without(xattrs.lost), true});
  done.entries.push_back(std::move(entry));
  done.journal.push_back(false);  // cheap to look up again
  return true;
}

void read_attributes_anew(const ScanItem& found, WorkBatch::Item& it, DoneBatch& done) {
  Entry entry = *it.reuse;
  Xattrs xattrs = found.folder->xattrs(found.name);
  entry.xattrs = std::move(xattrs.kept);
  if (auto valid = check_entry(entry); !valid) throw failure(valid.error(), "describing its attributes");
  if (!xattrs.lost.empty()) {
    done.problems.push_back({found.path, without(xattrs.lost), true});
    entry.ctime_ns = kNoCtime;  // or the next run would take it for whole
  }
  it.reuse = std::move(entry);
}

std::size_t attribute_bytes(const Entry& entry) {
  std::size_t out = 0;
  for (auto& one : entry.xattrs) out += one.name.size() + one.value.size();
  return out;
}

}  // namespace

void give_up(const ScanItem& item, const failure& f) {
  if (may_have_vanished(f.code()) && !item.folder->lists(item.name)) throw NotThere(f);
  throw Unreadable(f);
}

namespace {

// False: it is a file that has grown since the walk saw it; nothing was done with it.
bool do_item(const ReadContext& context, WorkBatch::Item& it, DoneBatch& done) {
  ScanItem& found = it.found;
  const bool is_folder = found.stat.kind == EntryKind::folder;  // what is in it may have been read before, and needs it
  const auto add_as_found = [&] {
    done.entries.push_back(entry_of(found));
    done.journal.push_back(false);
  };
  const auto take_over = [&] {
    done.entries.push_back(std::move(*it.reuse));
    done.journal.push_back(it.journal);
  };
  if (!found.problem.empty()) done.problems.push_back({found.path, found.problem});
  if (it.reuse && !found.folder) {
    take_over();
    return true;
  }
  if (found.made_up) {  // a folder for the output of commands
    add_as_found();
    return true;
  }
  if (!found.folder || (!found.problem.empty() && !is_folder)) return true;
  try {
    if (!it.reuse) return read_of(found, [&] { return read_item(context, found, done); });
    read_of(found, [&] { read_attributes_anew(found, it, done); });
    take_over();
  } catch (const NotThere&) {
    if (is_folder) add_as_found();
    else done.vanished.add(found.path);
  } catch (const Unreadable& f) {
    if (is_folder) add_as_found();
    if (it.reuse) {
      it.reuse->ctime_ns = kNoCtime;
      take_over();
    }
    done.problems.push_back({found.path, f.what(), is_folder || it.reuse});
  }
  return true;
}

}  // namespace

DoneBatch do_batch_of(const ReadContext* context, WorkBatch batch) {
  DoneBatch done;
  done.entries.reserve(batch.items.size());
  std::size_t attributes = 0, counted = 0;
  auto next = batch.items.begin();
  for (; next != batch.items.end() && done.data.bytes.size() + attributes <= kMostSmall; ++next) {
    done.grown = !do_item(*context, *next, done);
    if (done.grown) break;
    for (; counted < done.entries.size(); ++counted) attributes += attribute_bytes(done.entries[counted]);
  }
  done.rest.assign(std::make_move_iterator(next), std::make_move_iterator(batch.items.end()));
  return done;
}

}  // namespace farkeep
