#pragma once

#include <sys/stat.h>

#include <functional>

#include "agent/snapshots.hpp"
#include "whole_machine.hpp"

namespace farkeep::test {

/// A server that answers as it is told: between the agent and a vault in memory.
class Liar final : public VaultPort {
 public:
  enum class Asked { have, put, commit, snapshots, get, get_others };
  struct Lies {
    std::function<void(Asked, int)> fails;  ///< may throw; which, and how many questions there were
    std::function<std::vector<RemoteSnapshot>(std::uint64_t after, std::vector<RemoteSnapshot>)> snapshots;
    bool has_all = false;          ///< `have`, whatever it is asked for; puts go nowhere
    bool withholds = false;        ///< sends nothing, and names nothing as missing
    bool any() const { return fails || snapshots || has_all || withholds; }
  };
  Liar(VaultPort& inner, const Lies& lies) : inner_(inner), lies_(lies) {}

  const VaultFacts& facts() const override { return inner_.facts(); }
  std::string server() const override { return inner_.server(); }
  ServerId server_id() const override { return inner_.server_id(); }
  task<std::vector<bool>> have(std::vector<ObjectId> ids) override {
    asked(Asked::have);
    std::vector<bool> all(ids.size(), true);
    if (!lies_.has_all) all = co_await inner_.have(std::move(ids));
    co_return all;
  }
  task<void> put(Buffer records, std::function<void()> on_its_way, Haste haste) override {
    asked(Asked::put);
    if (lies_.has_all) on_its_way();
    else co_await inner_.put(std::move(records), std::move(on_its_way), haste);
  }
  task<Commit> commit(Buffer manifest) override {
    asked(Asked::commit);
    return inner_.commit(std::move(manifest));
  }
  task<std::vector<RemoteSnapshot>> snapshots(std::uint64_t after) override {
    asked(Asked::snapshots);
    std::vector<RemoteSnapshot> rows = co_await inner_.snapshots(after);
    if (lies_.snapshots) rows = lies_.snapshots(after, std::move(rows));
    co_return rows;
  }
  task<std::vector<ObjectId>> get(std::vector<ObjectId> ids, Sink sink) override {
    asked(Asked::get);
    if (lies_.withholds) co_return std::vector<ObjectId>{};
    co_return co_await inner_.get(std::move(ids), std::move(sink));
  }
  task<std::vector<ObjectId>> get_others(std::vector<ObjectId> ids, std::vector<Digest> not_these, Sink sink) override {
    asked(Asked::get_others);
    return inner_.get_others(std::move(ids), std::move(not_these), std::move(sink));
  }
  task<void> report(Buffer report) override { return inner_.report(std::move(report)); }
  task<void> add_slot(Buffer slot) override { return inner_.add_slot(std::move(slot)); }
  task<std::vector<Buffer>> slots() override { return inner_.slots(); }

 private:
  void asked(Asked what) {
    if (lies_.fails) lies_.fails(what, ++questions_);
  }
  VaultPort& inner_;
  const Lies& lies_;
  int questions_ = 0;
};

/// A machine whose servers may lie.
struct Liars : Machine {
  Liar::Lies liars[2];

  task<void> use(ServerTarget target, Work work) override {
    const std::size_t which = target.name == "primary" ? 0 : 1;
    ++used[which];
    Work lying = [this, which, &work](VaultPort& vault) -> task<void> { return through(vault, which, work); };
    co_await Machine::use(target, std::move(lying));
  }
  int used[2] = {0, 0};

  void run_void(task<void> work) {
    auto done = [](task<void> w) -> task<int> {
      co_await std::move(w);
      co_return 0;
    };
    run(done(std::move(work)));
  }
  void mirror() {  // the alternate has what the primary has, and the other way round
    stores[0].take_all_of(stores[1]);
    stores[1].take_all_of(stores[0]);
  }
  // A manifest of this agent's name, not made with its root key.
  Buffer forged(std::uint64_t number) {
    SecretKey other;
    random.fill(other.mutable_view());
    Statement s{keys->account, keys->agent, number, Digest{}, ObjectId{}, SessionId{}, clock.wall(), {}};
    if (number > 1) s.previous.bytes.fill(7);
    return seal_manifest(s, SnapshotDetails{}, other, KeyRing(other), random, keys->signing, keys->chain);
  }

 private:
  task<void> through(VaultPort& vault, std::size_t which, const Work& work) {
    Liar liar(vault, liars[which]);
    co_await work(liar);
  }
};

}  // namespace farkeep::test
