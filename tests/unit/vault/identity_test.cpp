#include "vault/identity.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "base/build_time.hpp"
#include "platform/atomic_file.hpp"
#include "sim/sim_disk.hpp"
#include "unit/vault/fake_clock.hpp"
#include "unit/vault/temp_folder.hpp"
#include "wire/root_word.hpp"

using namespace farkeep;
using namespace std::chrono_literals;

namespace {
std::vector<ServerAddress> at(const char* address) { return {*parse_address(address)}; }
}

TEST_CASE("identity: what was made is loaded again, and its chain ends in its root") {
  TempFolder folder;
  FakeClock clock;
  SystemRandom random;
  CHECK_FALSE(Identity::exists(system_disk(), folder.path()));
  auto const made = Identity::create_first(system_disk(), folder.path(), "one", at("127.0.0.2"), clock.wall(), random);
  auto const loaded = Identity::load(system_disk(), folder.path());
  CHECK(loaded.id() == made.id());
  CHECK(loaded.name() == "one");
  CHECK(loaded.addresses() == at("127.0.0.2"));
  CHECK(loaded.chain() == made.chain());
  CHECK(loaded.root_authority().has_value());
  auto const name = check_chain(loaded.chain()[0], std::span{loaded.chain()}.subspan(1), loaded.root(), clock.wall());
  REQUIRE(name.has_value());
  CHECK(*name->server == made.id());
  CHECK(loaded.chain()[0].has_address("127.0.0.2"));
  CHECK_THROWS_AS(Identity::create_first(system_disk(), folder.path(), "two", at("127.0.0.3"), clock.wall(), random), failure);
}

TEST_CASE("identity: a joined server stands under the same root and admits nobody") {
  TempFolder first_folder, second_folder;
  FakeClock clock;
  SystemRandom random;
  auto const first = Identity::create_first(system_disk(), first_folder.path(), "one", at("127.0.0.2"), clock.wall(), random);
  auto draft = Identity::draft(random);
  auto const id = draft.id;
  auto const issuing = first.root_authority()->issue_authority(CertificateRequest::make(draft.issuing_key), id, Validity::starting(clock.wall(), 24h * 1000), random);
  Identity::create_joined(system_disk(), second_folder.path(), std::move(draft), "two", at("127.0.0.3"), issuing, first.root(), clock.wall(), random);
  auto const loaded = Identity::load(system_disk(), second_folder.path());
  CHECK(loaded.id() == id);
  CHECK_FALSE(loaded.root_authority().has_value());
  CHECK(check_chain(loaded.chain()[0], std::span{loaded.chain()}.subspan(1), first.root(), clock.wall()).has_value());
}

TEST_CASE("identity: a certificate for another server's draft is refused and leaves nothing") {
  TempFolder first_folder, second_folder;
  FakeClock clock;
  SystemRandom random;
  auto const first = Identity::create_first(system_disk(), first_folder.path(), "one", at("127.0.0.2"), clock.wall(), random);
  auto draft = Identity::draft(random);
  auto const wrong = first.root_authority()->issue_authority(CertificateRequest::make(draft.issuing_key), random.id<ServerId>(), Validity::starting(clock.wall(), 24h), random);
  CHECK_THROWS_AS(Identity::create_joined(system_disk(), second_folder.path(), std::move(draft), "two", at("127.0.0.3"), wrong, first.root(), clock.wall(), random), failure);
  CHECK_FALSE(Identity::exists(system_disk(), second_folder.path()));
}

TEST_CASE("identity: the server's certificate is renewed in its second half, and stays the same key's") {
  TempFolder folder;
  FakeClock clock;
  SystemRandom random;
  auto identity = Identity::create_first(system_disk(), folder.path(), "one", at("127.0.0.2"), clock.wall(), random);
  clock.pass(24h * 180);
  CHECK_FALSE(identity.renew_if_due(system_disk(), folder.path(), clock.wall(), ClockGuard::Verdict::plausible, random));
  clock.pass(24h * 10);
  CHECK(identity.renew_if_due(system_disk(), folder.path(), clock.wall(), ClockGuard::Verdict::plausible, random));
  auto const loaded = Identity::load(system_disk(), folder.path());
  CHECK(loaded.chain()[0].not_after() > clock.wall() + 24h * 360);
  CHECK(loaded.chain()[0].public_key().value() == identity.key().public_key());
}

