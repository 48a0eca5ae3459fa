#include "archive/entry.hpp"

#include "base/limits.hpp"
#include "support.hpp"

using namespace farkeep;
using namespace farkeep::testing;

TEST_CASE("path: '/' sorts below every other byte, a folder before what is in it") {
  const std::vector<std::string> ascending{"a",   "a/",  "a/b", "a/b/c", "a/c",   "a\x01", "a b",
                                           "a-b", "a.b", "a0",  "ab",    "a\xff", "b"};
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    for (std::size_t k = 0; k < ascending.size(); ++k) {
      INFO(ascending[i] << " and " << ascending[k]);
      const int order = compare_paths(ascending[i], ascending[k]);
      CHECK((order < 0) == (i < k));
      CHECK((order > 0) == (i > k));
    }
  }
}

TEST_CASE("path: below means in the folder, not merely beginning like it") {
  CHECK(is_below("a/b", "a"));
  CHECK(is_below("a/b/c", "a"));
  CHECK(is_below("a", ""));
  CHECK_FALSE(is_below("a", "a"));
  CHECK_FALSE(is_below("a-b", "a"));
  CHECK_FALSE(is_below("ab/c", "a"));
  CHECK_FALSE(is_below("", ""));
}

TEST_CASE("path: what could leave the folder of a restore is refused") {
  for (const std::string bad : {"", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/./b", "a/../b"}) {
    INFO(bad);
    CHECK_FALSE(is_valid_path(bad));
  }
  CHECK_FALSE(is_valid_path(std::string("a\0b", 3)));
  CHECK_FALSE(is_valid_path(std::string(limits::kMaxPath + 1, 'a')));
  for (const std::string good : {"a", "a/b", "...", "..a/b..", "\xff\xfe", "a\nb", " "}) {
    INFO(good);
    CHECK(is_valid_path(good));
  }
  CHECK(is_valid_path(std::string(limits::kMaxPath, 'a')));
}

TEST_CASE("entry: content must add up") {
  Entry e = file("f");
  REQUIRE(check_entry(e));
  SECTION("a chunk too few") { e.size += 1; }
  SECTION("a chunk too many") { e.chunks.push_back({some_id(5), 1}); }
  SECTION("an empty chunk") { e.chunks.push_back({some_id(5), 0}); }
  SECTION("sizes that add up only beyond 2^64") {
    e.list_depth = 1;
    e.chunks = {{some_id(1), ~std::uint64_t{0}}, {some_id(2), e.size + 1}};
  }
  SECTION("inline content besides chunks") { e.inline_content = {1}; }
  SECTION("a list depth without references") {
    e = folder("f");
    e.list_depth = 1;
  }
  SECTION("a folder with content") { e.kind = EntryKind::folder; }
  SECTION("a symlink without target") { (e = folder("f")).kind = EntryKind::symlink; }
  SECTION("a target without symlink") { e.link_target = "x"; }
  SECTION("device numbers of a file") { e.device_minor = 1; }
  SECTION("a kind that is none") { (e = folder("f")).kind = EntryKind{8}; }
  SECTION("a mode with a file type") { e.mode |= 0100000; }
  SECTION("an attribute without a name") { e.xattrs = {{"", {1}}}; }
  CHECK(check_entry(e).error() == Errc::malformed);
}

TEST_CASE("entry: inline content goes up to 96 bytes") {
  for (std::size_t size : {0u, 1u, 96u}) {
    Entry e = file("f");
    e.chunks.clear();
    e.size = size;
    e.inline_content = Buffer(size, 7);
    CHECK(check_entry(e));
  }
  Entry e = file("f");
  e.chunks.clear();
  e.size = 97;
  e.inline_content = Buffer(97, 7);
  CHECK(check_entry(e).error() == Errc::too_large);
}

TEST_CASE("entry: limits are refused as such") {
  Entry e = file("f");
  SECTION("path") { e.path = std::string(limits::kMaxPath + 1, 'x'); }
  SECTION("link target") { e.link_target = std::string(limits::kMaxPath + 1, 'x'); }
  SECTION("attributes") { e.xattrs = {{"user.a", Buffer(limits::kMaxXattrBytes - 5)}}; }
  SECTION("owner") { e.user = std::string(kMaxOwnerName + 1, 'x'); }
  SECTION("chunk") { e.chunks[0].size = e.size = limits::kMaxChunk + 1; }
  SECTION("references") {
    e.size = kMaxEntryRefs + 1;
    e.chunks.assign(kMaxEntryRefs + 1, {some_id(1), 1});
  }
  SECTION("ranges") {
    e.sparse = true;
    e.size = 3 * kMaxDataRanges + 3;
    for (std::size_t i = 0; i <= kMaxDataRanges; ++i) e.data.push_back({3 * i, 1});
  }
  CHECK(check_entry(e).error() == Errc::too_large);
}

TEST_CASE("entry: data ranges are ascending, disjoint and inside the file") {
  Entry e = file("f");
  e.sparse = true;
  e.size = 1000;
  e.chunks = {{some_id(1), 30}};
  e.data = {{100, 10}, {110, 5}, {985, 15}};
  REQUIRE(check_entry(e));
  CHECK(e.content_size() == 30);
  SECTION("overlap") { e.data[1].offset = 109; }
  SECTION("beyond the end") { e.data[2].offset = 986; }
  SECTION("beyond 2^64") { e.data[2] = {990, ~std::uint64_t{0} - 980}; }
  SECTION("empty") { e.data.push_back({1000, 0}); }
  SECTION("ranges of a file that is not sparse") { e.sparse = false; }
  CHECK(check_entry(e).error() == Errc::malformed);
}

TEST_CASE("entry: a file that is one hole has no content") {
  Entry e = file("f");
  e.sparse = true;
  e.size = std::uint64_t{1} << 60;
  e.chunks.clear();
  CHECK(e.content_size() == 0);
  CHECK(check_entry(e));
}

TEST_CASE("entry: too many holes: the smallest become data") {
  const std::vector<DataRange> ranges{{0, 10}, {20, 10}, {31, 9}, {100, 1}, {105, 5}};
  CHECK(limit_data_ranges(ranges, 5) == ranges);
  CHECK(limit_data_ranges(ranges, 4) == std::vector<DataRange>{{0, 10}, {20, 20}, {100, 1}, {105, 5}});
  CHECK(limit_data_ranges(ranges, 2) == std::vector<DataRange>{{0, 40}, {100, 10}});
  CHECK(limit_data_ranges(ranges, 1) == std::vector<DataRange>{{0, 110}});
}

TEST_CASE("entry: a restore does not see ctime and inode, and sees everything else") {
  const Entry e = file("f");
  Entry same = e;
  same.ctime_ns++;
  same.inode++;
  CHECK(same_restored(e, same));
  Entry other = e;
  SECTION("mode") { other.mode = 0600; }
  SECTION("time") { other.mtime_ns++; }
  SECTION("time far away") { other.mtime_far++; }
  SECTION("owner") { other.user = "bob"; }
  SECTION("content") { other.chunks[0].id = some_id(9); }
  SECTION("attributes") { other.xattrs = {{"user.x", {}}}; }
  SECTION("link") { other.hardlink_group = 5; }
  CHECK_FALSE(same_restored(e, other));
}

TEST_CASE("entry: a time that is far away is written in one way only") {
  constexpr std::int64_t kSecondNs = 1'000'000'000;
  const auto valid = [](std::int64_t ns, std::int64_t far) {
    Entry e = file("f", 3);
    e.mtime_ns = ns;
    e.mtime_far = far;
    return check_entry(e).has_value();
  };
  for (const std::int64_t rest : {std::int64_t{0}, kSecondNs - 1}) {
    CHECK(valid(kLastFarSecond * kSecondNs + rest, 1));
    CHECK(valid(kLastFarSecond * kSecondNs + rest, INT64_MAX - kLastFarSecond));
    CHECK_FALSE(valid(kLastFarSecond * kSecondNs + rest, INT64_MAX));
    CHECK(valid(kFirstFarSecond * kSecondNs + rest, -1));
    CHECK(valid(kFirstFarSecond * kSecondNs + rest, INT64_MIN - kFirstFarSecond));
    CHECK_FALSE(valid(kFirstFarSecond * kSecondNs + rest, INT64_MIN));
    CHECK_FALSE(valid(kLastFarSecond * kSecondNs + rest, -1));
    CHECK_FALSE(valid(kFirstFarSecond * kSecondNs + rest, 1));
  }
  for (const std::int64_t ns : {INT64_MAX, INT64_MIN, std::int64_t{0}, kLastFarSecond * kSecondNs - 1}) {
    CHECK(valid(ns, 0));
    CHECK_FALSE(valid(ns, 1));
    CHECK_FALSE(valid(ns, -1));
  }
}

TEST_CASE("path: what a person writes is brought into the catalog's spelling") {
  CHECK(catalog_path("/a//b/./c/") == "a/b/c");
  CHECK(catalog_path("a") == "a");
  for (const char* root : {"", "/", "//", "/./"}) CHECK(catalog_path(root).empty());
  CHECK_FALSE(is_valid_path(catalog_path("/a/../b")));
}

TEST_CASE("entry: names of one file agree in all that a restore gives, and in nothing else") {
  Entry e = file("f");
  CHECK_FALSE(link_identity(e));
  e.hardlink_group = 5;
  Entry name = e;
  name.path = "another";
  name.ctime_ns++;
  name.inode++;
  name.changed_while_read = true;
  CHECK(link_identity(e) == link_identity(name));
  Entry other = e;
  SECTION("file") { other.hardlink_group = 6; }
  SECTION("mode") { other.mode = 0600; }
  SECTION("time") { other.mtime_ns++; }
  SECTION("time far away") { other.mtime_far++; }
  SECTION("owner") { other.user = "bob"; }
  SECTION("group of the owner") { other.gid++; }
  SECTION("content") { other.chunks[0].id = some_id(9); }
  SECTION("inline content") { other.inline_content = Buffer(1, 1); }
  SECTION("holes") { other.data = {{0, 10}}; }
  SECTION("attributes") { other.xattrs = {{"user.x", {}}}; }
  CHECK(link_identity(e) != link_identity(other));
  other.kind = EntryKind::symlink;
  CHECK_FALSE(link_identity(other));
}
