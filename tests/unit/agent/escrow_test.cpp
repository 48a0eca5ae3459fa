// The organisation's key slot: put once, made up for when it could not be put, and opened by nobody else.
#include "agent/escrow.hpp"
#include "agent/key_slots.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include "fake_vault.hpp"
#include "platform/atomic_file.hpp"
#include "sim/sim_disk.hpp"
#include "sim/sim_timers.hpp"

using namespace farkeep;
using Catch::Contains;

namespace {

const std::string kFile = "/etc/escrow.pub";

struct EscrowNotes final : Reporter {
  void progress(const Progress&) override {}
  void problem(std::string_view, std::string_view) override {}
  void note(std::string_view text) override { said.emplace_back(text); }
  std::vector<std::string> said;
};

// Takes a slot, and is gone before it says so.
struct CutVault final : FakeVault {
  using FakeVault::FakeVault;
  task<void> add_slot(Buffer slot) override {
    co_await FakeVault::add_slot(std::move(slot));
    throw failure(Errc::disconnected, "adding a key slot");
  }
};

// A machine with a root key, and one server that is there or not.
struct EscrowMachine final : Servers {
  sim::SimTimers timers;
  sim::SimClock clock{timers};
  SystemRandom random;
  sim::SimDisk disk;
  AgentState state{disk, "/state"};
  ServerChoice choice{state, clock, random};
  EscrowNotes notes;
  FakeVault::Store store;
  EscrowPrivateKey organisation = EscrowPrivateKey::generate(random);
  bool down = false, cut = false;
  int sessions = 0;

  EscrowMachine() {
    state.set_root_key(random.secret<32>(), KeyOwner{});
    disk.make_folders("/etc");
    write_file_atomically(disk, kFile, as_bytes(organisation.public_key().to_pem()));
  }
  std::vector<ServerTarget> pair() const override { return {{ServerId{}, "primary", "192.0.2.1"}}; }
  task<void> use(ServerTarget target, Work work) override {
    if (down) throw failure(Errc::unreachable, "connecting to " + target.name);
    ++sessions;
    FakeVault whole(store);
    CutVault gone(store);
    co_await work(cut ? static_cast<VaultPort&>(gone) : whole);
  }

  void run(task<void> work) {
    asio::io_context io;
    std::exception_ptr error;
    asio::co_spawn(io, std::move(work), [&](std::exception_ptr e) { error = e; });
    io.run();
    if (error) std::rethrow_exception(error);
  }
  void keep(const std::string& file = kFile) { run(keep_escrow(EscrowParts{state, *this, choice, clock, random, notes}, file)); }
  std::string opened_with(const EscrowPrivateKey& key) {
    const OpenedSlots opened = open_with_escrow(store.slots, key);
    return opened.roots.empty() ? "" : hex(opened.roots.front().view());
  }
};

}  // namespace

TEST_CASE("escrow: the slot is put once, remembered, and opens with the organisation's key") {
  EscrowMachine m;
  m.keep();
  m.keep();
  CHECK(m.sessions == 1);
  REQUIRE(m.store.slots.size() == 1);
  CHECK(has_escrow_slot(m.state, m.organisation.public_key()));
  CHECK(m.opened_with(m.organisation) == hex(m.state.root_key().view()));
}

TEST_CASE("escrow: a server that is not there is no failure, and the next time makes up for it") {
  EscrowMachine m;
  m.down = true;
  m.keep();
  CHECK_FALSE(has_escrow_slot(m.state, m.organisation.public_key()));
  REQUIRE(m.notes.said.size() == 1);
  CHECK_THAT(m.notes.said[0], Contains("putting the escrow key slot") && Contains("tried again at the next run"));
  m.down = false;
  m.keep();
  CHECK(m.store.slots.size() == 1);
}

TEST_CASE("escrow: a slot whose answer was lost is not put twice") {
  EscrowMachine m;
  m.cut = true;
  m.keep();
  CHECK(m.store.slots.size() == 1);
  CHECK_FALSE(has_escrow_slot(m.state, m.organisation.public_key()));
  m.cut = false;
  m.keep();
  CHECK(m.sessions == 2);
  CHECK(m.store.slots.size() == 1);
  CHECK(has_escrow_slot(m.state, m.organisation.public_key()));
}

TEST_CASE("escrow: a slot that somebody else made for the organisation is not taken for this agent's own") {
  EscrowMachine m;
  const SecretKey other = m.random.secret<32>();
  m.store.slots.push_back(seal_escrow_slot(other, m.organisation.public_key(), m.random));
  SECTION("another agent's, or the server's") {}
  SECTION("which an earlier version took for it") {
    agent::pb::Escrow known;
    known.set_recipient(to_string(m.organisation.public_key().view()));
    known.set_put_ns(1);
    m.state.set_escrow(known);
  }
  m.keep();
  REQUIRE(m.store.slots.size() == 2);
  m.store.slots.erase(m.store.slots.begin());
  CHECK(m.opened_with(m.organisation) == hex(m.state.root_key().view()));
}

TEST_CASE("escrow: a slot for a root key that this machine has no longer is put anew") {
  EscrowMachine m;
  m.cut = GENERATE(true, false);
  m.keep();
  m.cut = false;
  m.state.set_root_key(m.random.secret<32>(), KeyOwner{});
  m.keep();
  REQUIRE(m.store.slots.size() == 2);
  m.store.slots.erase(m.store.slots.begin());
  CHECK(m.opened_with(m.organisation) == hex(m.state.root_key().view()));
}

TEST_CASE("escrow: another key of the organisation gets a slot of its own") {
  EscrowMachine m;
  m.keep();
  const auto next = EscrowPrivateKey::generate(m.random);
  write_file_atomically(m.disk, kFile, as_bytes(next.public_key().to_pem()));
  m.keep();
  CHECK(m.store.slots.size() == 2);
  CHECK(m.opened_with(next) == m.opened_with(m.organisation));
}

TEST_CASE("escrow: no key file configured asks nobody, a missing or wrong one is said and stops nothing") {
  EscrowMachine m;
  m.keep("");
  CHECK(m.notes.said.empty());
  m.keep("/etc/other.pub");
  write_file_atomically(m.disk, kFile, as_bytes("no key"));
  m.keep();
  REQUIRE(m.notes.said.size() == 2);
  CHECK_THAT(m.notes.said[0], Contains("/etc/other.pub") && Contains("no such file"));
  CHECK_THAT(m.notes.said[1], Contains("no X25519 public key"));
  CHECK(m.sessions == 0);
}

TEST_CASE("escrow: a stranger's key finds no slot, and one damaged slot does not hide a whole one") {
  EscrowMachine m;
  m.keep();
  const auto stranger = EscrowPrivateKey::generate(m.random);
  CHECK(m.opened_with(stranger).empty());
  CHECK_FALSE(open_with_escrow(m.store.slots, stranger).any);
  Buffer damaged = m.store.slots[0];
  damaged[100] ^= 1;
  m.store.slots.insert(m.store.slots.begin(), damaged);
  CHECK(m.opened_with(m.organisation) == hex(m.state.root_key().view()));
}