TEST_CASE("identity: what was made under a clock that was ahead is put aside when the clock is right again") {
  using Verdict = ClockGuard::Verdict;
  TempFolder folder;
  FakeClock clock;
  SystemRandom random;
  auto const good = Identity::create_first(system_disk(), folder.path(), "one", at("127.0.0.2"), clock.wall(), random).chain()[0];
  auto const now = clock.wall();
  for (auto const ahead : {24h * 300, 24h * 800, 24h * 2000, 24h * 5000}) {
    auto identity = Identity::load(system_disk(), folder.path());
    CHECK(identity.renew_if_due(system_disk(), folder.path(), now + ahead, Verdict::plausible, random));
  }
  auto identity = Identity::load(system_disk(), folder.path());
  CHECK(identity.chain()[0].not_before() > now);
  CHECK(identity.renewal(now, Verdict::behind) == Identity::Renewal::other);
  CHECK(identity.renew_if_due(system_disk(), folder.path(), now, Verdict::behind, random));
  CHECK(identity.chain()[0] == good);
  CHECK(Identity::load(system_disk(), folder.path()).chain()[0] == good);
  CHECK_FALSE(identity.renew_if_due(system_disk(), folder.path(), now, Verdict::plausible, random));
}

TEST_CASE("identity: a clock that nobody believes makes no certificate, and the one that there is stays") {
  using Verdict = ClockGuard::Verdict;
  TempFolder folder;
  FakeClock clock;
  SystemRandom random;
  auto identity = Identity::create_first(system_disk(), folder.path(), "one", at("127.0.0.2"), clock.wall(), random);
  auto const good = identity.chain()[0];
  for (auto const verdict : {Verdict::ahead, Verdict::disputed, Verdict::before_build}) {
    CHECK(identity.renewal(clock.wall() + 24h * 800, verdict) == Identity::Renewal::none);
    CHECK_FALSE(identity.renew_if_due(system_disk(), folder.path(), clock.wall() + 24h * 800, verdict, random));
  }
  CHECK(identity.chain()[0] == good);
}

TEST_CASE("identity: made by a clock that was years ahead, it gets a certificate that is valid when the clock is right") {
  using Verdict = ClockGuard::Verdict;
  TempFolder folder;
  SystemRandom random;
  auto const right = build_time() + 24h;
  Identity::create_first(system_disk(), folder.path(), "one", at("127.0.0.2"), right + 24h * 1000, random);
  auto identity = Identity::load(system_disk(), folder.path());
  CHECK(identity.renew_if_due(system_disk(), folder.path(), right, Verdict::behind, random));
  std::string why;
  CHECK(check_chain(identity.chain()[0], std::span{identity.chain()}.subspan(1), identity.root(), right, &why).has_value());
  CHECK(why == "");
}

TEST_CASE("identity: a new server key and a new issuing key stand under the same root, and what the old issuing key made stays good") {
  TempFolder folder;
  FakeClock clock;
  SystemRandom random;
  auto identity = Identity::create_first(system_disk(), folder.path(), "one", at("127.0.0.2"), clock.wall(), random);
  auto const agent_key = SigningKey::generate(random);
  std::vector<Certificate> const agent{
      identity.issuing().issue_agent(CertificateRequest::make(agent_key), random.id<AccountId>(), random.id<AgentId>(), Validity::starting(clock.wall(), 24h * 300), random),
      identity.issuing().certificate()};
  auto const old_key = identity.key().public_key(), old_issuing = identity.issuing().key().public_key();
  auto const state = Identity::state_on_disk(system_disk(), folder.path());
  identity.renew_server_key(system_disk(), folder.path(), clock.wall(), random);
  CHECK(Identity::state_on_disk(system_disk(), folder.path()) != state);
  identity.renew_issuing_key(system_disk(), folder.path(), clock.wall(), random);
  auto const loaded = Identity::load(system_disk(), folder.path());
  CHECK(loaded.key().public_key() != old_key);
  CHECK(loaded.issuing().key().public_key() != old_issuing);
  CHECK(loaded.chain()[0].public_key().value() == loaded.key().public_key());
  auto const name = check_chain(loaded.chain()[0], std::span{loaded.chain()}.subspan(1), loaded.root(), clock.wall());
  REQUIRE(name.has_value());
  CHECK(name->server == identity.id());
  CHECK(check_chain(agent[0], std::span{agent}.subspan(1), loaded.root(), clock.wall()).has_value());
}

