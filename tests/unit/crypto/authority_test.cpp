#include "crypto/authority.hpp"

#include <catch2/catch.hpp>

#include "data_centre.hpp"

using namespace farkeep;
using namespace farkeep::testing;

TEST_CASE("request: proves its key, and its names are ignored") {
  World w;
  auto request = CertificateRequest::make(key(4));
  CHECK(CertificateRequest::from_der(request.der())->public_key() == key(4).public_key());
  CHECK(CertificateRequest::from_pem(request.pem())->der() == request.der());

  X509Owned<X509_REQ> greedy{X509_REQ_new()};
  X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(greedy.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("Farkeep root"), -1, -1, 0);
  auto signer = key(4);
  X509_REQ_set_pubkey(greedy.get(), signer.native());
  X509_EXTENSION* ca = X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints, "CA:TRUE");
  STACK_OF(X509_EXTENSION)* extensions = sk_X509_EXTENSION_new_null();
  sk_X509_EXTENSION_push(extensions, ca);
  X509_REQ_add_extensions(greedy.get(), extensions);
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  REQUIRE(X509_REQ_sign(greedy.get(), signer.native(), nullptr) > 0);
  unsigned char* raw = nullptr;
  int size = i2d_X509_REQ(greedy.get(), &raw);
  auto parsed = CertificateRequest::from_der({raw, static_cast<std::size_t>(size)});
  OPENSSL_free(raw);
  REQUIRE(parsed);
  auto issued = w.issuing.issue_agent(*parsed, kAccount, kAgent, w.validity, w.random);
  CHECK(w.check(issued).value() == CertificateName::of_agent(kAccount, kAgent));
  CHECK(issued.subject() == "CN=Farkeep agent " + kAgent.hex());
}

TEST_CASE("request: a changed byte, another key type and garbage are refused") {
  auto der = CertificateRequest::make(key(4)).der();
  int passed = 0, bad_signature = 0;
  for (auto& b : der) {
    b ^= 1;
    auto r = CertificateRequest::from_der(der);
    passed += r.has_value();
    bad_signature += !r && r.error() == Errc::identity;
    b ^= 1;
  }
  CHECK(passed == 0);
  CHECK(bad_signature > 64);
  CHECK(CertificateRequest::from_der({}).error() == Errc::malformed);
  der.push_back(0);
  CHECK(CertificateRequest::from_der(der).error() == Errc::malformed);
  CHECK(CertificateRequest::from_der(Buffer(10'000)).error() == Errc::too_large);
  CHECK(CertificateRequest::from_pem("-----BEGIN").error() == Errc::malformed);

  Owned<EVP_PKEY> ec{EVP_EC_gen("P-256")};
  X509Owned<X509_REQ> request{X509_REQ_new()};
  X509_REQ_set_pubkey(request.get(), ec.get());
  REQUIRE(X509_REQ_sign(request.get(), ec.get(), EVP_sha256()) > 0);
  unsigned char* raw = nullptr;
  int size = i2d_X509_REQ(request.get(), &raw);
  CHECK(CertificateRequest::from_der({raw, static_cast<std::size_t>(size)}).error() == Errc::malformed);
  OPENSSL_free(raw);
}

TEST_CASE("authority: comes back from storage, and only with its own key") {
  World w;
  auto pem = w.root.key().to_pem();
  Authority again{Certificate::from_pem(w.root.certificate().pem()).value(), SigningKey::from_pem(pem.text()).value()};
  auto agent = again.issue_agent(CertificateRequest::make(key(4)), kAccount, kAgent, w.validity, w.random);
  CHECK(w.check(agent));
  CHECK_THROWS_AS((Authority{w.root.certificate(), key(5)}), failure);
}

TEST_CASE("authority: an address that is none is refused, and cannot bring in another name") {
  World w;
  for (std::string wrong : {"", "localhost", "127.0.0", "127.0.0.1,URI:farkeep:ca", "::g"}) {
    const std::vector<std::string> addresses{wrong};
    CHECK_THROWS_AS(w.issuing.issue_server(CertificateRequest::make(key(3)), kServer, addresses, w.validity, w.random),
                    failure);
  }
}
