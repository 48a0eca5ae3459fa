#include "sim/promises.hpp"

#include <algorithm>

#include "archive/manifest.hpp"

namespace farkeep::sim {
namespace {

class Witness final : public VaultPort {
 public:
  Witness(VaultPort& vault, Promises& promises) : vault_(vault), promises_(promises) {}

  const VaultFacts& facts() const override { return vault_.facts(); }
  std::string server() const override { return vault_.server(); }
  ServerId server_id() const override { return vault_.server_id(); }
  task<std::vector<bool>> have(std::vector<ObjectId> ids) override { return vault_.have(std::move(ids)); }
  task<void> put(Buffer records, std::function<void()> on_its_way, Haste haste) override { return vault_.put(std::move(records), std::move(on_its_way), haste); }
  task<Commit> commit(Buffer manifest) override {
    Digest const id = promises_.made(manifest);
    Commit answer = co_await vault_.commit(std::move(manifest));
    if (answer.missing.empty()) promises_.acknowledged(id, server_id());
    co_return answer;
  }
  task<std::vector<RemoteSnapshot>> snapshots(std::uint64_t after) override { return vault_.snapshots(after); }
  task<std::vector<ObjectId>> get(std::vector<ObjectId> ids, Sink sink) override { return vault_.get(std::move(ids), std::move(sink)); }
  task<std::vector<ObjectId>> get_others(std::vector<ObjectId> ids, std::vector<Digest> not_these, Sink sink) override {
    return vault_.get_others(std::move(ids), std::move(not_these), std::move(sink));
  }
  task<void> report(Buffer report) override { return vault_.report(std::move(report)); }
  task<void> add_slot(Buffer slot) override { return vault_.add_slot(std::move(slot)); }
  task<std::vector<Buffer>> slots() override { return vault_.slots(); }

 private:
  VaultPort& vault_;
  Promises& promises_;
};

}  // namespace

Digest Promises::made(ByteView manifest) {
  auto const parsed = value_or_throw(Manifest::parse(manifest), "reading a manifest");
  auto const digest = parsed.snapshot_id();
  auto const sequence = parsed.statement().sequence;
  auto const [number, fresh] = numbers_.emplace(sequence, digest);
  if (number->second != digest) earth_.violate(fmt::format("number {} stands for two snapshots, {} and {}", sequence, number->second.brief(), digest.brief()));
  if (!fresh) return digest;
  snapshots_[digest] = Snapshot{sequence, versions_.size() - 1, {}};
  earth_.trace.add("snapshot {} is made, number {}, of tree {}", digest.brief(), sequence, versions_.size() - 1);
  return digest;
}

void Promises::acknowledged(const Digest& id, const ServerId& by) {
  snapshots_.at(id).acknowledged.insert(by);
  earth_.trace.add("snapshot {} is acknowledged by {}", id.brief(), by.brief());
}

std::size_t Promises::acknowledgements() const {
  return static_cast<std::size_t>(std::count_if(snapshots_.begin(), snapshots_.end(), [](auto const& one) { return !one.second.acknowledged.empty(); }));
}

task<void> WitnessedServers::use(ServerTarget target, Work work) {
  Work watched = [this, &work](VaultPort& vault) -> task<void> {
    Witness witness{vault, promises_};
    co_await work(witness);
  };
  co_await servers_.use(std::move(target), std::move(watched));
}

}  // namespace farkeep::sim
