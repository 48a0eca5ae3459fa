#include "archive/catalog_builder.hpp"

#include "archive/catalog_stream.hpp"
#include "archive/node_id.hpp"
#include "base/limits.hpp"
#include "support.hpp"

using namespace farkeep;
using namespace farkeep::testing;

namespace {

std::vector<Entry> listed(const Tree& tree) {
  std::vector<Entry> out;
  for (const auto& [path, e] : tree) {
    Entry kept = e;
    if (kept.kind != EntryKind::file) kept.ctime_ns = 0, kept.inode = 0;
    out.push_back(kept);
  }
  return out;
}

std::size_t depth_of(const ObjectId& root, const Nodes& nodes) {
  const auto& n = nodes.by_id.at(root);
  return 1u + decode_node(n.message, n.refs)->level;
}

}  // namespace

TEST_CASE("catalog: random trees come back in order") {
  std::mt19937 rng{1};
  for (std::size_t n : {0u, 1u, 2u, 8u, 33u, 500u, 3000u}) {
    const Tree tree = random_tree(rng, n);
    Nodes nodes;
    const ObjectId root = build(tree, nodes);
    CHECK(read_all(root, nodes) == listed(tree));
    for (const auto& [id, node] : nodes.by_id) CHECK(id == node_id(keys(), node.message, node.refs));
  }
}

TEST_CASE("catalog: the empty one is a leaf of no entries") {
  Nodes nodes;
  const ObjectId root = build({}, nodes);
  CHECK(nodes.given == 1);
  CHECK(nodes.by_id.at(root).message.empty());
  CatalogStream stream{root};
  CHECK_FALSE(stream.at_end());
  std::size_t fetched = 0;
  feed(stream, nodes, fetched);
  CHECK(stream.at_end());
}

TEST_CASE("catalog: what stands below a node that nobody has is left out, counted, and between the paths that are told") {
  std::mt19937 rng{4};
  const Tree tree = random_tree(rng, 2000);
  Nodes nodes;
  const ObjectId root = build(tree, nodes);
  for (const std::uint8_t level : {std::uint8_t{0}, std::uint8_t{1}}) {
    ObjectId lost;
    for (const auto& [id, node] : nodes.by_id)
      if (id != root && decode_node(node.message, node.refs)->level == level) lost = id;
    if (lost.is_zero()) continue;
    CatalogStream stream{root};
    std::vector<std::string> paths;
    std::vector<NodeQueue::Gap> gaps;
    while (!stream.at_end()) {
      while (auto e = stream.next()) paths.push_back(e->path);
      for (auto& id : stream.wanted(8)) {
        if (id == lost) {
          const auto more = stream.skip(id);
          gaps.insert(gaps.end(), more.begin(), more.end());
        } else {
          const auto& n = nodes.by_id.at(id);
          REQUIRE(stream.give(id, n.message, n.refs));
        }
      }
    }
    REQUIRE(gaps.size() == 1);
    CHECK(paths.size() + gaps[0].entries == tree.size());
    for (const auto& [path, e] : tree) {
      const bool there = std::find(paths.begin(), paths.end(), path) != paths.end();
      const bool in_gap = compare_paths(path, gaps[0].after) > 0 && compare_paths(path, gaps[0].last) <= 0;
      CHECK(there != in_gap);
    }
  }
  CatalogStream stream{root};
  stream.wanted(1);
  CHECK(stream.skip(root).empty());
  CHECK_FALSE(stream.at_end());
}

TEST_CASE("catalog: children are given before their parents, and counted") {
  std::mt19937 rng{2};
  const Tree tree = random_tree(rng, 2000);
  std::unordered_map<ObjectId, int> seen;
  std::size_t given = 0;
  CatalogBuilder b{keys(), [&](NodePlainOwned n) {
    ++given;
    auto decoded = decode_node(n.message, n.refs);
    REQUIRE(decoded);
    for (const auto& c : decoded->children) CHECK(seen.count(c.id) == 1);
    seen[n.id] = 1;
  }, kSmallNodes, kSmallNodes};
  std::uint64_t files = 0, bytes = 0;
  for (const auto& [path, e] : tree) {
    files += e.kind == EntryKind::file;
    bytes += e.size;
    b.add(e);
  }
  CHECK(seen.count(b.finish()) == 1);
  CHECK(b.totals().nodes == given);
  CHECK(b.totals().files == files);
  CHECK(b.totals().folders == tree.size() - files);
  CHECK(b.totals().bytes == bytes);
}

