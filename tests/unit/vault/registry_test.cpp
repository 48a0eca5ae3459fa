#include "vault/registry.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "crypto/digest.hpp"
#include "platform/atomic_file.hpp"
#include "unit/errc_of.hpp"
#include "unit/vault/fake_clock.hpp"
#include "unit/vault/temp_folder.hpp"
#include "vault/damage_watch.hpp"
#include "vault/failure_limit.hpp"

using namespace farkeep;
using farkeep::test::errc_of;
using namespace std::chrono_literals;

namespace {

struct RegistryWorld {
  TempFolder folder;
  FakeClock clock;
  SystemRandom random;
  Registry registry{system_disk(), clock, random, folder.path() + "/registry"};
  AccountId account = AccountId::from(registry.add_account("acme", 0).id()).value();

  Secret<32> token(std::uint32_t uses = 1, std::optional<AgentId> recover = {}) {
    Registry::TokenOrder order;
    order.account = account;
    order.uses = uses;
    order.valid = 24h;
    order.recover = recover;
    return registry.create_token(order);
  }
  Registry::Enrolment enrolment(const Secret<32>& token, char key, std::optional<AgentId> recover = {}) {
    Registry::Enrolment e;
    e.token = to_string(token.view());
    e.name = "host";
    e.key = std::string(32, key);
    e.recover = recover;
    return e;
  }
  AgentId enrol(const Secret<32>& token, char key, std::optional<AgentId> recover = {}) {
    return AgentId::from(registry.enrol(enrolment(token, key, recover)).id()).value();
  }
};

}  // namespace

TEST_CASE("registry: an account's name is unique and printable") {
  RegistryWorld w;
  CHECK(errc_of([&] { w.registry.add_account("acme", 0); }) == Errc::exists);
  CHECK(errc_of([&] { w.registry.add_account("", 0); }) == Errc::usage);
  CHECK(errc_of([&] { w.registry.add_account("a\nb", 0); }) == Errc::usage);
  CHECK(errc_of([&] { w.registry.add_account(std::string(65, 'x'), 0); }) == Errc::usage);
  CHECK(w.registry.accounts().size() == 1);
  CHECK(w.registry.account_named("acme")->id() == as_text(w.account.view()));
  CHECK_FALSE(w.registry.account_named("other"));
}

TEST_CASE("registry: a token makes exactly as many agents as it has uses") {
  RegistryWorld w;
  auto const token = w.token(2);
  auto const a = w.enrol(token, 'a');
  auto const b = w.enrol(token, 'b');
  CHECK(a != b);
  CHECK(errc_of([&] { w.enrol(token, 'c'); }) == Errc::bad_token);
  CHECK(w.registry.agents().size() == 2);
  CHECK(w.registry.agent(a)->account() == as_text(w.account.view()));
}

TEST_CASE("registry: the same key with the same token is the same agent, used up or not") {
  RegistryWorld w;
  auto const token = w.token(1);
  auto const a = w.enrol(token, 'a');
  CHECK(w.enrol(token, 'a') == a);
  CHECK(w.registry.agents().size() == 1);
}

TEST_CASE("registry: a wrong token, an expired one, an invitation and an empty one are refused") {
  RegistryWorld w;
  auto wrong = w.token();
  auto const good = wrong.copy();
  wrong.mutable_view()[31] ^= 1;
  CHECK(errc_of([&] { w.enrol(wrong, 'a'); }) == Errc::bad_token);
  auto e = w.enrolment(good, 'a');
  e.token.clear();
  CHECK(errc_of([&] { w.registry.enrol(e); }) == Errc::bad_token);
  CHECK(errc_of([&] { w.registry.accept_invitation(to_string(good.view()), w.random.id<ServerId>(), std::string(32, 'k')); }) == Errc::bad_token);
  Registry::TokenOrder invitation;
  invitation.purpose = vault::pb::Token::INVITE;
  invitation.valid = 1h;
  auto const invite = w.registry.create_token(invitation);
  CHECK(errc_of([&] { w.enrol(invite, 'a'); }) == Errc::bad_token);
  w.clock.pass(24h);
  CHECK(errc_of([&] { w.enrol(good, 'a'); }) == Errc{});  // to the last moment
  auto const late = w.token();
  w.clock.pass(24h + 1ns);
  CHECK(errc_of([&] { w.enrol(late, 'b'); }) == Errc::bad_token);
}

