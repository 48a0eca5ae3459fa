// One root follows another: who trusts whom, and whom not.
#include <catch2/catch.hpp>

#include "crypto/revocation.hpp"
#include "data_centre.hpp"

namespace farkeep::testing {
namespace {

Authority root_of(World& w, std::uint8_t seed) { return Authority::make_root(key(seed), kNow, w.random); }

// A server under this root, by an issuing authority of its own.
std::vector<Certificate> server_under(World& w, const Authority& root) {
  auto const issuing_key = SigningKey::generate(w.random), server_key = SigningKey::generate(w.random);
  auto const issuing = root.issue_authority(CertificateRequest::make(issuing_key), kServer, w.validity, w.random);
  Authority const by{issuing, SigningKey::from_pem(issuing_key.to_pem().text()).value()};
  return {by.issue_server(CertificateRequest::make(server_key), kServer, w.addresses, w.validity, w.random), issuing};
}

bool holds(const std::vector<Certificate>& chain, const TrustedRoots& roots) { return check_chain(chain[0], std::span{chain}.subspan(1), roots, kNow).has_value(); }

std::vector<std::pair<int, std::string>> root_extensions() {
  return {{NID_basic_constraints, "critical,CA:TRUE,pathlen:1"}, {NID_key_usage, "critical,keyCertSign,cRLSign"}, {NID_subject_alt_name, "URI:farkeep:ca"},
          {NID_subject_key_identifier, "hash"}, {NID_authority_key_identifier, "keyid:always"}};
}

}  // namespace

TEST_CASE("roots: along its link a root is trusted, and the one after that; without the link nobody is") {
  World w;
  auto const second = root_of(w, 21), third = root_of(w, 22);
  std::vector<Certificate> const links{second.issue_link(third.certificate(), w.random), w.root.issue_link(second.certificate(), w.random)};
  auto const chain = server_under(w, third);
  TrustedRoots roots{w.root.certificate()};
  CHECK_FALSE(holds(chain, roots));
  roots.follow({links.data(), 1}, {});  // from a root of which nothing is known
  CHECK(roots.all().size() == 1);
  roots.follow(links, {});
  CHECK(roots.all().size() == 3);
  CHECK(holds(chain, roots));
  CHECK(holds(server_under(w, second), roots));
  CHECK(holds(server_under(w, w.root), roots));
  // Shown behind a chain, links alone do nothing.
  auto shown = chain;
  shown.insert(shown.end(), links.begin(), links.end());
  CHECK_FALSE(holds(shown, w.root.certificate()));
}

TEST_CASE("roots: the chain's check says to which root it leads") {
  World w;
  auto const second = root_of(w, 21);
  TrustedRoots roots{w.root.certificate()};
  roots.follow(std::vector{w.root.issue_link(second.certificate(), w.random)}, {});
  auto const chain = server_under(w, second);
  auto const checked = checked_chain(chain[0], std::span{chain}.subspan(1), roots, kNow);
  REQUIRE(checked.has_value());
  REQUIRE(checked->above.size() == 2);
  CHECK(checked->above[0] == chain[1]);
  CHECK(checked->above[1].public_key().value() == second.key().public_key());
  roots.add(second.certificate());  // signed by itself: it takes the link's place
  CHECK(roots.all().size() == 2);
  CHECK(checked_chain(chain[0], std::span{chain}.subspan(1), roots, kNow)->above[1] == second.certificate());
}

TEST_CASE("roots: a link by an issuing key, a stranger, an agent or a revoked root leads nowhere") {
  World w;
  auto const second = root_of(w, 21), stranger = root_of(w, 31);
  auto const reached = [&](const Certificate& link, const Revocations& revoked) {
    TrustedRoots roots{w.root.certificate()};
    roots.follow(std::vector{link}, revoked);
    return roots.all().size() > 1;
  };
  CHECK(reached(w.root.issue_link(second.certificate(), w.random), {}));
  CHECK_FALSE(reached(stranger.issue_link(second.certificate(), w.random), {}));
  CHECK_FALSE(reached(forged("Farkeep root 1", second.key().native(), w.issuing.certificate(), w.issuing.key(), root_extensions()), {}));
  // It claims to be by the root, with the root's name as issuer.
  CHECK_FALSE(reached(forged("Farkeep root 1", second.key().native(), w.root.certificate(), w.issuing.key(), root_extensions()), {}));
  CHECK_FALSE(reached(forged("Farkeep root 1", second.key().native(), w.agent, key(4), root_extensions()), {}));
  // The root's own word for something else is no link: its issuing authorities, its servers.
  CHECK_FALSE(reached(w.issuing.certificate(), {}));
  CHECK_FALSE(reached(w.server, {}));
  Revocations revoked;
  revoked.add_key(w.root.key().public_key(), kNow);
  CHECK_FALSE(reached(w.root.issue_link(second.certificate(), w.random), revoked));
  CHECK_THROWS_AS(w.issuing.issue_link(second.certificate(), w.random), failure);
  CHECK_THROWS_AS(w.root.issue_link(w.issuing.certificate(), w.random), failure);
}

TEST_CASE("roots: a link ends with the root that made it, and a crowd of links is not looked through") {
  World w;
  auto const old_one = Authority::make_root(key(41), kNow - 15 * kYear, w.random);
  auto const second = root_of(w, 21);
  auto const link = old_one.issue_link(second.certificate(), w.random);
  CHECK(link.not_after() == old_one.certificate().not_after());
  CHECK(second.certificate().not_after() > link.not_after());
  TrustedRoots roots{w.root.certificate()};
  std::vector<Certificate> crowd;
  for (std::uint8_t i = 0; i < kMaxRoots; ++i) crowd.push_back(root_of(w, static_cast<std::uint8_t>(50 + i)).certificate());
  crowd.push_back(w.root.issue_link(second.certificate(), w.random));
  roots.follow(crowd, {});
  CHECK(roots.all().size() == 1);
  for (std::uint8_t i = 0; i < 2 * kMaxTrustedRoots; ++i) roots.add(root_of(w, static_cast<std::uint8_t>(60 + i)).certificate());
  CHECK(roots.all().size() == kMaxTrustedRoots);
}

TEST_CASE("roots: of PEM text, each once") {
  World w;
  auto const second = root_of(w, 21);
  CHECK(TrustedRoots::from_pem(w.root.certificate().pem())->all().size() == 1);
  CHECK(TrustedRoots::from_pem(w.root.certificate().pem() + second.certificate().pem())->all().size() == 2);
  CHECK_FALSE(TrustedRoots::from_pem(w.root.certificate().pem() + w.root.certificate().pem()).has_value());
  CHECK_FALSE(TrustedRoots::from_pem("").has_value());
}

TEST_CASE("roots: a revoked root vouches for no server; agents made before stay good, those made since are none") {
  World w;
  auto const above = [&](const Certificate& leaf) { return checked_chain(leaf, {&w.issuing.certificate(), 1}, w.root.certificate(), kNow)->above; };
  auto const server = CertificateName::of_server(kServer), agent = CertificateName::of_agent(kAccount, kAgent);
  Revocations later, earlier, other;
  later.add_key(w.root.key().public_key(), kNow + 24h);
  earlier.add_key(w.root.key().public_key(), kNow - 24h);
  other.add_key(key(21).public_key(), kNow - 24h);
  CHECK(later.objection(server, w.server, above(w.server)) != "");
  CHECK(later.objection(agent, w.agent, above(w.agent)) == "");
  CHECK(earlier.objection(agent, w.agent, above(w.agent)) != "");
  CHECK(other.objection(server, w.server, above(w.server)) == "");
  CHECK(later.has_key(w.root.key().public_key()));
  CHECK_FALSE(other.has_key(w.root.key().public_key()));
}

}  // namespace farkeep::testing
