#include "agent/file_work.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <algorithm>
#include <map>
#include <string>

#include "unit/vault/fake_clock.hpp"

using namespace farkeep;
using namespace std::chrono_literals;

namespace {

class MemoryFile final : public SourceFile {
 public:
  MemoryFile(ByteView content, std::int64_t ctime_ns) : content_(content), ctime_ns_(ctime_ns) {}
  std::size_t read(MutableByteView into) override {
    const std::size_t n = std::min(into.size(), content_.size() - at_);
    std::copy_n(content_.begin() + static_cast<std::ptrdiff_t>(at_), n, into.begin());
    at_ += n;
    return n;
  }
  void skip_to(std::uint64_t offset) override { at_ = static_cast<std::size_t>(offset); }
  EntryStat stat() const override {
    EntryStat s;
    s.kind = EntryKind::file;
    s.size = content_.size();
    s.blocks512 = content_.size();
    s.ctime_ns = ctime_ns_;
    return s;
  }
  std::vector<DataRange> data_ranges() const override { return {{0, content_.size()}}; }
  Xattrs xattrs() const override { return {}; }

 private:
  ByteView content_;
  const std::int64_t ctime_ns_;
  std::size_t at_ = 0;
};

// A folder in which every name is the same file.
class MemoryFolder final : public SourceFolder {
 public:
  MemoryFolder(Buffer content, std::int64_t ctime_ns) : content_(std::move(content)), ctime_ns_(ctime_ns) {}
  std::unique_ptr<SourceFile> file(const std::string&) const override { return std::make_unique<MemoryFile>(content_, ctime_ns_); }
  std::vector<SourceName> entries() const override { return {}; }
  std::shared_ptr<SourceFolder> folder(const std::string&) const override { return nullptr; }
  std::string link_target(const std::string&) const override { return {}; }
  Xattrs xattrs(const std::string&) const override { return {}; }
  EntryStat stat(const std::string&) const override { return MemoryFile(content_, ctime_ns_).stat(); }
  EntryStat stat() const override { return {}; }
  Xattrs xattrs() const override { return {}; }

 private:
  Buffer content_;
  const std::int64_t ctime_ns_;
};

class KeptNodes final : public NodeLoader {
 public:
  task<std::vector<NodePlainOwned>> load(std::vector<ObjectId> ids) override {
    std::vector<NodePlainOwned> found;
    for (auto& id : ids) {
      const auto it = kept.find(id);
      if (it == kept.end()) throw failure(lost, "loading a list");
      found.push_back(it->second);
      ++loads;
    }
    co_return found;
  }
  std::map<ObjectId, NodePlainOwned> kept;
  Errc lost = Errc::missing_object;
  int loads = 0;
};

struct Cutting {
  SecretKey root = *SecretKey::from(Buffer(32, 1));
  KeyRing keys{root};
  SecretKey cut = keys.cut_key();
  CutKey cut_key{cut};
  FakeClock clock;
  std::int64_t ctime_ns = 1;  // of the file
  ReadContext context{keys, cut_key, ChunkSizes{4096, 16384, 65536}, clock};
  KeptNodes lists;

  struct Result {
    Entry entry;
    std::vector<ObjectId> chunks;
    std::size_t taken_over = 0;  // chunks whose place was known before
  };

  Result read(const Buffer& content, EarlierContent* earlier = nullptr) {
    ScanItem item;
    item.path = "f";
    item.name = "f";
    item.folder = std::make_shared<MemoryFolder>(content, ctime_ns);
    FileCutter cutter(context, item);
    if (earlier) cutter.expect(*earlier);
    Result r;
    for (bool more = true; more;) {
      if (earlier) refill(*earlier);
      CutData data;
      const auto expected = earlier ? earlier->expected() : std::nullopt;
      more = cutter.step(data, 1 << 20);
      r.taken_over += expected && !data.chunks.empty() && data.chunks[0].id == expected->id;
      for (auto& c : data.chunks) r.chunks.push_back(c.id);
    }
    r.entry = cutter.finish();
    for (auto& n : cutter.take_list_nodes()) lists.kept.emplace(n.id, std::move(n));
    return r;
  }

  void refill(EarlierContent& earlier) {
    asio::io_context loop;
    std::exception_ptr error;
    asio::co_spawn(loop, earlier.refill(lists), [&](std::exception_ptr e) { error = e; });
    loop.run();
    if (error) std::rethrow_exception(error);
  }
};

Buffer noise(std::size_t size) {
  Buffer b(size);
  std::uint64_t x = 88172645463325252u;
  for (auto& c : b) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    c = static_cast<std::uint8_t>(x >> 32);
  }
  return b;
}

std::ptrdiff_t at(std::size_t n) { return static_cast<std::ptrdiff_t>(n); }

}  // namespace

