#pragma once

#include <catch2/catch.hpp>

#include "crypto/authority.hpp"
#include "crypto/x509.hpp"
#include "helpers.hpp"

namespace farkeep::testing {

using namespace std::chrono_literals;

inline const WallTime kNow = from_unix_seconds(1'800'000'000);  // 2027-01-15
inline constexpr auto kYear = std::chrono::seconds{std::chrono::days{365}};
inline const ServerId kServer{counting<16>(0x10)}, kOtherServer{counting<16>(0x11)};
inline const AccountId kAccount{counting<16>(0x20)};
inline const AgentId kAgent{counting<16>(0x30)};

inline SigningKey key(std::uint8_t seed) { return SigningKey::from_seed(counting_secret<32>(seed)); }

/// A data centre: root, one server's issuing authority, and what they sign.
struct World {
  SystemRandom random;
  Authority root = Authority::make_root(key(1), kNow, random);
  Validity validity = Validity::starting(kNow, kYear);
  Authority issuing{root.issue_authority(CertificateRequest::make(key(2)), kServer, validity, random), key(2)};
  std::vector<std::string> addresses{"127.0.0.2", "2001:db8::7"};
  Certificate server = issuing.issue_server(CertificateRequest::make(key(3)), kServer, addresses, validity, random);
  Certificate agent = issuing.issue_agent(CertificateRequest::make(key(4)), kAccount, kAgent, validity, random);

  result<CertificateName> check(const Certificate& leaf, WallTime at = kNow) {
    why.clear();
    return check_chain(leaf, {&issuing.certificate(), 1}, root.certificate(), at, &why);
  }
  std::string why;
};

/// What an honest authority would never sign: any extensions, any key, any signer.
inline Certificate forged(const std::string& subject, EVP_PKEY* subject_key, const Certificate& issuer,
                          const SigningKey& by, const std::vector<std::pair<int, std::string>>& extensions) {
  X509Owned<X509> x{X509_new()};
  X509_set_version(x.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x.get()), 7);
  ASN1_TIME_set(X509_getm_notBefore(x.get()), unix_seconds(kNow - 1h));
  ASN1_TIME_set(X509_getm_notAfter(x.get()), unix_seconds(kNow + 1h));
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(subject.c_str()), -1, -1, 0);
  X509_set_issuer_name(x.get(), X509_get_subject_name(issuer.native()));
  X509_set_pubkey(x.get(), subject_key);
  X509V3_CTX ctx;
  X509V3_set_ctx_nodb(&ctx);
  X509V3_set_ctx(&ctx, issuer.native(), x.get(), nullptr, nullptr, 0);
  for (const auto& [type, value] : extensions) {
    X509Owned<X509_EXTENSION> e{X509V3_EXT_conf_nid(nullptr, &ctx, type, value.c_str())};
    REQUIRE(e);
    X509_add_ext(x.get(), e.get(), -1);
  }
  REQUIRE(X509_sign(x.get(), by.native(), nullptr) > 0);
  return Certificate::from_native(x.get()).value();
}

inline std::vector<std::pair<int, std::string>> leaf_extensions(const std::string& names, const std::string& usage) {
  return {{NID_basic_constraints, "critical,CA:FALSE"},
          {NID_key_usage, "critical,digitalSignature"},
          {NID_ext_key_usage, usage},
          {NID_subject_alt_name, names},
          {NID_subject_key_identifier, "hash"},
          {NID_authority_key_identifier, "keyid:always"}};
}

inline const std::string kServerUri = "URI:" + CertificateName::of_server(kServer).uri();
inline const std::string kAgentUri = "URI:" + CertificateName::of_agent(kAccount, kAgent).uri();

}  // namespace farkeep::testing