TEST_CASE("catalog: the same entries give the same root, whatever came before") {
  std::mt19937 rng{3};
  Tree tree = random_tree(rng, 1000);
  Nodes nodes;
  const ObjectId first = build(tree, nodes);
  const Tree more = random_tree(rng, 100);
  Tree other = tree;
  for (const auto& [path, e] : more) other[path] = e;
  const ObjectId second = build(other, nodes);
  CHECK(second != first);
  for (const auto& [path, e] : more) {
    if (auto was = tree.find(path); was != tree.end()) other[path] = was->second;
    else other.erase(path);
  }
  CHECK(build(other, nodes) == first);
}

TEST_CASE("catalog: k changed entries make O(k × depth) new nodes") {
  std::mt19937 rng{4};
  Tree tree = random_tree(rng, 5000);
  Nodes nodes;
  const ObjectId root = build(tree, nodes);
  const std::size_t depth = depth_of(root, nodes);
  CHECK(depth >= 4);
  for (std::size_t k : {1u, 5u, 20u}) {
    const std::size_t before = nodes.by_id.size();
    for (std::size_t i = 0; i < k; ++i) {
      auto at = std::next(tree.begin(), static_cast<std::ptrdiff_t>(rng() % tree.size()));
      at->second.mtime_ns += 1;
    }
    build(tree, nodes);
    CHECK(nodes.by_id.size() - before >= depth - 1);
    CHECK(nodes.by_id.size() - before <= k * depth);
  }
  // An entry added or removed moves no cut but its own: the leaf, a neighbour where it was the cut, and above them.
  for (int i = 0; i < 50; ++i) {
    const std::size_t before = nodes.by_id.size();
    if (i % 2 == 0) tree.erase(std::next(tree.begin(), static_cast<std::ptrdiff_t>(rng() % tree.size())));
    else tree["zz/new" + std::to_string(i)] = file("zz/new" + std::to_string(i), rng() % 100000);
    build(tree, nodes);
    CHECK(nodes.by_id.size() - before <= 8 * depth);
  }
}

TEST_CASE("catalog: nodes stay between a quarter and four times the average") {
  std::mt19937 rng{5};
  const Tree tree = random_tree(rng, 4000);
  Nodes nodes;
  build(tree, nodes, 16);
  std::map<std::uint8_t, std::size_t> small, all;
  for (const auto& [id, n] : nodes.by_id) {
    auto decoded = decode_node(n.message, n.refs);
    const std::size_t size = std::max(decoded->entries.size(), decoded->children.size());
    CHECK(size <= 64);
    ++all[decoded->level];
    small[decoded->level] += size < 4;
  }
  CHECK(all[0] > 4000 / 64);
  for (const auto& [level, n] : small) CHECK(n <= 1);  // the last of each level
}