TEST_CASE("earlier content: whatever changed, the cuts are those of a file that is read for the first time") {
  Cutting c;
  const Buffer before = noise(24 << 20);
  const auto first = c.read(before);
  REQUIRE(first.entry.list_depth > 0);  // so lists are read too

  std::map<std::string, Buffer> after;
  after["the same"] = before;
  after["bytes inserted"] = before;
  after["bytes inserted"].insert(after["bytes inserted"].begin() + at(5'000'000), 777, 0x55);
  after["bytes removed"] = before;
  after["bytes removed"].erase(after["bytes removed"].begin() + at(9'000'000), after["bytes removed"].begin() + at(9'300'000));
  after["one bit"] = before;
  after["one bit"][12'345'678] ^= 1;
  after["longer"] = before;
  append(after["longer"], ByteView{before}.first(3'000'000));
  after["shorter by a byte"] = before;
  after["shorter by a byte"].pop_back();
  after["half of it"] = Buffer(before.begin(), before.begin() + at(before.size() / 2));
  after["halves exchanged"] = Buffer(before.begin() + at(before.size() / 2), before.end());
  append(after["halves exchanged"], ByteView{before}.first(before.size() / 2));
  after["zeros"] = Buffer(8 << 20);

  for (auto& [what, content] : after) {
    INFO(what);
    const auto plain = c.read(content);
    EarlierContent earlier(first.entry);
    const auto helped = c.read(content, &earlier);
    CHECK(helped.chunks == plain.chunks);
    CHECK((what == "zeros" || helped.taken_over > 2));
  }
}

TEST_CASE("earlier content: lists that nobody has any more are no reason to fail") {
  Cutting c;
  const Buffer content = noise(24 << 20);
  const auto first = c.read(content);
  c.lists.kept.clear();
  for (const Errc lost : {Errc::missing_object, Errc::damaged, Errc::id_mismatch}) {
    c.lists.lost = lost;
    EarlierContent earlier(first.entry);
    CHECK(c.read(content, &earlier).chunks == first.chunks);
  }
}

TEST_CASE("ctime: it is kept when it is older than the begin of the read by the tick that shows in it, two seconds at least") {
  Cutting c;
  const auto keeps = [&](WallTime ctime) {
    c.ctime_ns = ctime.time_since_epoch().count();
    return c.read(Buffer(10, 1)).entry.ctime_ns == c.ctime_ns;
  };
  const WallTime now = c.clock.wall();
  const WallTime minute = std::chrono::floor<std::chrono::minutes>(now), day = std::chrono::floor<std::chrono::days>(now);
  CHECK(keeps(now - 2s));
  CHECK_FALSE(keeps(now - 2s + 1ns));
  CHECK_FALSE(keeps(now));
  CHECK_FALSE(keeps(now + 24h));
  CHECK_FALSE(keeps(WallTime::max()));
  CHECK(keeps(WallTime{} - 24h + 1s));

  c.clock.pass(minute + 1min - now - 1ns);
  CHECK_FALSE(keeps(minute));
  CHECK(keeps(minute + 1s));
  c.clock.pass(1ns);
  CHECK(keeps(minute));

  c.clock.pass(day + 24h - c.clock.wall() - 1ns);
  CHECK_FALSE(keeps(day));
  c.clock.pass(1ns);
  CHECK(keeps(day));
}

TEST_CASE("ctime: a file system that has none shows no change, so its files are read again") {
  Cutting c;
  c.ctime_ns = 0;
  const Entry before = c.read(Buffer(10, 1)).entry;
  const EntryStat now = MemoryFile(Buffer(10, 1), 0).stat();
  CHECK_FALSE(unchanged(before, now));
  CHECK(perhaps_unchanged(before, now));
  CHECK_FALSE(perhaps_unchanged(before, MemoryFile(Buffer(11, 1), 0).stat()));
}

TEST_CASE("batch: a file that has grown since it was listed is handed back, with what comes behind it, and takes no memory") {
  Cutting c;
  WorkBatch batch;
  const auto add = [&](const char* name, std::size_t size) {
    WorkBatch::Item item;
    item.found.path = item.found.name = name;
    item.found.folder = std::make_shared<MemoryFolder>(noise(size), 1);
    item.found.stat.kind = EntryKind::file;
    batch.items.push_back(std::move(item));
  };
  add("a", 3000);
  add("grown", 5'000'000);
  add("z", 3000);
  DoneBatch done = do_batch_of(&c.context, std::move(batch));
  CHECK(done.grown);
  REQUIRE(done.entries.size() == 1);
  CHECK(done.entries[0].path == "a");
  CHECK(done.data.bytes.size() <= 3000);
  REQUIRE(done.rest.size() == 2);
  CHECK(done.rest[0].found.path == "grown");
  REQUIRE(done.rest[1].found.folder);
}

TEST_CASE("batch: it ends behind a few mebibytes of content or attributes, and goes on with the rest") {
  Cutting c;
  WorkBatch batch;
  for (int i = 0; i < 10; ++i) {
    WorkBatch::Item item;
    item.found.path = item.found.name = "f" + std::to_string(i);
    item.found.stat.kind = EntryKind::file;
    if (i < 5) {
      item.found.folder = std::make_shared<MemoryFolder>(noise(1'900'000), 1);
    } else {
      item.reuse.emplace();
      item.reuse->path = item.found.path;
      item.reuse->xattrs.push_back({"user.large", Buffer(1'500'000)});
    }
    batch.items.push_back(std::move(item));
  }
  std::vector<std::string> paths;
  std::size_t pieces = 0;
  while (!batch.items.empty()) {
    DoneBatch done = do_batch_of(&c.context, std::move(batch));
    CHECK_FALSE(done.grown);
    CHECK(done.data.bytes.size() < 8'000'000);
    for (auto& e : done.entries) paths.push_back(e.path);
    batch.items = std::move(done.rest);
    ++pieces;
  }
  CHECK(pieces >= 4);
  CHECK(paths.size() == 10);
  CHECK(std::is_sorted(paths.begin(), paths.end()));
}
