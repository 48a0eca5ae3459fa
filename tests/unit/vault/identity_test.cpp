#include "vault/identity.hpp"

#include <catch2/catch.hpp>

#include "unit/vault/fake_clock.hpp"
#include "unit/vault/temp_folder.hpp"

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
  CHECK_FALSE(identity.renew_if_due(system_disk(), folder.path(), clock.wall(), random));
  clock.pass(24h * 10);
  CHECK(identity.renew_if_due(system_disk(), folder.path(), clock.wall(), random));
  auto const loaded = Identity::load(system_disk(), folder.path());
  CHECK(loaded.chain()[0].not_after() > clock.wall() + 24h * 360);
  CHECK(loaded.chain()[0].public_key().value() == identity.key().public_key());
}