TEST_CASE("registry: an invitation admits one server, which may ask again") {
  RegistryWorld w;
  Registry::TokenOrder order;
  order.purpose = vault::pb::Token::INVITE;
  order.valid = 1h;
  auto const token = to_string(w.registry.create_token(order).view());
  auto const one = w.random.id<ServerId>(), other = w.random.id<ServerId>();
  auto const key = std::string(32, 'k'), another = std::string(32, 'a');
  w.registry.accept_invitation(token, one, key);
  w.registry.accept_invitation(token, one, key);
  CHECK(errc_of([&] { w.registry.accept_invitation(token, one, another); }) == Errc::bad_token);
  CHECK(errc_of([&] { w.registry.accept_invitation(token, other, key); }) == Errc::bad_token);
}

TEST_CASE("registry: recovery hands the same agent to a new key and retires the old") {
  RegistryWorld w;
  auto const id = w.enrol(w.token(), 'a');
  auto const token = w.token(5, id);
  CHECK(w.enrol(token, 'b', id) == id);
  auto const agent = w.registry.agent(id);
  REQUIRE(agent->key_size() == 1);
  CHECK(agent->key(0) == std::string(32, 'b'));
  REQUIRE(agent->retired_key_size() == 1);
  CHECK(agent->retired_key(0) == std::string(32, 'a'));
  CHECK(errc_of([&] { w.enrol(token, 'c', id); }) == Errc::bad_token);  // once, whatever was asked for
}

TEST_CASE("registry: a recovery lets no revoked agent in, unless its token was made to") {
  RegistryWorld w;
  auto const id = w.enrol(w.token(), 'a');
  auto const early = w.token(1, id);
  w.registry.set_revoked(id, true);
  CHECK(errc_of([&] { w.enrol(early, 'b', id); }) == Errc::unauthorised);  // made before: it says nothing about the revocation
  auto proved = w.enrolment(early, 'b', id);
  proved.token.clear();
  proved.recovery_proved = true;
  CHECK(errc_of([&] { w.registry.enrol(proved); }) == Errc::unauthorised);
  CHECK(errc_of([&] { w.token(1, id); }) == Errc::usage);
  CHECK(w.registry.agent(id)->revoked());
  CHECK(w.registry.agent(id)->key(0) == std::string(32, 'a'));

  Registry::TokenOrder order;
  order.account = w.account;
  order.valid = 24h;
  order.recover = id;
  order.admits = true;
  CHECK(w.enrol(w.registry.create_token(order), 'c', id) == id);
  CHECK_FALSE(w.registry.agent(id)->revoked());
  CHECK(w.registry.agent(id)->key(0) == std::string(32, 'c'));
}

TEST_CASE("registry: a key that a recovery replaced is never taken again") {
  RegistryWorld w;
  auto const first = w.token();
  auto const id = w.enrol(first, 'a');
  w.enrol(w.token(1, id), 'b', id);
  CHECK(errc_of([&] { w.enrol(w.token(1, id), 'a', id); }) == Errc::unauthorised);
  CHECK(errc_of([&] { w.enrol(first, 'a'); }) == Errc::unauthorised);  // with the token that it registered with, too
  auto proved = w.enrolment(first, 'a', id);
  proved.token.clear();
  proved.recovery_proved = true;
  CHECK(errc_of([&] { w.registry.enrol(proved); }) == Errc::unauthorised);
  CHECK(w.registry.agent(id)->key(0) == std::string(32, 'b'));
}

TEST_CASE("registry: a token for new agents recovers none, and one for a recovery makes none") {
  RegistryWorld w;
  auto const id = w.enrol(w.token(), 'a'), other = w.enrol(w.token(), 'b');
  CHECK(errc_of([&] { w.enrol(w.token(), 'c', id); }) == Errc::bad_token);
  CHECK(errc_of([&] { w.enrol(w.token(1, id), 'c'); }) == Errc::bad_token);
  CHECK(errc_of([&] { w.enrol(w.token(1, id), 'c', other); }) == Errc::bad_token);
  CHECK(w.registry.agent(id)->key(0) == std::string(32, 'a'));
}

TEST_CASE("registry: a token for another account's agent cannot be made") {
  RegistryWorld w;
  auto const id = w.enrol(w.token(), 'a');
  auto const second = AccountId::from(w.registry.add_account("second", 0).id()).value();
  Registry::TokenOrder order;
  order.account = second;
  order.valid = 1h;
  order.recover = id;
  CHECK(errc_of([&] { w.registry.create_token(order); }) == Errc::not_found);
  order.recover.reset();
  order.uses = 0;
  CHECK(errc_of([&] { w.registry.create_token(order); }) == Errc::usage);
}

