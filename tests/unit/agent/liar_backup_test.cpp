// Backups and lists beside a server that refuses or lies.
#include "archive/archive.pb.h"
#include "liar.hpp"

using namespace farkeep;
using namespace farkeep::test;

namespace {

struct LiedToWriter : Liars {
  LiedToWriter() {
    write("a", "first");
    backup();
    mirror();
    write("a", "second");
  }
  // What came of it; Errc{}: a snapshot.
  Errc attempt() {
    try {
      result = backup();
      return Errc{};
    } catch (const boost::system::system_error& e) {
      text = e.what();
      return classify(e.code());
    }
  }
  task<void> use(ServerTarget target, Work work) override {
    const std::size_t which = target.name == "primary" ? 0 : 1;
    if (refuses_open[which]) {
      ++asked[which];
      throw wire::Refusal(*refuses_open[which], "asking a liar for open", {});
    }
    co_await Liars::use(target, std::move(work));
  }
  std::optional<Errc> refuses_open[2];
  int asked[2] = {0, 0};
  std::string text;
  BackupResult result;
};

// A statement of format 1 that nobody signed.
Buffer made_up(const AgentKeys& keys, std::uint64_t number, Random& random) {
  archive::pb::Statement s;
  s.set_format(1);
  s.set_account(keys.account.raw());
  s.set_agent(keys.agent.raw());
  s.set_sequence(number);
  if (number > 1) s.set_previous(std::string(32, 'p'));
  s.set_root(std::string(32, 'r'));
  s.set_session(random.id<SessionId>().raw());
  s.set_nonce(std::string(24, 'n'));
  s.set_details(std::string(40, 'd'));
  archive::pb::SignedManifest m;
  m.set_statement(s.SerializeAsString());
  m.set_signature(std::string(64, 's'));
  m.add_signer_chain(to_string(keys.chain.front().der()));
  return to_buffer(as_bytes(m.SerializeAsString()));
}

}  // namespace

TEST_CASE("liar: whatever the primary refuses, the backup is made on the other server") {
  for (int code = 1; code <= static_cast<int>(Errc::io); ++code) {
    for (const bool opens : {false, true}) {
      INFO(code << ' ' << opens);
      LiedToWriter w;
      if (opens) w.liars[0].fails = [&](Liar::Asked, int) { throw wire::Refusal(static_cast<Errc>(code), "asking a liar", {}); };
      else w.refuses_open[0] = static_cast<Errc>(code);
      CHECK(w.attempt() == Errc{});
      CHECK(w.stores[1].head() == 2);
      CHECK(w.stores[0].head() == 1);
    }
  }
}

TEST_CASE("liar: answers that cannot be read send the backup to the other server") {
  for (const Errc code : {Errc::malformed, Errc::too_large, Errc::damaged, Errc::id_mismatch, Errc::protocol, Errc::identity}) {
    INFO(static_cast<int>(code));
    LiedToWriter w;
    w.liars[0].fails = [&](Liar::Asked, int) { throw failure(code, "reading what a liar sent"); };
    CHECK(w.attempt() == Errc{});
    CHECK(w.stores[1].head() == 2);
  }
}

TEST_CASE("liar: a server that says that it has everything and then lacks it is left for the other one") {
  LiedToWriter w;
  w.liars[0].has_all = true;
  CHECK(w.attempt() == Errc{});
  CHECK(w.stores[0].head() == 1);
  CHECK(w.stores[1].head() > 1);  // each attempt has used up a number
}

TEST_CASE("liar: when both refuse a backup the worst of it is the code, and none is asked for ever") {
  LiedToWriter w;
  w.refuses_open[0] = w.refuses_open[1] = Errc::quota;
  CHECK(w.attempt() == Errc::quota);
  CHECK(w.asked[0] == 1);
  CHECK(w.asked[1] == 1);
  w.refuses_open[1] = Errc::unauthorised;
  CHECK(w.attempt() == Errc::unauthorised);
  w.refuses_open[1].reset();
  w.down[1] = true;
  CHECK(w.attempt() == Errc::quota);
  w.refuses_open[0].reset();
  w.liars[0].has_all = true;
  w.down[1] = false;
  w.refuses_open[1] = Errc::busy;
  CHECK(w.attempt() == Errc::missing_object);
}

TEST_CASE("liar: a list of statements that nobody signed ends, where nothing is known that is bound") {
  LiedToWriter w;
  for (const char* name : {"head", "head.copy", "pins", "pins.copy", "given", "pending"}) fs::remove(w.base / "state" / name);
  std::uint64_t shown = 0;
  w.liars[0].snapshots = [&](std::uint64_t after, std::vector<RemoteSnapshot> rows) {
    rows.clear();
    for (std::uint64_t n = after + 1; n <= after + 256 && n < 20'000; ++n) rows.push_back(RemoteSnapshot{made_up(*w.keys, n, w.random), {}, {}});
    shown += rows.size();
    return rows;
  };
  FakeVault vault(w.stores[0], Machine::id_of(0));
  Liar liar(vault, w.liars[0]);
  SnapshotTrust trust{*w.keys, w.keys->chain.front(), ids_of(w.pair()), 0};
  Errc ended{};
  try {
    w.run(list_snapshots(liar, std::move(trust), w.workers));
  } catch (const failure& f) {
    ended = classify(f.code());
  }
  CHECK(ended == Errc::rollback);
  CHECK(shown <= kMostStrange + 256);
}
