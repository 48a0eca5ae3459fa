#include <catch2/catch.hpp>

#include "data_centre.hpp"

using namespace farkeep;
using namespace farkeep::testing;
using Role = CertificateName::Role;

TEST_CASE("chain: expired and not yet valid are told apart, at the second") {
  World w;
  CHECK(w.check(w.server, kNow + kYear - 1s));
  CHECK(w.check(w.server, kNow + kYear + 1s).error() == Errc::identity);
  CHECK(w.why.find("expired on 2028-01-15") != std::string::npos);
  CHECK(w.why.find("this machine's clock is ahead") != std::string::npos);
  CHECK(w.check(w.server, kNow - 1h));
  CHECK(w.check(w.server, kNow - 1h - 1s).error() == Errc::identity);
  CHECK(w.why.find("is not valid before 2027-01-15T07:00:00Z") != std::string::npos);
}

TEST_CASE("chain: an expired authority ends what it issued") {
  World w;
  auto short_lived =
      w.root.issue_authority(CertificateRequest::make(key(2)), kServer, Validity::starting(kNow, 60s), w.random);
  std::string why;
  CHECK_FALSE(check_chain(w.agent, {&short_lived, 1}, w.root.certificate(), kNow + 1h, &why));
  CHECK(why.find("authority") != std::string::npos);
  CHECK(why.find("expired") != std::string::npos);
}

TEST_CASE("chain: another authority's certificate is told as such, with its issuer's name") {
  World ours, theirs;
  theirs.root = Authority::make_root(key(9), kNow, theirs.random);
  theirs.issuing = Authority{
      theirs.root.issue_authority(CertificateRequest::make(key(10)), kServer, theirs.validity, theirs.random), key(10)};
  auto server =
      theirs.issuing.issue_server(CertificateRequest::make(key(3)), kServer, {}, theirs.validity, theirs.random);
  std::string why;
  std::vector<Certificate> all{theirs.issuing.certificate(), theirs.root.certificate()};
  CHECK(check_chain(server, all, ours.root.certificate(), kNow, &why).error() == Errc::identity);
  CHECK(why.find("another authority") != std::string::npos);
  CHECK(why.find(theirs.issuing.certificate().subject()) != std::string::npos);
  // Their authority is missing, or ours is shown in its place.
  CHECK_FALSE(check_chain(server, {}, ours.root.certificate(), kNow, &why));
  CHECK(why.find("another authority") != std::string::npos);
  CHECK(ours.check(server).error() == Errc::identity);
}

TEST_CASE("chain: an authority of the same name with another key does not pass") {
  World w;
  Authority impostor = Authority::make_root(key(9), kNow, w.random);
  auto fake = impostor.issue_authority(CertificateRequest::make(key(11)), kServer, w.validity, w.random);
  Authority issuing{fake, key(11)};
  auto agent = issuing.issue_agent(CertificateRequest::make(key(4)), kAccount, kAgent, w.validity, w.random);
  CHECK(w.check(agent).error() == Errc::identity);
  CHECK_FALSE(w.why.empty());
}

TEST_CASE("chain: the role must be the one that is wanted") {
  World w;
  std::string why;
  std::span<const Certificate> issuing{&w.issuing.certificate(), 1};
  auto& root = w.root.certificate();
  CHECK(check_chain_for(Role::server, w.server, issuing, root, kNow));
  CHECK(check_chain_for(Role::agent, w.agent, issuing, root, kNow));
  CHECK(check_chain_for(Role::server, w.agent, issuing, root, kNow, &why).error() == Errc::identity);
  CHECK(why == "the certificate is an agent's, but a server's is needed");
  CHECK(check_chain_for(Role::agent, w.server, issuing, root, kNow, &why).error() == Errc::identity);
  CHECK(why == "the certificate is a server's, but an agent's is needed");
}

TEST_CASE("chain: an authority's certificate is nobody's") {
  World w;
  CHECK(w.check(w.issuing.certificate()).error() == Errc::identity);
  CHECK(w.why.find("authority") != std::string::npos);
  CHECK(w.check(w.root.certificate()).error() == Errc::identity);
}

TEST_CASE("chain: a server's authority cannot vouch for another server") {
  World w;
  CHECK_THROWS_AS(w.issuing.issue_server(CertificateRequest::make(key(5)), kOtherServer, {}, w.validity, w.random),
                  failure);
  auto other =
      forged("x", key(5).native(), w.issuing.certificate(), w.issuing.key(),
             leaf_extensions("URI:" + CertificateName::of_server(kOtherServer).uri(), "serverAuth,clientAuth"));
  CHECK(w.check(other).error() == Errc::identity);
  CHECK(w.why.find("cannot vouch") != std::string::npos);
}

