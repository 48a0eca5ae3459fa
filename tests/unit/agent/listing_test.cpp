#include "agent/listing.hpp"

#include <algorithm>

#include "archive/path.hpp"
#include "base/shown_path.hpp"
#include "whole_machine.hpp"

using namespace farkeep;
using namespace farkeep::test;

namespace {

struct Listed : Machine {
  ObjectId root() { return value_or_throw(Manifest::parse(stores[0].snapshots.rbegin()->second.manifest), "test").statement().root; }
  bool list(Listing& listing, std::size_t which) {
    const auto work = [](Listed* m, Listing* l, FakeVault::Store* store) -> task<bool> {
      FakeVault vault(*store);
      Fetcher fetcher(vault, *m->keys, m->workers);
      co_await l->run(fetcher, m->root());
      co_return true;
    };
    return run(work(this, &listing, &stores[which]));
  }
};

}  // namespace

TEST_CASE("listing: what a server does not give is listed at the other one, and no more than was asked for") {
  Listed m;
  m.write("a/new\nline", "x");
  m.write("b", "y");
  m.backup();
  m.stores[1] = m.stores[0];
  m.stores[0].lose(m.root());
  std::vector<std::string> shown;
  const std::string wanted = (m.base / "source/a/new\nline").string();
  Listing listing(catalog_path(shown_path(wanted)), [&](const Entry& e) {
    shown.push_back("/" + e.path);
    return true;
  });
  CHECK_THROWS_AS(m.list(listing, 0), failure);
  CHECK_FALSE(listing.begun());
  m.list(listing, 1);
  CHECK(listing.found());
  CHECK(shown == std::vector<std::string>{wanted});
}

TEST_CASE("listing: what one server has shown is not shown again by the other one, and who has seen enough sees no more") {
  Listed m;
  fs::create_directories(m.base / "source");
  for (int i = 0; i < 3000; ++i) fs::create_symlink(std::string(3900, 'x'), m.base / "source" / ("l" + std::to_string(i)));  // more nodes than are asked for at once
  m.backup();
  m.stores[1] = m.stores[0];
  FakeVault::Store& store = m.stores[0];
  std::vector<ObjectId> leaves, inner{m.root()};
  while (!inner.empty()) {
    const ObjectId id = inner.back();
    inner.pop_back();
    std::vector<ObjectId> below;
    for (auto& ref : store.refs[id])
      if (store.nodes.contains(ref)) below.push_back(ref);
    if (below.empty()) leaves.push_back(id);
    inner.insert(inner.end(), below.rbegin(), below.rend());
  }
  REQUIRE(leaves.size() > 60);
  const auto record = store.where.at(leaves[leaves.size() * 2 / 3]);
  REQUIRE(record != store.where.at(m.root()));
  std::erase_if(store.where, [&](auto& row) { return row.second == record; });
  std::vector<std::string> shown;
  Listing listing("", [&](const Entry& e) {
    shown.push_back(e.path);
    return true;
  });
  CHECK_THROWS_AS(m.list(listing, 0), failure);
  CHECK(listing.begun());
  m.list(listing, 1);
  const std::string source = (m.base / "source").string();
  CHECK(shown.size() == 3000u + static_cast<std::size_t>(std::count(source.begin(), source.end(), '/')));
  CHECK(std::is_sorted(shown.begin(), shown.end(), [](auto& a, auto& b) { return compare_paths(a, b) < 0; }));

  std::size_t seen = 0;
  Listing some("", [&](const Entry&) { return ++seen < 10; });
  m.list(some, 1);
  CHECK(seen == 10);
}
