#include "vault/closure.hpp"

#include "unit/vault/vault_world.hpp"

using namespace farkeep;
using namespace farkeep::test;

namespace {

/// What a vault has stored, seen by a closure check of its own limits.
struct Graph {
  World w;
  ClosureLimits most;
  std::uint64_t bytes_read = 0, nodes = 0;

  Graph() {
    w.settings.segment_target = 1 << 20;
    w.open();
    w.put({envelope()});
  }
  Errc check(std::uint64_t root) {
    w.close();
    w.store = w.run(DirectoryStore::open(w.disk, w.workers, w.random, "/store"));
    IndexOwner const owner{w.store->id(), w.account, w.agent};
    Segments segments{*w.store, w.workers, VaultLayout{w.account, w.agent}};
    ChunkIndex index{w.disk, "/cache-of-the-check", owner, segments, w.workers};
    w.run(index.open());
    ServingCopies copies{index};
    CompleteNodes const complete;
    Closure closure{copies, segments, complete, nullptr, most};
    Errc const code = w.error_of(closure.check(object(root), envelope_id(session())));
    bytes_read = closure.bytes_read();
    nodes = closure.take_nodes().size();
    if (code == Errc{} && !closure.is_complete()) return Errc::missing_object;
    return code;
  }
};

std::vector<std::uint64_t> numbers(std::uint64_t first, std::size_t count) {
  std::vector<std::uint64_t> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = first + i;
  return out;
}

}  // namespace

TEST_CASE("closure: a catalog as deep as any may be is taken, one level more is refused") {
  for (std::size_t depth : {ClosureLimits{}.depth, ClosureLimits{}.depth + 1}) {
    Graph g;
    std::vector<Buffer> records;
    for (std::size_t i = 0; i < depth; ++i) records.push_back(node(100 + i, i + 1 < depth ? std::vector<std::uint64_t>{101 + i} : std::vector<std::uint64_t>{}));
    g.w.put(std::move(records));
    CHECK(g.check(100) == (depth == ClosureLimits{}.depth ? Errc{} : Errc::too_large));
  }
}

TEST_CASE("closure: a chain through one large record costs a few readings of it, not one for each node") {
  Graph g;
  constexpr std::uint64_t kNodes = 5000;
  std::vector<Made> chain;
  for (std::uint64_t i = 0; i < kNodes; ++i) chain.push_back(Made{object(1000 + i), {object(1001 + i)}});
  Buffer const one = record(ObjectType::node, chain, 300000);
  std::size_t const size = one.size();
  g.w.put({one, node(1000 + kNodes, {})});
  CHECK(g.check(1000) == Errc::too_large);
  CHECK(g.bytes_read <= (ClosureLimits{}.depth + 1) * (size + 100));
}

TEST_CASE("closure: a wide level is taken down in batches, each node once, and finds what is missing at its end") {
  Graph g;
  g.most.batch = 50;
  g.most.waiting = 1100;
  // 40 parents of 100 leaves each; records of ten parents, too long to be read together, and of a thousand leaves.
  std::vector<std::uint64_t> parents = numbers(10, 40);
  for (std::uint64_t r = 0; r < 4; ++r) {
    std::vector<Made> made, leaves;
    for (std::uint64_t p = 10 * r; p < 10 * r + 10; ++p) {
      Made parent{object(10 + p), {}};
      for (std::uint64_t leaf : numbers(1000 + 100 * p, 100)) {
        parent.refs.push_back(object(leaf));
        leaves.push_back(Made{object(leaf), {object(5)}});
      }
      made.push_back(std::move(parent));
    }
    g.w.put({record(ObjectType::node, made, 600000), record(ObjectType::node, leaves)});
  }
  g.w.put({node(1, parents)});
  CHECK(g.check(1) == Errc::missing_object);
  g.w.close();
  g.w.open();
  g.w.put({chunk(5)});
  CHECK(g.check(1) == Errc{});
  CHECK(g.nodes == 1 + 40 + 4000);
  g.most.batch = 100000;  // all of a level at once
  CHECK(g.check(1) == Errc::too_large);
}

TEST_CASE("closure: more nodes than may wait, and more records than a catalog has, are refused") {
  Graph g;
  std::vector<std::uint64_t> const leaves = numbers(1000, 300);
  std::vector<Buffer> records;
  for (std::uint64_t leaf : leaves) records.push_back(node(leaf, {}));
  g.w.put(std::move(records));
  g.w.put({node(1, leaves)});
  g.most.waiting = 299;
  CHECK(g.check(1) == Errc::too_large);
  g.most = ClosureLimits{};
  g.most.groups = 299;
  CHECK(g.check(1) == Errc::too_large);
  g.most = ClosureLimits{};
  CHECK(g.check(1) == Errc{});
}
