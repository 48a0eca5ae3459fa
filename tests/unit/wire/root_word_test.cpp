#include "wire/root_word.hpp"

#include <catch2/catch.hpp>

#include "crypto/authority.hpp"
#include "wire/signed_document.hpp"

using namespace farkeep;
using namespace farkeep::wire;
using namespace std::chrono_literals;

namespace {

struct RootWorld {
  WallTime now = from_unix_seconds(1'790'000'000);
  SystemRandom random;
  Authority root = Authority::make_root(SigningKey::generate(random), now, random);
  Authority stranger = Authority::make_root(SigningKey::generate(random), now, random);
  ServerId east = random.id<ServerId>(), west = random.id<ServerId>();

  pb::RootWord word(std::uint64_t serial) {
    pb::RootWord w;
    w.set_serial(serial);
    w.add_pair()->set_primary(east.raw());
    return w;
  }
};

}  // namespace

TEST_CASE("root word: only the root's counts, and only what it may hold") {
  RootWorld w;
  CHECK(verify_root_word(sign_root_word(w.word(1), w.root.key()), w.root.certificate()).has_value());
  CHECK(verify_root_word(sign_root_word(w.word(1), w.stranger.key()), w.root.certificate()).error() == make_error_code(Errc::identity));
  CHECK(verify_root_word(sign_root_word(w.word(0), w.root.key()), w.root.certificate()).error() == make_error_code(Errc::malformed));
  auto many = w.word(1);
  for (int i = 0; i < kMaxRevoked + 1; ++i) many.add_revoked()->set_server_id(w.west.raw());
  CHECK_FALSE(verify_root_word(sign_root_word(many, w.root.key()), w.root.certificate()).has_value());
  auto odd = w.word(1);
  odd.add_revoked()->set_key("short");
  CHECK_FALSE(verify_root_word(sign_root_word(odd, w.root.key()), w.root.certificate()).has_value());
  auto changed = sign_root_word(w.word(1), w.root.key());
  changed.mutable_word()->back() = static_cast<char>(changed.word().back() ^ 1);
  CHECK_FALSE(verify_root_word(changed, w.root.certificate()).has_value());
}

TEST_CASE("root word: the serial never goes back") {
  RootWorld w;
  auto const first = newer_root_word("", sign_root_word(w.word(5), w.root.key()), w.root.certificate());
  REQUIRE_FALSE(first.empty());
  CHECK(newer_root_word(first, sign_root_word(w.word(4), w.root.key()), w.root.certificate()) == first);
  CHECK(newer_root_word(first, sign_root_word(w.word(6), w.stranger.key()), w.root.certificate()) == first);
  CHECK(newer_root_word(first, pb::SignedRootWord{}, w.root.certificate()) == first);
  auto const second = newer_root_word(first, sign_root_word(w.word(6), w.root.key()), w.root.certificate());
  CHECK(stored_root_word(second, w.root.certificate())->serial() == 6);
}

TEST_CASE("root word: a server's id, its key and its issuing key can be revoked; agents made before keep theirs") {
  RootWorld w;
  auto const request = [&](const SigningKey& key) { return CertificateRequest::make(key); };
  auto const issuing_key = SigningKey::generate(w.random), server_key = SigningKey::generate(w.random), agent_key = SigningKey::generate(w.random);
  Authority const issuing{w.root.issue_authority(request(issuing_key), w.east, Validity::starting(w.now, 24h * 1000), w.random), SigningKey::from_pem(issuing_key.to_pem().text()).value()};
  auto const server = issuing.issue_server(request(server_key), w.east, {}, Validity::starting(w.now, 24h * 300), w.random);
  auto const account = w.random.id<AccountId>();
  auto const id = w.random.id<AgentId>();
  auto const agent = issuing.issue_agent(request(agent_key), account, id, Validity::starting(w.now, 24h * 300), w.random);
  std::vector<Certificate> const between{issuing.certificate(), w.root.certificate()};
  auto const server_name = CertificateName::of_server(w.east), agent_name = CertificateName::of_agent(account, id);
  auto const with = [&](auto set, WallTime since) {
    auto word = w.word(1);
    auto* one = word.add_revoked();
    set(*one);
    one->set_since_ns(since.time_since_epoch().count());
    return verify_root_word(sign_root_word(word, w.root.key()), w.root.certificate()).value().revoked;
  };
  auto const later = w.now + 24h, earlier = w.now - 24h;
  auto const by_id = [&](pb::Revoked& r) { r.set_server_id(w.east.raw()); };
  auto const by_key = [&](pb::Revoked& r) { r.set_key(to_string(server_key.public_key().view())); };
  auto const by_issuing = [&](pb::Revoked& r) { r.set_key(to_string(issuing_key.public_key().view())); };
  auto const other = [&](pb::Revoked& r) { r.set_server_id(w.west.raw()); };
  CHECK(with(by_id, later).objection(server_name, server, between) != "");
  CHECK(with(by_key, later).objection(server_name, server, between) != "");
  CHECK(with(by_issuing, later).objection(server_name, server, between) != "");
  CHECK(with(other, later).objection(server_name, server, between) == "");
  CHECK(with(by_issuing, later).objection(agent_name, agent, between) == "");
  CHECK(with(by_issuing, earlier).objection(agent_name, agent, between) != "");
  CHECK(with(by_id, earlier).objection(agent_name, agent, between) != "");
  CHECK(with(by_key, earlier).objection(agent_name, agent, between) == "");
}

// ---- one root follows another

namespace {

// Roots one after the other, each with what its word names.
struct Succession : RootWorld {
  std::vector<Authority> roots;
  std::uint64_t serial = 10;

