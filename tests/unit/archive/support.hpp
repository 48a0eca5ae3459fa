#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "archive/catalog_builder.hpp"
#include "archive/catalog_stream.hpp"
#include "archive/record_codec.hpp"
#include "base/hex.hpp"
#include "crypto/keyring.hpp"
#include "crypto/random.hpp"

namespace farkeep::testing {

/// Gives 00, 01, 02 …: what the vectors of tests/vectors/archive were made with.
class CountingRandom final : public Random {
 public:
  void fill(MutableByteView out) override {
    for (auto& b : out) b = next_++;
  }

 private:
  std::uint8_t next_ = 0;
};

template <std::size_t N>
std::array<std::uint8_t, N> counting(std::uint8_t first) {
  std::array<std::uint8_t, N> out;
  for (std::size_t i = 0; i < N; ++i) out[i] = static_cast<std::uint8_t>(first + i);
  return out;
}
inline SecretKey counting_key(std::uint8_t first) { return *SecretKey::from(counting<32>(first)); }

inline const AccountId kAccount{counting<16>(0x20)};
inline const AgentId kAgent{counting<16>(0x30)};
inline const SessionId kSession{counting<16>(0x60)};
inline SecretKey session_key() { return counting_key(0x40); }

/// One key ring for all tests: R = 00 … 1f.
inline const KeyRing& keys() {
  static const KeyRing ring{counting_key(0)};
  return ring;
}

inline ObjectId some_id(std::uint64_t n) {
  return keys().object_id(ObjectType::data, as_bytes("id " + std::to_string(n)));
}

inline Entry folder(std::string path) {
  Entry e;
  e.path = std::move(path);
  e.kind = EntryKind::folder;
  e.mode = 0755;
  e.mtime_ns = 1'700'000'000'000'000'000;
  return e;
}

/// A file of one chunk.
inline Entry file(std::string path, std::uint64_t version = 1) {
  Entry e;
  e.path = std::move(path);
  e.mode = 0644;
  e.uid = e.gid = 1000;
  e.user = e.group = "ann";
  e.size = 1000 + version;
  e.mtime_ns = 1'700'000'000'000'000'000 + static_cast<std::int64_t>(version * 1001);
  e.ctime_ns = e.mtime_ns + 5;
  e.inode = 77 + version;
  e.chunks = {{some_id(version), e.size}};
  return e;
}

/// Nodes by id, as a server keeps them.
struct Nodes {
  std::unordered_map<ObjectId, NodePlainOwned> by_id;
  std::size_t given = 0;

  NodeSink sink() {
    return [this](NodePlainOwned n) {
      ++given;
      by_id.insert_or_assign(n.id, std::move(n));
    };
  }
};

/// Entries by path, in catalog order.
struct PathOrder {
  bool operator()(const std::string& a, const std::string& b) const { return compare_paths(a, b) < 0; }
};
using Tree = std::map<std::string, Entry, PathOrder>;

constexpr std::size_t kSmallNodes = 8;  // entries a leaf and children a node: deep trees from few entries

inline ObjectId build(const Tree& tree, Nodes& nodes, std::size_t size = kSmallNodes) {
  CatalogBuilder b{keys(), nodes.sink(), size, size};
  for (const auto& [path, e] : tree) b.add(e);
  return b.finish();
}

/// Feeds a stream until it can go on; counts what it fetched.
template <class Stream>
void feed(Stream& stream, const Nodes& nodes, std::size_t& fetched, std::size_t most = 4) {
  const auto ids = stream.wanted(most);
  REQUIRE_FALSE(ids.empty());
  for (const ObjectId& id : ids) {
    const auto& n = nodes.by_id.at(id);
    ++fetched;
    REQUIRE(stream.give(id, n.message, n.refs));
  }
}

inline std::vector<Entry> read_all(const ObjectId& root, const Nodes& nodes, CatalogRange range, std::size_t& fetched,
                                   std::size_t most = 4) {
  CatalogStream stream{root, std::move(range)};
  std::vector<Entry> out;
  while (!stream.at_end()) {
    if (auto e = stream.next()) {
      out.push_back(std::move(*e));
    } else if (!stream.at_end()) {
      feed(stream, nodes, fetched, most);
    }
  }
  return out;
}
inline std::vector<Entry> read_all(const ObjectId& root, const Nodes& nodes,
                                   CatalogRange range = CatalogRange::whole()) {
  std::size_t fetched = 0;
  return read_all(root, nodes, std::move(range), fetched);
}

/// Paths that share prefixes, are no text, and lie on both sides of '/'.
inline std::string random_path(std::mt19937& rng) {
  static const std::vector<std::string> parts{"a",        "a-b",  "a.b",      "a b", "ab", "b",   "lib",
                                              "\xff\xfe", "\x01", "\xc3\xa4", "A",   "zz", "..x", "a\nb"};
  std::string path;
  for (auto depth = 1 + rng() % 4; depth > 0; --depth) {
    if (!path.empty()) path += '/';
    path += parts[rng() % parts.size()];
    if (rng() % 2 == 0) path += std::to_string(rng() % 30);
  }
  return path;
}

inline Tree random_tree(std::mt19937& rng, std::size_t n) {
  Tree tree;
  while (tree.size() < n) {
    const std::string path = random_path(rng);
    tree[path] = rng() % 5 == 0 ? folder(path) : file(path, rng() % 100000);
  }
  return tree;
}

}  // namespace farkeep::testing

template <class T>
struct Catch::StringMaker<farkeep::result<T>> {
  static std::string convert(const farkeep::result<T>& r) { return r ? "a value" : r.error().message(); }
};
template <>
struct Catch::StringMaker<farkeep::Entry> {
  static std::string convert(const farkeep::Entry& e) { return "entry " + e.path; }
};
template <>
struct Catch::StringMaker<farkeep::ObjectId> {
  static std::string convert(const farkeep::ObjectId& id) { return id.brief(); }
};