TEST_CASE("chain: an agent cannot sign anything") {
  World w;
  auto agent_key = key(4);
  auto by_agent =
      forged("x", key(5).native(), w.agent, agent_key, leaf_extensions(kServerUri, "serverAuth,clientAuth"));
  std::vector<Certificate> between{w.agent, w.issuing.certificate()};
  CHECK_FALSE(check_chain(by_agent, between, w.root.certificate(), kNow));
  CHECK_THROWS_AS((Authority{w.agent, key(4)}), failure);
}

TEST_CASE("chain: a server's authority cannot make another authority") {
  World w;
  CHECK_THROWS_AS(w.issuing.issue_authority(CertificateRequest::make(key(5)), kServer, w.validity, w.random), failure);
  auto deeper = forged("deeper", key(5).native(), w.issuing.certificate(), w.issuing.key(),
                       {{NID_basic_constraints, "critical,CA:TRUE"},
                        {NID_key_usage, "critical,keyCertSign"},
                        {NID_subject_alt_name, "URI:" + CertificateName::authority_of(kServer).uri()},
                        {NID_subject_key_identifier, "hash"},
                        {NID_authority_key_identifier, "keyid:always"}});
  auto leaf = forged("x", key(6).native(), deeper, key(5), leaf_extensions(kAgentUri, "clientAuth"));
  std::vector<Certificate> between{deeper, w.issuing.certificate()};
  std::string why;
  CHECK_FALSE(check_chain(leaf, between, w.root.certificate(), kNow, &why));
  CHECK_FALSE(why.empty());
}

TEST_CASE("chain: names and usages must be exactly those of the role") {
  World w;
  auto check = [&](const std::string& names, const std::string& usage) {
    return w.check(
        forged("x", key(4).native(), w.issuing.certificate(), w.issuing.key(), leaf_extensions(names, usage)));
  };
  REQUIRE(check(kAgentUri, "clientAuth"));
  REQUIRE(check(kServerUri + ",IP:127.0.0.2", "serverAuth,clientAuth"));
  CHECK_FALSE(check(kServerUri, "clientAuth"));
  CHECK(w.why.find("may be used so") != std::string::npos);
  CHECK_FALSE(check(kAgentUri, "serverAuth"));
  CHECK_FALSE(check(kAgentUri, "serverAuth,clientAuth"));
  CHECK_FALSE(check(kAgentUri + "," + kServerUri, "clientAuth"));
  CHECK(w.why.find("no Farkeep name") != std::string::npos);
  CHECK_FALSE(check(kAgentUri + ",DNS:example.com", "clientAuth"));
  CHECK_FALSE(check("DNS:example.com", "serverAuth,clientAuth"));
  CHECK_FALSE(check("URI:farkeep:ca", "clientAuth"));
  auto no_usage = leaf_extensions(kAgentUri, "clientAuth");
  no_usage.erase(no_usage.begin() + 2);
  CHECK_FALSE(w.check(forged("x", key(4).native(), w.issuing.certificate(), w.issuing.key(), no_usage)));
}

TEST_CASE("chain: another type of key does not pass, and can still be shown to a person") {
  World w;
  Owned<EVP_PKEY> ec{EVP_EC_gen("P-256")};
  REQUIRE(ec);
  auto certificate = forged("with\ncontrol \xc3\xa9", ec.get(), w.issuing.certificate(), w.issuing.key(),
                            leaf_extensions(kAgentUri, "clientAuth"));
  CHECK(certificate.public_key().error() == Errc::malformed);
  CHECK(w.check(certificate).error() == Errc::identity);
  CHECK(w.why.find("does not use Ed25519") != std::string::npos);
  CHECK(certificate.subject() == "CN=with\\0Acontrol \\C3\\A9");
}

TEST_CASE("chain: a changed byte of the certificate does not pass") {
  World w;
  auto der = w.agent.der();
  int passed = 0, parsed = 0;
  for (auto& b : der) {
    b ^= 1;
    if (auto c = Certificate::from_der(der)) {
      ++parsed;
      passed += w.check(*c).has_value();
    }
    b ^= 1;
  }
  CHECK(passed == 0);
  CHECK(parsed > 100);
}