TEST_CASE("identity: a renewal of a key that is cut off between any two of its writes leaves a server that starts") {
  FakeClock clock;
  SystemRandom random;
  for (bool const issuing : {false, true}) {
    for (int cut = 0; cut <= 3; ++cut) {
      TempFolder folder;
      auto identity = Identity::create_first(system_disk(), folder.path(), "one", at("127.0.0.2"), clock.wall(), random);
      auto const path = folder.path() + "/identity/", name = path + (issuing ? "issuing.key" : "server.key");
      auto const old_key = *read_file(system_disk(), name, 4096), old_server = *read_file(system_disk(), path + "server", 65536);
      if (issuing) identity.renew_issuing_key(system_disk(), folder.path(), clock.wall(), random);
      else identity.renew_server_key(system_disk(), folder.path(), clock.wall(), random);
      auto const new_key = *read_file(system_disk(), name, 4096);
      if (cut < 3) write_file_atomically(system_disk(), name, old_key);
      if (cut < 2) write_file_atomically(system_disk(), path + "server", old_server);
      if (cut > 0 && cut < 3) write_file_atomically(system_disk(), name + ".next", new_key);
      auto loaded = Identity::load(system_disk(), folder.path());
      CHECK(check_chain(loaded.chain()[0], std::span{loaded.chain()}.subspan(1), loaded.root(), clock.wall()).has_value());
      // And the next renewal gets to its end.
      if (issuing) loaded.renew_issuing_key(system_disk(), folder.path(), clock.wall(), random);
      else loaded.renew_server_key(system_disk(), folder.path(), clock.wall(), random);
      auto const again = Identity::load(system_disk(), folder.path());
      CHECK(again.key().public_key() == loaded.key().public_key());
      CHECK(again.issuing().key().public_key() == loaded.issuing().key().public_key());
    }
  }
}

TEST_CASE("identity: taking the root's key off the disk is cut off at every operation: the server starts, and the next call leaves nothing of the key") {
  FakeClock clock;
  SystemRandom random;
  std::mt19937 rng{3};
  std::uint64_t length = 0;
  auto const holds_key = [](sim::SimDisk& disk) {
    auto const files = disk.files();
    return std::count_if(files.begin(), files.end(), [&](const std::string& file) {
      return !file.ends_with("/server.key") && !file.ends_with("/issuing.key") && to_string(disk.content(file)).find("PRIVATE KEY") != std::string::npos;
    });
  };
  for (bool const power : {false, true}) {
    for (std::uint64_t n = 0; n == 0 || n <= length; ++n) {
      INFO("operation " << n << (power ? ", without power" : ", killed"));
      sim::SimDisk disk;
      Identity::create_first(disk, "/data", "one", at("127.0.0.2"), clock.wall(), random);
      REQUIRE(holds_key(disk) == 1);
      if (length == 0) {
        auto const before = disk.operations();
        Identity::remove_root(disk, "/data");
        length = disk.operations() - before;
        REQUIRE(holds_key(disk) == 0);
        continue;
      }
      if (power) disk.cut_power_after(n);
      else disk.kill_after(n);
      try {
        Identity::remove_root(disk, "/data");
      } catch (const failure&) {
      }
      if (power) disk.power_on(sim::Cut::tear_last, rng);
      else disk.heal();
      Identity::load(disk, "/data");
      Identity::remove_root(disk, "/data");
      CHECK_FALSE(Identity::load(disk, "/data").root_authority());
      CHECK(holds_key(disk) == 0);
    }
  }
  REQUIRE(length > 4);
}

