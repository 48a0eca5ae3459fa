#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "agent/restore.hpp"
#include "archive/manifest.hpp"
#include "store/directory_store.hpp"
#include "unit/vault/temp_folder.hpp"
#include "unit/vault/vault_world.hpp"
#include "vectors_folder.hpp"

using namespace farkeep;
using namespace farkeep::test;
namespace fs = std::filesystem;

namespace {

std::string text(int i, int lines) {
  std::string out;
  for (int k = 0; k < lines; ++k) out += "file " + std::to_string(i) + " line " + std::to_string(k) + "\n";
  return out;
}
std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A vault without a line between.
class NearVault final : public VaultPort {
 public:
  explicit NearVault(Vault& vault) : vault_(vault) {}
  const VaultFacts& facts() const override { return facts_; }
  std::string server() const override { return "here"; }
  ServerId server_id() const override { return {}; }
  task<std::vector<bool>> have(std::vector<ObjectId> ids) override { co_return std::vector<bool>(ids.size()); }
  task<void> put(Buffer, std::function<void()>, Haste) override { co_return; }
  task<Commit> commit(Buffer) override { co_return Commit{}; }
  task<std::vector<RemoteSnapshot>> snapshots(std::uint64_t) override { co_return std::vector<RemoteSnapshot>{}; }
  task<std::vector<ObjectId>> get(std::vector<ObjectId> ids, Sink sink) override { return vault_.get(std::move(ids), std::move(sink)); }
  task<std::vector<ObjectId>> get_others(std::vector<ObjectId> ids, std::vector<Digest> not_these, Sink sink) override {
    auto others = co_await vault_.get_others(std::move(ids), std::move(not_these), std::move(sink));
    co_return std::move(others.missing);
  }
  task<void> report(Buffer) override { co_return; }
  task<void> add_slot(Buffer) override { co_return; }
  task<std::vector<Buffer>> slots() override { co_return std::vector<Buffer>{}; }

 private:
  Vault& vault_;
  VaultFacts facts_;
};

/// A copy of a store that an earlier program wrote (vectors/README.md), opened by this one.
struct Earlier {
  TempFolder folder;
  asio::io_context io;
  sim::SimTimers timers;
  InlineWorkers workers;
  SystemRandom random;
  AccountId account;
  AgentId agent;
  std::unique_ptr<DirectoryStore> store;
  std::unique_ptr<Vault> vault;
  FakeJudge judge;
  FakeReceipts receipts;
  std::vector<SnapshotRow> rows;

  explicit Earlier(const std::string& name) {
    fs::copy(std::string{kVectors} + "/" + name, folder.path(), fs::copy_options::recursive);
    auto const above = fs::directory_iterator(folder.path() + "/store/v")->path();
    account = *AccountId::from_hex(above.filename().string());
    agent = *AgentId::from_hex(fs::directory_iterator(above)->path().filename().string());
    judge.account = account;
    judge.agent = agent;
    open();
    rows = run(vault->snapshots(0, 10));
    REQUIRE(rows.size() == 2);
  }
  ~Earlier() { close(); }
  template <class T>
  T run(task<T> work) {
    return sim::run(io, timers, std::move(work));
  }
  void open() {
    store = run(DirectoryStore::open(system_disk(), workers, random, folder.path() + "/store"));
    vault = run(Vault::open(*store, system_disk(), folder.path() + "/cache", account, agent, workers, timers, VaultSettings{}));
  }
  void close() {
    run(vault->close());
    vault.reset();
    store.reset();
  }
  /// The second snapshot is what the programs of then backed up.
  void check_restore() {
    NearVault near{*vault};
    SecretKey const root = SecretKey::from(as_bytes(content(folder.path() + "/root.key"))).value();
    AgentKeys keys{AgentCredentials{account, agent, "", SigningKey::generate(random), {}}, KeyRing{root}, CutKey{KeyRing{root}.cut_key()}};
    NoReporter silent;
    Restore restore{near, keys, workers, silent};
    SnapshotInfo info;
    info.root = Manifest::parse(rows[1].manifest)->statement().root;
    RestoreOrder order;
    order.target = folder.path() + "/out";
    auto const result = run(restore.run(info, std::move(order)));
    CHECK(result.problems.empty());
    fs::path const out = folder.path() + "/out/tmp/store-source";
    CHECK(content(out / "f0") == text(100, 300));
    for (int i = 1; i < 8; ++i) CHECK(content(out / ("f" + std::to_string(i))) == text(i, 200));
    CHECK(content(out / "sub/more") == text(101, 2000));
    CHECK(content(out / "sub/empty").empty());
    CHECK(fs::exists(out / "sub/empty"));
    fs::remove_all(folder.path() + "/out");
  }
};

}  // namespace

TEST_CASE("store versions: what an earlier program wrote restores, though junk was put under its ids, and takes new snapshots") {
  for (const std::string name : {"store1", "store2"}) {
    INFO(name);
    Earlier e{name};
    e.check_restore();
    auto const last = Manifest::parse(e.rows[1].manifest)->statement();
    for (std::uint64_t sequence = 3; sequence < 5; ++sequence) {
      Buffer records = join({envelope(), chunk(sequence)});
      Made root{object(1000 + sequence), {object(sequence), last.root}};
      append(records, record(ObjectType::node, {root}));
      e.run(e.vault->put(std::move(records)));
      FakeManifest next;
      next.sequence = sequence;
      next.previous = sequence == 3 ? e.rows[1].digest : e.vault->head().digest;
      next.root = object(1000 + sequence);
      CHECK(e.run(e.vault->commit(next.bytes(), e.judge, e.receipts, false)).receipt);
      e.check_restore();
      e.close();
      if (sequence == 4) fs::remove_all(e.folder.path() + "/cache");
      e.open();
      e.check_restore();
    }
  }
}