  Succession() { roots.push_back(std::move(root)); }
  const Authority& add() {
    roots.push_back(Authority::make_root(SigningKey::generate(random), now, random));
    return roots.back();
  }
  const Certificate& certificate(std::size_t i) const { return roots[i].certificate(); }
  pb::RootWord naming(std::size_t count) {
    auto out = word(++serial);
    for (std::size_t i = 0; i < count; ++i) {
      auto* one = out.add_root();
      one->set_certificate(to_string(certificate(i).der()));
      if (i > 0) one->set_link(to_string(roots[i - 1].issue_link(certificate(i), random).der()));
    }
    return out;
  }
  void retire(pb::RootWord& word, std::size_t i) {
    auto* one = word.add_revoked();
    one->set_key(to_string(roots[i].key().public_key().view()));
    one->set_since_ns(now.time_since_epoch().count());
  }
};

std::size_t roots_of(const std::string& stored, const TrustedRoots& pinned) { return trusted_roots(stored, pinned).all().size(); }

}  // namespace

TEST_CASE("root word: an agent that pins the first root and slept through all words follows the newest at once") {
  Succession w;
  w.add();
  w.add();
  auto newest = w.naming(3);
  w.retire(newest, 0);
  w.retire(newest, 1);
  auto const told = sign_root_word(newest, w.roots[2].key());
  for (std::size_t pin : {0, 1, 2}) {
    auto const kept = newer_root_word("", told, w.certificate(pin));
    REQUIRE_FALSE(kept.empty());
    auto const word = stored_root_word(kept, w.certificate(pin));
    REQUIRE(word.has_value());
    CHECK(word->roots.all().size() == 3);
    CHECK(*word->newest() == w.certificate(2));
    CHECK(word->links.size() == 2);
    for (std::size_t i : {0, 1, 2}) {
      auto const* known = word->roots.with_key(w.roots[i].key().public_key());
      REQUIRE(known != nullptr);
      CHECK(*known == w.certificate(i));
    }
  }
  CHECK(newer_root_word("", told, w.stranger.certificate()).empty());
  CHECK(roots_of("", w.certificate(0)) == 1);
  CHECK(roots_of("rot", w.certificate(0)) == 1);
}

TEST_CASE("root word: nobody but a root hands over to another one") {
  Succession w;
  w.add();
  auto const good = w.naming(2);
  CHECK(verify_root_word(sign_root_word(good, w.roots[1].key()), w.certificate(0)).has_value());
  CHECK(verify_root_word(sign_root_word(good, w.roots[0].key()), w.certificate(0)).has_value());
  // Who has a server's issuing key, or is the partner, and makes a root of his own.
  CHECK(verify_root_word(sign_root_word(good, w.stranger.key()), w.certificate(0)).error() == make_error_code(Errc::identity));
  auto forged = w.naming(1);
  auto* one = forged.add_root();
  one->set_certificate(to_string(w.stranger.certificate().der()));
  one->set_link(to_string(w.stranger.issue_link(w.stranger.certificate(), w.random).der()));
  CHECK(verify_root_word(sign_root_word(forged, w.stranger.key()), w.certificate(0)).error() == make_error_code(Errc::identity));
  // A good link to a root, and a word of somebody whom it does not name.
  auto const unnamed = w.naming(1);
  CHECK(verify_root_word(sign_root_word(unnamed, w.roots[1].key()), w.certificate(1)).error() == make_error_code(Errc::identity));
}

TEST_CASE("root word: what it says of roots is bounded, and whole") {
  Succession w;
  while (w.roots.size() < kMaxRoots + 1) w.add();
  auto const refused = [&](const pb::RootWord& word) { return verify_root_word(sign_root_word(word, w.roots[0].key()), w.certificate(0)).error() == make_error_code(Errc::malformed); };
  CHECK(verify_root_word(sign_root_word(w.naming(kMaxRoots), w.roots[0].key()), w.certificate(0)).has_value());
  CHECK(refused(w.naming(kMaxRoots + 1)));
  auto const with = [&](auto change) {
    auto word = w.naming(2);
    change(word);
    return word;
  };
  CHECK(refused(with([](pb::RootWord& x) { x.mutable_root(1)->clear_link(); })));
  CHECK(refused(with([](pb::RootWord& x) { x.mutable_root(0)->set_link(x.root(1).link()); })));
  CHECK(refused(with([](pb::RootWord& x) { x.mutable_root(1)->set_certificate(x.root(1).link()); })));       // not signed by itself
  CHECK(refused(with([](pb::RootWord& x) { x.mutable_root(1)->set_certificate(x.root(0).certificate()); })));  // twice
  CHECK(refused(with([&](pb::RootWord& x) { x.mutable_root(1)->set_certificate(to_string(w.stranger.certificate().der())); })));  // the link is to another key
  CHECK(refused(with([](pb::RootWord& x) { x.mutable_root(1)->set_link("rot"); })));
  CHECK(refused(with([](pb::RootWord& x) { x.mutable_root(0)->set_certificate(std::string(kMaxRootCertificate + 1, 'x')); })));
  auto const full = [&] {
    auto word = w.naming(kMaxRoots);
    while (word.pair_size() < kMaxRootPairs) *word.add_pair() = word.pair(0);
    while (word.revoked_size() < kMaxRevoked) w.retire(word, kMaxRoots);
    return word;
  }();
  CHECK(verify_root_word(sign_root_word(full, w.roots[0].key()), w.certificate(0)).has_value());
  CHECK(full.ByteSizeLong() < kMaxRootWord);
}

TEST_CASE("root word: no root is forgotten again, and one more counts whatever the serial") {
  Succession w;
  w.add();
  auto const kept = newer_root_word("", sign_root_word(w.naming(2), w.roots[1].key()), w.certificate(0));
  REQUIRE(roots_of(kept, w.certificate(0)) == 2);
  auto const shorter = w.word(1000);
  CHECK(newer_root_word(kept, sign_root_word(shorter, w.roots[0].key()), w.certificate(0)) == kept);
  CHECK(newer_root_word(kept, sign_root_word(w.naming(1), w.roots[0].key()), w.certificate(0)) == kept);
  auto lower = w.naming(2);
  lower.set_serial(1);
  CHECK(newer_root_word(kept, sign_root_word(lower, w.roots[1].key()), w.certificate(0)) == kept);
  // Two operators at once: one revoked something with the old key, the other rolled over.
  auto const fork = newer_root_word("", sign_root_word(shorter, w.roots[0].key()), w.certificate(0));
  CHECK(roots_of(newer_root_word(fork, sign_root_word(w.naming(2), w.roots[1].key()), w.certificate(0)), w.certificate(0)) == 2);
}

TEST_CASE("root word: a retired root says nothing any more to who heard of it, and leads nowhere") {
  Succession w;
  w.add();
  auto retired = w.naming(2);
  w.retire(retired, 0);
  for (std::size_t pin : {0, 1}) {
    auto const kept = newer_root_word("", sign_root_word(retired, w.roots[1].key()), w.certificate(pin));
    REQUIRE(roots_of(kept, w.certificate(pin)) == 2);
    auto again = w.naming(2);
    again.set_serial(2000);
    CHECK(newer_root_word(kept, sign_root_word(again, w.roots[0].key()), w.certificate(pin)) == kept);
    // Its thief links to a root of his own.
    auto* mine = again.add_root();
    mine->set_certificate(to_string(w.stranger.certificate().der()));
    mine->set_link(to_string(w.roots[0].issue_link(w.stranger.certificate(), w.random).der()));
    CHECK(newer_root_word(kept, sign_root_word(again, w.stranger.key()), w.certificate(pin)) == kept);
    CHECK(newer_root_word(kept, sign_root_word(again, w.roots[0].key()), w.certificate(pin)) == kept);
    CHECK(stored_root_word(kept, w.certificate(pin))->revoked.has_key(w.roots[0].key().public_key()));
  }
}

TEST_CASE("root word: receipts of before and after verify under the roots that it names, for old pins and new ones") {
  Succession w;
  w.add();
  auto word = w.naming(2);
  w.retire(word, 0);
  auto const kept = sign_root_word(word, w.roots[1].key()).SerializeAsString();
  for (std::size_t under : {0, 1}) {
    auto const issuing_key = SigningKey::generate(w.random), server_key = SigningKey::generate(w.random);
    auto const validity = Validity::starting(w.now, 24h * 300);
    Authority const issuing{w.roots[under].issue_authority(CertificateRequest::make(issuing_key), w.east, validity, w.random), SigningKey::from_pem(issuing_key.to_pem().text()).value()};
    std::vector<Certificate> const chain{issuing.issue_server(CertificateRequest::make(server_key), w.east, {}, validity, w.random), issuing.certificate()};
    pb::Receipt receipt;
    receipt.set_server_id(w.east.raw());
    receipt.set_time_ns(w.now.time_since_epoch().count());
    auto const made = sign_receipt(receipt, {server_key, chain});
    for (std::size_t pin : {0, 1}) {
      CHECK(verify_receipt(made, trusted_roots(kept, w.certificate(pin))).has_value());
      CHECK(verify_receipt(made, w.certificate(pin)).has_value() == (pin == under));
    }
    CHECK_FALSE(verify_receipt(made, trusted_roots(kept, w.stranger.certificate())).has_value());
  }
}