TEST_CASE("identity: a root's key that was half written when its writer was killed goes with the key") {
  FakeClock clock;
  SystemRandom random;
  sim::SimDisk disk;
  auto const identity = Identity::create_first(disk, "/data", "one", at("127.0.0.2"), clock.wall(), random);
  auto const before = disk.operations();
  identity.save_root(disk, "/data");
  auto const length = disk.operations() - before;
  std::size_t left = 0;
  for (std::uint64_t n = 0; n < length; ++n) {
    disk.kill_after(n);
    try {
      identity.save_root(disk, "/data");
    } catch (const failure&) {
    }
    disk.heal();
    auto const files = disk.list("/data/identity");
    left += std::any_of(files.begin(), files.end(), [](const std::string& file) { return file.starts_with("root.key."); });
    Identity::remove_root(disk, "/data");
    auto const after = disk.list("/data/identity");
    CHECK(std::none_of(after.begin(), after.end(), [](const std::string& file) { return file.starts_with("root.key"); }));
  }
  CHECK(left > 0);
}

TEST_CASE("identity: whoever is cut off while it joins comes again as the same server, and a first server that was begun there leaves no root") {
  FakeClock clock;
  SystemRandom random;
  sim::SimDisk disk, inviting;
  auto const first = Identity::create_first(inviting, "/data", "one", at("127.0.0.2"), clock.wall(), random);
  disk.kill_after(8);
  CHECK_THROWS_AS(Identity::create_first(disk, "/data", "two", at("127.0.0.3"), clock.wall(), random), failure);
  disk.heal();
  REQUIRE(disk.exists("/data/identity/root.key"));
  CHECK_FALSE(Identity::has_draft(disk, "/data"));
  disk.kill_after(6);
  CHECK_THROWS_AS(Identity::kept_draft(disk, "/data", random), failure);
  disk.heal();
  auto const draft = Identity::kept_draft(disk, "/data", random);
  CHECK(Identity::has_draft(disk, "/data"));
  auto again = Identity::kept_draft(disk, "/data", random);
  CHECK(again.id == draft.id);
  CHECK(again.issuing_key.public_key() == draft.issuing_key.public_key());
  CHECK(again.server_key.public_key() == draft.server_key.public_key());
  auto const issuing = first.root_authority()->issue_authority(CertificateRequest::make(again.issuing_key), again.id, Identity::authority_validity(clock.wall()), random);
  Identity::create_joined(disk, "/data", std::move(again), "two", at("127.0.0.3"), issuing, first.root(), clock.wall(), random);
  CHECK_FALSE(Identity::has_draft(disk, "/data"));
  CHECK(Identity::load(disk, "/data").id() == draft.id);
  CHECK_THROWS_AS(Identity::kept_draft(disk, "/data", random), failure);
}

TEST_CASE("identity: without the root's key it serves on; another root's key is refused, its own is good for one act") {
  TempFolder folder, other_folder;
  FakeClock clock;
  SystemRandom random;
  auto const made = Identity::create_first(system_disk(), folder.path(), "one", at("127.0.0.2"), clock.wall(), random);
  auto const other = Identity::create_first(system_disk(), other_folder.path(), "two", at("127.0.0.3"), clock.wall(), random);
  auto const copy = [](const SigningKey& key) { return SigningKey::from_pem(key.to_pem().text()).value(); };
  Identity::remove_root(system_disk(), folder.path());
  auto identity = Identity::load(system_disk(), folder.path());
  CHECK_FALSE(identity.root_authority());
  CHECK_THROWS_AS(identity.renew_issuing_key(system_disk(), folder.path(), clock.wall(), random), failure);
  CHECK_THROWS_AS(identity.bring_root(copy(other.root_authority()->key())), failure);
  identity.bring_root(copy(made.root_authority()->key()));
  identity.renew_issuing_key(system_disk(), folder.path(), clock.wall(), random);
  CHECK_FALSE(Identity::load(system_disk(), folder.path()).root_authority());
  identity.save_root(system_disk(), folder.path());
  CHECK(Identity::load(system_disk(), folder.path()).root_authority());
}

