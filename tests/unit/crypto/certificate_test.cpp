#include "crypto/certificate.hpp"

#include <catch2/catch.hpp>

#include "crypto/digest.hpp"
#include "data_centre.hpp"

using namespace farkeep;
using namespace farkeep::testing;

TEST_CASE("certificate name: every form comes back, and one name has one spelling") {
  for (const auto& name : {CertificateName::root(), CertificateName::authority_of(kServer),
                           CertificateName::of_server(kServer), CertificateName::of_agent(kAccount, kAgent)})
    CHECK(CertificateName::parse(name.uri()).value() == name);
  CHECK(CertificateName::of_agent(kAccount, kAgent).uri() ==
        "farkeep:agent:202122232425262728292a2b2c2d2e2f:303132333435363738393a3b3c3d3e3f");
  for (auto wrong :
       {"", "farkeep", "farkeep:", "farkeep:ca:", "farkeep:cab", "farkeep:server:", "farkeep:server:1234",
        "farkeep:agent:202122232425262728292a2b2c2d2e2f", "farkeep:agent::", "https://example.com",
        "farkeep:server:101112131415161718191A1B1C1D1E1F", "farkeep:server:101112131415161718191a1b1c1d1e1f "})
    CHECK(CertificateName::parse(wrong).error() == Errc::malformed);
}

TEST_CASE("certificate: a server's and an agent's are recognised through their authority") {
  World w;
  CHECK(w.check(w.server).value() == CertificateName::of_server(kServer));
  CHECK(w.check(w.agent).value() == CertificateName::of_agent(kAccount, kAgent));
  CHECK(w.why.empty());
  auto direct = w.root.issue_server(CertificateRequest::make(key(5)), kOtherServer, {}, w.validity, w.random);
  CHECK(check_chain(direct, {}, w.root.certificate(), kNow).value() == CertificateName::of_server(kOtherServer));
}

TEST_CASE("certificate: carries key, addresses and times as issued") {
  World w;
  CHECK(w.server.public_key().value() == key(3).public_key());
  CHECK(w.server.has_address("127.0.0.2"));
  CHECK(w.server.has_address("2001:0db8:0::0:7"));
  CHECK_FALSE(w.server.has_address("127.0.0.3"));
  CHECK_FALSE(w.server.has_address("localhost"));
  CHECK_FALSE(w.server.has_address(""));
  CHECK_FALSE(w.agent.has_address("127.0.0.2"));
  CHECK(w.server.not_before() == kNow - 1h);
  CHECK(w.server.not_after() == kNow + kYear);
  CHECK(w.root.certificate().not_after() == kNow + std::chrono::days{20 * 365 + 5});
  CHECK(w.server.fingerprint() == sha256(w.server.der()));
  CHECK(w.server.subject() == "CN=Farkeep server " + kServer.hex());
  CHECK(w.server.issuer() == w.issuing.certificate().subject());
}

TEST_CASE("certificate: serial numbers are random") {
  World w;
  auto again = w.issuing.issue_agent(CertificateRequest::make(key(4)), kAccount, kAgent, w.validity, w.random);
  CHECK(ASN1_INTEGER_cmp(X509_get0_serialNumber(again.native()), X509_get0_serialNumber(w.agent.native())) != 0);
}

TEST_CASE("certificate: nothing outlives its issuer") {
  World w;
  auto long_lived = w.issuing.issue_agent(CertificateRequest::make(key(4)), kAccount, kAgent,
                                          Validity::starting(kNow, 100 * kYear), w.random);
  CHECK(long_lived.not_after() == w.issuing.certificate().not_after());
}

TEST_CASE("certificate: DER and PEM come back, and nothing else is read") {
  World w;
  CHECK(Certificate::from_der(w.agent.der()).value() == w.agent);
  CHECK(Certificate::from_pem(w.agent.pem()).value() == w.agent);
  CHECK(Certificate::from_pem("comment\n" + w.agent.pem() + "comment\n").value() == w.agent);
  auto more = w.agent.der();
  more.push_back(0);
  CHECK(Certificate::from_der(more).error() == Errc::malformed);
  CHECK(Certificate::from_der(ByteView{w.agent.der()}.first(100)).error() == Errc::malformed);
  CHECK(Certificate::from_der({}).error() == Errc::malformed);
  CHECK(Certificate::from_der(Buffer(kMaxCertificate + 1)).error() == Errc::too_large);
  CHECK(Certificate::from_pem("").error() == Errc::malformed);
  CHECK(Certificate::from_pem(key(1).to_pem().text()).error() == Errc::malformed);
  CHECK(Certificate::from_pem(w.agent.pem() + w.server.pem()).error() == Errc::malformed);
}

TEST_CASE("certificate: a PEM chain keeps its order, and is bounded") {
  World w;
  const Certificate chain[] = {w.agent, w.issuing.certificate()};
  auto read = certificates_from_pem(to_pem(chain));
  REQUIRE(read);
  CHECK(std::equal(read->begin(), read->end(), std::begin(chain), std::end(chain)));
  std::string many;
  for (std::size_t i = 0; i <= kMaxCertificates; ++i) many += w.agent.pem();
  CHECK(certificates_from_pem(many).error() == Errc::too_large);
  CHECK(certificates_from_pem(std::string(1 << 20, 'A')).error() == Errc::too_large);
  CHECK(certificates_from_pem(w.agent.pem() + "-----BEGIN CERTIFICATE-----\nAAAA").error() == Errc::malformed);
}

TEST_CASE("openssl: refusals leave no error behind for the next caller") {
  World w;
  CHECK_FALSE(Certificate::from_der(Buffer(10)));
  CHECK_FALSE(Certificate::from_pem("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"));
  CHECK_FALSE(CertificateRequest::from_der(Buffer(10)));
  CHECK_FALSE(SigningKey::from_pem("nothing"));
  CHECK_FALSE(w.check(w.agent, kNow + 100 * kYear));
  CHECK_FALSE(w.agent.has_address("nonsense"));
  CHECK_FALSE(key(1).public_key().verify(as_bytes("x"), Buffer(64, 1)));
  CHECK(w.agent.name());
  CHECK(ERR_peek_error() == 0);
}
