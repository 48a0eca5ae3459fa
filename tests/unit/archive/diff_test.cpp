#include "archive/catalog_diff.hpp"

#include "support.hpp"

using namespace farkeep;
using namespace farkeep::testing;

namespace {

// path → what it was and what it is, by comparing two maps.
std::vector<std::pair<std::optional<std::string>, std::optional<std::string>>> expected(const Tree& a, const Tree& b,
                                                                                        const std::string& below = "") {
  Tree both = a;
  both.insert(b.begin(), b.end());
  std::vector<std::pair<std::optional<std::string>, std::optional<std::string>>> out;
  for (const auto& [path, e] : both) {
    if (!below.empty() && path != below && !is_below(path, below)) continue;
    const auto x = a.find(path), y = b.find(path);
    if (x != a.end() && y != b.end() && same_restored(x->second, y->second)) continue;
    out.push_back(
        {x == a.end() ? std::nullopt : std::optional{path}, y == b.end() ? std::nullopt : std::optional{path}});
  }
  return out;
}

auto diff(const ObjectId& a, const ObjectId& b, const Nodes& nodes, std::size_t& fetched, std::size_t most,
          const CatalogRange& range = CatalogRange::whole()) {
  CatalogDiff d{a, b, range};
  std::vector<std::pair<std::optional<std::string>, std::optional<std::string>>> out;
  while (!d.at_end()) {
    if (auto change = d.next()) {
      out.push_back({change->before ? std::optional{change->before->path} : std::nullopt,
                     change->after ? std::optional{change->after->path} : std::nullopt});
    } else if (!d.at_end()) {
      feed(d, nodes, fetched, most);
    }
  }
  return out;
}

void edit(Tree& tree, std::mt19937& rng, std::size_t changes) {
  for (std::size_t i = 0; i < changes; ++i) {
    auto at = tree.empty() ? tree.end() : std::next(tree.begin(), static_cast<std::ptrdiff_t>(rng() % tree.size()));
    const std::string path = random_path(rng);
    switch (rng() % 4) {
      case 0: if (at != tree.end()) tree.erase(at); break;
      case 1: tree[path] = file(path, rng() % 100000); break;
      case 2: if (at != tree.end()) at->second.mtime_ns += 1; break;
      case 3: if (at != tree.end() && at->second.kind == EntryKind::file) at->second.inode += 1; break;
    }
  }
}

}  // namespace

TEST_CASE("diff: the same as comparing two maps") {
  std::mt19937 rng{11};
  for (std::size_t n : {0u, 1u, 10u, 200u, 2000u}) {
    for (std::size_t changes : {0u, 1u, 10u, 400u}) {
      for (std::size_t most : {1u, 3u, 64u}) {
        const Tree before = random_tree(rng, n);
        Tree after = before;
        edit(after, rng, changes);
        Nodes nodes;
        const ObjectId a = build(before, nodes), b = build(after, nodes);
        std::size_t fetched = 0;
        CHECK(diff(a, b, nodes, fetched, most) == expected(before, after));
        CHECK(diff(b, a, nodes, fetched, most) == expected(after, before));
      }
    }
  }
}

TEST_CASE("diff: of unlike trees, and against the empty one") {
  std::mt19937 rng{12};
  const Tree one = random_tree(rng, 700), other = random_tree(rng, 40), none;
  Nodes nodes;
  const ObjectId a = build(one, nodes), b = build(other, nodes), e = build(none, nodes);
  std::size_t fetched = 0;
  CHECK(diff(a, b, nodes, fetched, 8) == expected(one, other));
  CHECK(diff(b, a, nodes, fetched, 8) == expected(other, one));
  CHECK(diff(a, e, nodes, fetched, 8) == expected(one, none));
  CHECK(diff(e, a, nodes, fetched, 8) == expected(none, one));
}

TEST_CASE("diff: equal subtrees are not fetched") {
  std::mt19937 rng{13};
  const Tree before = random_tree(rng, 5000);
  Nodes nodes;
  const ObjectId a = build(before, nodes);
  std::size_t fetched = 0;
  CHECK(diff(a, a, nodes, fetched, 8).empty());
  CHECK(fetched == 0);
  for (std::size_t most : {1u, 8u, 64u}) {
    for (int i = 0; i < 20; ++i) {
      Tree after = before;
      edit(after, rng, 1);
      const ObjectId b = build(after, nodes);
      fetched = 0;
      diff(a, b, nodes, fetched, most);
      CHECK(fetched <= 40);  // of more than a thousand: two per level, neighbours where a cut moved
    }
  }
}

TEST_CASE("diff: a removed front costs its own nodes only") {
  std::mt19937 rng{14};
  const Tree before = random_tree(rng, 5000);
  Tree after = before;
  after.erase(after.begin(), std::next(after.begin(), 500));
  Nodes nodes;
  const ObjectId a = build(before, nodes), b = build(after, nodes);
  std::size_t fetched = 0;
  CHECK(diff(a, b, nodes, fetched, 16) == expected(before, after));
  CHECK(fetched <= 250);  // 500 entries are about 70 leaves; the catalogs have about 700 each
}

TEST_CASE("diff: below a folder") {
  std::mt19937 rng{15};
  const Tree before = random_tree(rng, 2000);
  Tree after = before;
  edit(after, rng, 300);
  Nodes nodes;
  const ObjectId a = build(before, nodes), b = build(after, nodes);
  std::size_t fetched = 0;
  for (const std::string f : {"a", "lib", "a-b"}) {
    CHECK(diff(a, b, nodes, fetched, 8, CatalogRange::below(f)) == expected(before, after, f));
  }
}

TEST_CASE("diff: a changed inode alone is no change") {
  Tree before, after;
  before["f"] = after["f"] = file("f");
  after["f"].inode++;
  after["f"].ctime_ns++;
  Nodes nodes;
  const ObjectId a = build(before, nodes), b = build(after, nodes);
  CHECK(a != b);
  std::size_t fetched = 0;
  CHECK(diff(a, b, nodes, fetched, 8).empty());
}
