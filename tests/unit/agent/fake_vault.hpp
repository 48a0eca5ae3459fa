#pragma once

#include <algorithm>
#include <map>
#include <set>

#include "agent/vault_port.hpp"
#include "archive/manifest.hpp"
#include "archive/record.hpp"
#include "base/error.hpp"
#include "crypto/digest.hpp"
#include "wire/refusal.hpp"

namespace farkeep {

/// A vault in memory that keeps PROTOCOL.md's promises: closure at commit, envelopes first, every record once.
/// It can be told to lose objects, to lack them, and to break the connection after so many puts.
class FakeVault : public VaultPort {
 public:
  struct Store {  // outlives connections
    std::vector<std::shared_ptr<Buffer>> records;
    std::map<ObjectId, std::shared_ptr<Buffer>> where;
    std::map<ObjectId, std::vector<std::shared_ptr<Buffer>>> spares;  // further copies
    std::map<ObjectId, std::vector<ObjectId>> refs;
    std::set<ObjectId> nodes;
    std::map<std::uint64_t, RemoteSnapshot> snapshots;
    std::map<std::uint64_t, Digest> digests;
    std::vector<Buffer> slots, reports;
    std::uint64_t bytes = 0;

    void lose(const ObjectId& id) { where.erase(id); }
    /// What the other one has, too.
    void take_all_of(const Store& other) {
      where.insert(other.where.begin(), other.where.end());
      refs.insert(other.refs.begin(), other.refs.end());
      nodes.insert(other.nodes.begin(), other.nodes.end());
      snapshots.insert(other.snapshots.begin(), other.snapshots.end());
      digests.insert(other.digests.begin(), other.digests.end());
    }
    std::uint64_t head() const { return snapshots.empty() ? 0 : snapshots.rbegin()->first; }
  };

  explicit FakeVault(Store& store, ServerId id = {}) : store_(store), id_(id) {
    facts_.head = store.head();
    if (facts_.head) facts_.head_digest = store.digests[facts_.head];
    facts_.objects = store.where.size();
  }

  int puts_left = -1;  ///< the connection breaks when this many puts were served; -1: never
  std::optional<Errc> refuses_puts;  ///< its disk is full, or fails
  bool lose_ack_of_commit = false;
  std::size_t questions = 0, others_asked = 0, gets = 0;
  bool ignores_not_these = false;  ///< as servers before it did

  const VaultFacts& facts() const override { return facts_; }
  VaultFacts& lies() { return facts_; }  ///< what it says of its newest snapshot
  std::string server() const override { return "fake"; }
  ServerId server_id() const override { return id_; }

  task<std::vector<bool>> have(std::vector<ObjectId> ids) override {
    alive();
    std::vector<bool> out;
    for (auto& id : ids) out.push_back(store_.where.contains(id));
    questions += ids.size();
    co_return out;
  }

  task<void> put(Buffer records, std::function<void()> on_its_way, Haste) override {
    on_its_way();
    alive();
    if (refuses_puts) throw wire::Refusal(*refuses_puts, "asking a fake server", std::chrono::seconds{60});
    if (puts_left == 0) {
      broken_ = true;
      alive();
    }
    if (puts_left > 0) --puts_left;
    auto kept = std::make_shared<Buffer>(std::move(records));
    const auto views = value_or_throw(split_records(*kept), "fake vault");
    for (auto& v : views) {
      auto one = std::make_shared<Buffer>(to_buffer(v.bytes()));
      store_.bytes += one->size();
      v.for_each_object([&](const ObjectId& id, std::span<const ObjectId> refs) {
        store_.where[id] = one;
        if (v.type() == ObjectType::node) {
          store_.nodes.insert(id);
          store_.refs[id] = {refs.begin(), refs.end()};
        }
      });
    }
    co_return;
  }

  task<Commit> commit(Buffer manifest) override {
    alive();
    const Manifest m = value_or_throw(Manifest::parse(manifest), "fake vault");
    const std::uint64_t n = m.statement().sequence;
    if (store_.digests.contains(n) && store_.digests[n] != m.snapshot_id()) throw wire::Refusal(Errc::fork, "asking a fake server", {});
    if (n <= store_.head() && !store_.digests.contains(n)) throw wire::Refusal(Errc::rollback, "asking a fake server", {});
    Commit out;
    std::set<ObjectId> seen;
    std::vector<ObjectId> line{m.statement().root, envelope_id(m.statement().session)};
    while (!line.empty()) {
      const ObjectId id = line.back();
      line.pop_back();
      if (!seen.insert(id).second) continue;
      if (!store_.where.contains(id)) out.missing.push_back(id);
      else if (store_.nodes.contains(id)) line.insert(line.end(), store_.refs[id].begin(), store_.refs[id].end());
    }
    if (!out.missing.empty()) co_return out;
    out.receipt = to_buffer(as_bytes("receipt"));
    store_.digests[n] = m.snapshot_id();
    store_.snapshots[n] = RemoteSnapshot{manifest, out.receipt, {}};
    if (lose_ack_of_commit) {
      broken_ = true;
      alive();
    }
    co_return out;
  }

  task<std::vector<RemoteSnapshot>> snapshots(std::uint64_t after) override {
    alive();
    std::vector<RemoteSnapshot> out;
    for (auto it = store_.snapshots.upper_bound(after); it != store_.snapshots.end() && out.size() < 256; ++it) out.push_back(it->second);
    co_return out;
  }

  task<std::vector<ObjectId>> get(std::vector<ObjectId> ids, Sink sink) override {
    ++gets;
    alive();
    std::vector<ObjectId> missing;
    std::set<const Buffer*> sent;
    for (auto& id : ids) {
      const auto it = store_.where.find(id);
      if (it == store_.where.end()) {
        missing.push_back(id);
        continue;
      }
      if (!sent.insert(it->second.get()).second) continue;
      Buffer copy = *it->second;
      co_await sink(std::move(copy));
    }
    co_return missing;
  }

  task<std::vector<ObjectId>> get_others(std::vector<ObjectId> ids, std::vector<Digest> not_these, Sink sink) override {
    alive();
    ++others_asked;
    std::vector<ObjectId> missing;
    std::set<const Buffer*> sent;
    for (auto& id : ids) {
      std::vector<std::shared_ptr<Buffer>> copies{store_.where.at(id)};
      copies.insert(copies.end(), store_.spares[id].begin(), store_.spares[id].end());
      const auto good = std::find_if(copies.begin(), copies.end(), [&](auto& c) {
        return ignores_not_these || std::find(not_these.begin(), not_these.end(), sha256(*c)) == not_these.end();
      });
      if (good == copies.end()) {
        missing.push_back(id);
      } else if (sent.insert(good->get()).second) {
        Buffer copy = **good;
        co_await sink(std::move(copy));
      }
    }
    co_return missing;
  }

  task<void> report(Buffer report) override {
    store_.reports.push_back(std::move(report));
    co_return;
  }
  task<void> add_slot(Buffer slot) override {
    if (std::find(store_.slots.begin(), store_.slots.end(), slot) == store_.slots.end()) store_.slots.push_back(std::move(slot));
    co_return;
  }
  task<std::vector<Buffer>> slots() override { co_return store_.slots; }

 private:
  void alive() const {
    if (broken_) throw failure(Errc::disconnected, "fake connection");
  }

  Store& store_;
  const ServerId id_;
  VaultFacts facts_;
  bool broken_ = false;
};

}  // namespace farkeep