TEST_CASE("identity: it goes over to a new root when its issuing key is renewed with it, and not before") {
  TempFolder folder;
  FakeClock clock;
  SystemRandom random;
  auto const copy = [](const SigningKey& key) { return SigningKey::from_pem(key.to_pem().text()).value(); };
  auto const ca = [&] { return to_string(*read_file(system_disk(), Identity::root_path(folder.path()), 4096)); };
  auto identity = Identity::create_first(system_disk(), folder.path(), "one", at("127.0.0.2"), clock.wall(), random);
  auto const old = identity.root();
  auto const agent_key = SigningKey::generate(random);
  std::vector<Certificate> const agent{
      identity.issuing().issue_agent(CertificateRequest::make(agent_key), random.id<AccountId>(), random.id<AgentId>(), Validity::starting(clock.wall(), 24h * 300), random),
      identity.issuing().certificate()};
  auto const next = Authority::make_root(SigningKey::generate(random), clock.wall(), random);
  wire::pb::RootWord word;
  word.set_serial(1);
  word.add_root()->set_certificate(to_string(old.der()));
  word.add_root()->set_certificate(to_string(next.certificate().der()));
  word.mutable_root(1)->set_link(to_string(identity.root_authority()->issue_link(next.certificate(), random).der()));
  auto const told = wire::sign_root_word(word, next.key()).SerializeAsString();

  CHECK(identity.acting_root() != nullptr);
  identity.hear(told);
  CHECK(identity.newest_root() == next.certificate());
  CHECK(identity.root() == old);
  CHECK(identity.links().size() == 1);
  CHECK(identity.acting_root() == nullptr);  // the key that is here is the old one's
  CHECK_THROWS_AS(identity.renew_issuing_key(system_disk(), folder.path(), clock.wall(), random), failure);
  CHECK(ca() == old.pem());
  identity.bring_root(copy(next.key()));
  CHECK(identity.acting_root() != nullptr);
  identity.renew_issuing_key(system_disk(), folder.path(), clock.wall(), random);
  CHECK(ca() == next.certificate().pem());

  auto loaded = Identity::load(system_disk(), folder.path());  // whose root.key is the old root's, and knows that one still
  CHECK(loaded.root() == next.certificate());
  CHECK(loaded.roots().all().size() == 2);
  CHECK(check_chain(loaded.chain()[0], std::span{loaded.chain()}.subspan(1), next.certificate(), clock.wall()).has_value());
  CHECK(check_chain(agent[0], std::span{agent}.subspan(1), loaded.roots(), clock.wall()).has_value());
  CHECK_FALSE(check_chain(agent[0], std::span{agent}.subspan(1), next.certificate(), clock.wall()).has_value());
  loaded.hear("rot");
  CHECK(loaded.newest_root() == next.certificate());
  CHECK(loaded.acting_root() == nullptr);
  loaded.hear(told);
  loaded.bring_root(copy(next.key()));
  loaded.save_root(system_disk(), folder.path());
  CHECK(Identity::load(system_disk(), folder.path()).acting_root() != nullptr);
  CHECK_THROWS_AS(loaded.bring_root(SigningKey::generate(random)), failure);
}

TEST_CASE("identity: a server that joins a pair between two roots stands under the one that admits it, and knows both") {
  TempFolder folder, joined_folder;
  FakeClock clock;
  SystemRandom random;
  auto const first = Identity::create_first(system_disk(), folder.path(), "one", at("127.0.0.2"), clock.wall(), random);
  auto const next = Authority::make_root(SigningKey::generate(random), clock.wall(), random);
  TrustedRoots roots{first.root()};
  roots.follow(std::vector{first.root_authority()->issue_link(next.certificate(), random)}, {});
  roots.add(next.certificate());
  auto draft = Identity::draft(random);
  auto const issuing = next.issue_authority(CertificateRequest::make(draft.issuing_key), draft.id, Identity::authority_validity(clock.wall()), random);
  auto const joined = Identity::create_joined(system_disk(), joined_folder.path(), std::move(draft), "two", at("127.0.0.3"), issuing, roots, clock.wall(), random);
  CHECK(joined.root() == next.certificate());
  auto const loaded = Identity::load(system_disk(), joined_folder.path());
  CHECK(loaded.root() == next.certificate());
  CHECK(loaded.roots().with_key(first.root().public_key().value()) != nullptr);
}