TEST_CASE("registry: a crash between a token's use and its agent's file loses no agent") {
  RegistryWorld w;
  auto const token = w.token(3);
  auto const id = w.enrol(token, 'a');
  std::filesystem::remove(w.folder.path() + "/registry/agents/" + id.hex());  // as if the second write had not happened
  CHECK(w.enrol(token, 'a') == id);
  std::filesystem::remove(w.folder.path() + "/registry/agents/" + id.hex());
  CHECK(w.enrol(token, 'b') != id);
  CHECK(w.registry.agents().size() == 2);
}

TEST_CASE("registry: what another process changes is seen at once") {
  RegistryWorld w;
  Registry other{system_disk(), w.clock, w.random, w.folder.path() + "/registry"};
  auto const before = w.registry.generation();
  other.add_account("second", 5);
  CHECK(w.registry.generation() > before);
  CHECK(w.registry.account_named("second")->quota_bytes() == 5);
}

TEST_CASE("registry: the token is nowhere on the disk") {
  RegistryWorld w;
  auto const token = w.token();
  for (auto const& file : std::filesystem::recursive_directory_iterator(w.folder.path())) {
    if (!file.is_regular_file()) continue;
    auto const bytes = read_file(system_disk(), file.path().string(), 1 << 20);
    CHECK(as_text(*bytes).find(as_text(token.view())) == std::string_view::npos);
    CHECK(file.path().string().find(hex(token.view())) == std::string::npos);
  }
}

TEST_CASE("failure limit: the eleventh try of one token within a minute waits, other tokens and addresses do not") {
  FakeClock clock;
  FailureLimit limit{clock};
  std::string const bad(32, 'b'), good(32, 'g');
  for (int i = 0; i < 10; ++i) {
    CHECK(limit.wait("192.0.2.1", bad) == 0s);
    CHECK(limit.delay("192.0.2.1") == 0s);
    limit.note_failure("192.0.2.1", bad);
    clock.pass(1s);
  }
  CHECK(limit.wait("192.0.2.1", bad) == 50s);
  CHECK(limit.wait("192.0.2.1", good) == 0s);
  CHECK(limit.wait("192.0.2.2", bad) == 0s);
  CHECK(limit.delay("192.0.2.1") > 0s);
  CHECK(limit.delay("192.0.2.2") == 0s);
  clock.pass(50s);
  CHECK(limit.wait("192.0.2.1", bad) == 0s);
  CHECK(limit.delay("192.0.2.1") == 0s);
}

TEST_CASE("registry: what was found damaged is told to people once, and that it is whole again") {
  RegistryWorld w;
  auto const id = w.enrol(w.token(), 'a');
  auto const file = w.folder.path() + "/registry/agents/" + id.hex();
  auto const rot = [&](const std::string& path) {
    auto bytes = read_file(system_disk(), path, 100'000).value();
    bytes[bytes.size() / 2] ^= 1;
    write_file_atomically(system_disk(), path, bytes);
  };
  auto const whole = read_file(system_disk(), file, 100'000).value();
  DamageWatch watch;
  CHECK_FALSE(watch.see(w.registry.met_damaged()));
  rot(file);
  CHECK_THROWS_AS(w.registry.agent(id), failure);
  auto const told = watch.see(w.registry.met_damaged());
  REQUIRE(told);
  CHECK(told->to_people);
  CHECK(told->event == Notice::Event::failed);
  CHECK(told->text.find("agents/" + id.hex()) != std::string::npos);
  CHECK_THROWS_AS(w.registry.agent(id), failure);
  CHECK_FALSE(watch.see(w.registry.met_damaged()));

  // A server that begins anew has told it, and has met nothing yet.
  Registry again{system_disk(), w.clock, w.random, w.folder.path() + "/registry"};
  DamageWatch later;
  later.was_told(watch.told());
  again.meet_damaged(watch.told());
  CHECK_FALSE(later.see(again.met_damaged()));

  w.registry.set_root_word("a word");
  rot(w.folder.path() + "/registry/root-word");
  CHECK(w.registry.root_word() == "a word");  // from its copy
  auto const more = watch.see(w.registry.met_damaged());
  REQUIRE(more);
  CHECK(more->text.find("root-word") != std::string::npos);
  CHECK(more->text.find("agents/") == std::string::npos);
  w.registry.set_root_word("a word");
  CHECK_FALSE(watch.see(w.registry.met_damaged()));
  write_file_atomically(system_disk(), file, whole);
  w.registry.set_revoked(id, true);
  auto const well = watch.see(w.registry.met_damaged());
  REQUIRE(well);
  CHECK(well->event == Notice::Event::recovered);
  Registry whole_again{system_disk(), w.clock, w.random, w.folder.path() + "/registry"};
  whole_again.meet_damaged(later.told());
  auto const over = later.see(whole_again.met_damaged());
  REQUIRE(over);
  CHECK(over->event == Notice::Event::recovered);
}