TEST_CASE("catalog: large entries end a leaf early, long paths build no tower") {
  Nodes nodes;
  Tree tree;
  for (int i = 0; i < 40; ++i) {
    const std::string path = std::string(60'000, 'x') + "/" + std::to_string(1000 + i);
    tree[path] = file(path);
    tree[path].xattrs = {{"user.large", Buffer(100'000, 1)}};
  }
  const ObjectId root = build(tree, nodes, 64);
  for (const auto& [id, n] : nodes.by_id) CHECK(n.message.size() < 600'000);
  CHECK(depth_of(root, nodes) <= 7);
  CHECK(read_all(root, nodes) == listed(tree));
}

TEST_CASE("catalog: an entry that breaks a limit is refused when it is written") {
  CatalogBuilder b{keys(), [](NodePlainOwned) {}};
  Entry e = file("a");
  e.xattrs = {{"user.a", Buffer(limits::kMaxXattrBytes)}};
  try {
    b.add(e);
    FAIL("added");
  } catch (const failure& f) {
    CHECK(f.code() == Errc::too_large);
  }
}

TEST_CASE("catalog: a path is found by opening one node per level, an absent one too") {
  std::mt19937 rng{6};
  const Tree tree = random_tree(rng, 3000);
  Nodes nodes;
  const ObjectId root = build(tree, nodes);
  const std::size_t depth = depth_of(root, nodes);
  for (int i = 0; i < 200; ++i) {
    const std::string path = i % 2 == 0
                                 ? std::next(tree.begin(), static_cast<std::ptrdiff_t>(rng() % tree.size()))->first
                                 : random_path(rng) + "?";
    std::size_t fetched = 0;
    const auto found = read_all(root, nodes, CatalogRange::only(path), fetched);
    REQUIRE(found.size() == tree.count(path));
    if (!found.empty()) CHECK(found[0].path == path);
    CHECK(fetched <= depth);
  }
}

TEST_CASE("catalog: below a folder are the folder and all in it, and nothing beside it") {
  std::mt19937 rng{7};
  const Tree tree = random_tree(rng, 3000);
  Nodes nodes;
  const ObjectId root = build(tree, nodes);
  const auto all = listed(tree);
  for (const std::string f : {"", "a", "a-b", "ab", "lib", "\xff\xfe", "a/b", "nowhere", "a1/a"}) {
    INFO(f);
    std::vector<Entry> expected;
    for (const Entry& e : all) {
      if (f.empty() || e.path == f || is_below(e.path, f)) expected.push_back(e);
    }
    std::size_t fetched = 0;
    CHECK(read_all(root, nodes, CatalogRange::below(f), fetched) == expected);
    CHECK(fetched <= 2 * depth_of(root, nodes) + expected.size());
  }
}

TEST_CASE("catalog stream: no more nodes are asked for than wanted, in order, each once") {
  std::mt19937 rng{8};
  const Tree tree = random_tree(rng, 2000);
  Nodes nodes;
  const ObjectId root = build(tree, nodes);
  CatalogStream stream{root};
  CHECK(stream.wanted(10) == std::vector<ObjectId>{root});
  CHECK(stream.wanted(10).empty());
  CHECK_FALSE(stream.next());
  const auto& r = nodes.by_id.at(root);
  REQUIRE(stream.give(root, r.message, r.refs));
  auto next = stream.wanted(3);
  CHECK(next.size() == std::min<std::size_t>(3, r.refs.size()));
  CHECK(std::equal(next.begin(), next.end(), r.refs.begin()));
  // Given in the other order, entries still come in theirs.
  for (std::size_t i = next.size(); i-- > 0;)
    REQUIRE(stream.give(next[i], nodes.by_id.at(next[i]).message, nodes.by_id.at(next[i]).refs));
  std::string last;
  std::size_t count = 0, fetched = 0;
  while (!stream.at_end()) {
    if (auto e = stream.next()) {
      CHECK((last.empty() || compare_paths(last, e->path) < 0));
      last = e->path;
      ++count;
    } else {
      feed(stream, nodes, fetched, 1);
    }
  }
  CHECK(count == tree.size());
}

TEST_CASE("catalog stream: a node in the place of another is refused") {
  std::mt19937 rng{9};
  const Tree tree = random_tree(rng, 2000);
  Nodes nodes;
  const ObjectId root = build(tree, nodes);
  const auto& r = nodes.by_id.at(root);
  CatalogStream stream{root};
  stream.wanted(1);
  REQUIRE(stream.give(root, r.message, r.refs));
  const ObjectId first = stream.wanted(1).at(0);
  SECTION("a sibling") {
    const auto& other = nodes.by_id.at(r.refs[1]);
    CHECK(stream.give(first, other.message, other.refs).error() == Errc::malformed);
  }
  SECTION("its parent") { CHECK(stream.give(first, r.message, r.refs).error() == Errc::malformed); }
  SECTION("an empty leaf") { CHECK(stream.give(first, {}, {}).error() == Errc::malformed); }
  SECTION("a node that nobody asked for is ignored") { CHECK(stream.give(some_id(1), r.message, r.refs)); }
}

TEST_CASE("catalog stream: a chunk list is no catalog") {
  const std::vector<ChunkRef> refs{{some_id(1), 1}};
  const EncodedNode list = encode_list(kListLevel, refs);
  CatalogStream stream{some_id(2)};
  stream.wanted(1);
  CHECK(stream.give(some_id(2), list.message, list.refs).error() == Errc::malformed);
}
