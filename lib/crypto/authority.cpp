#include "crypto/authority.hpp"

#include <algorithm>

#include "crypto/x509.hpp"

namespace farkeep {
namespace {

using Role = CertificateName::Role;
constexpr auto kIssuing = "issuing a certificate";
constexpr std::chrono::seconds kRootLasts = std::chrono::days{20 * 365 + 5};

/// What a certificate is to say.
struct Statement {
  CertificateName name;
  std::string common_name;  // for people only: nothing reads it
  std::span<const std::string> addresses;
  Validity validity;
};

void add_extension(X509* certificate, X509V3_CTX* ctx, int type, const std::string& value) {
  X509Owned<X509_EXTENSION> e{must_have(X509V3_EXT_conf_nid(nullptr, ctx, type, value.c_str()), kIssuing)};
  must(X509_add_ext(certificate, e.get(), -1), kIssuing);
}

void set_serial(X509* certificate, Random& random) {
  std::array<std::uint8_t, 16> bytes;
  random.fill(bytes);
  X509Owned<BIGNUM> number{must_have(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr), kIssuing)};
  X509Owned<ASN1_INTEGER> serial{must_have(BN_to_ASN1_INTEGER(number.get(), nullptr), kIssuing)};
  must(X509_set_serialNumber(certificate, serial.get()), kIssuing);
}

void set_validity(X509* certificate, const Validity& v) {
  must_have(ASN1_TIME_set(X509_getm_notBefore(certificate), static_cast<std::time_t>(unix_seconds(v.from))), kIssuing);
  must_have(ASN1_TIME_set(X509_getm_notAfter(certificate), static_cast<std::time_t>(unix_seconds(v.until))), kIssuing);
}

/// URI and IP names as X509V3_EXT_conf_nid reads them.  It gives commas a meaning, so only true addresses may go in.
std::string alternative_names(const Statement& s) {
  std::string out = "URI:" + s.name.uri();
  for (const auto& address : s.addresses) {
    DrainErrors drain;
    ASN1_OCTET_STRING* ip = a2i_IPADDRESS(address.c_str());
    if (ip == nullptr)
      throw failure(Errc::configuration, "issuing a certificate for \"" + address + "\", which is no IP address");
    ASN1_OCTET_STRING_free(ip);
    out += ",IP:" + address;
  }
  return out;
}

void add_extensions(X509* certificate, X509* issuer, const Statement& s) {
  X509V3_CTX ctx;
  X509V3_set_ctx_nodb(&ctx);
  X509V3_set_ctx(&ctx, issuer, certificate, nullptr, nullptr, 0);
  if (s.name.role == Role::ca) {
    add_extension(certificate, &ctx, NID_basic_constraints,
                  s.name.server ? "critical,CA:TRUE,pathlen:0" : "critical,CA:TRUE,pathlen:1");
    add_extension(certificate, &ctx, NID_key_usage, "critical,keyCertSign,cRLSign");
  } else {
    add_extension(certificate, &ctx, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(certificate, &ctx, NID_key_usage, "critical,digitalSignature");
    add_extension(certificate, &ctx, NID_ext_key_usage,
                  s.name.role == Role::server ? "serverAuth,clientAuth" : "clientAuth");
  }
  add_extension(certificate, &ctx, NID_subject_alt_name, alternative_names(s));
  // The issuer's key is found by its identifier: our names are alike, and keys are renewed.
  add_extension(certificate, &ctx, NID_subject_key_identifier, "hash");
  add_extension(certificate, &ctx, NID_authority_key_identifier, "keyid:always");
}

/// Signs what `s` says about `subject`.  Without an issuer the certificate signs itself.
Certificate sign(const Statement& s, const VerifyKey& subject, const Certificate* issuer, const SigningKey& by,
                 Random& random) {
  Owned<EVP_PKEY> key{must_have(
      EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, subject.bytes.data(), subject.bytes.size()), kIssuing)};
  X509Owned<X509> certificate{must_have(X509_new(), kIssuing)};
  X509* x = certificate.get();
  must(X509_set_version(x, X509_VERSION_3), kIssuing);
  set_serial(x, random);
  set_validity(x, s.validity);
  auto* text = reinterpret_cast<const unsigned char*>(s.common_name.c_str());
  must(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, text, -1, -1, 0), kIssuing);
  X509* signer = issuer != nullptr ? issuer->native() : x;
  must(X509_set_issuer_name(x, X509_get_subject_name(signer)), kIssuing);
  must(X509_set_pubkey(x, key.get()), kIssuing);
  add_extensions(x, signer, s);
  if (X509_sign(x, by.native(), nullptr) <= 0) throw_openssl(kIssuing);
  return value_or_throw(Certificate::from_native(x), kIssuing);
}

// Two roots must not have one name, or a message about the wrong one would say nothing.
std::string root_name(const VerifyKey& key) { return "Farkeep root " + hex(key.view().first(4)); }

Validity within(const Validity& wanted, const Certificate& issuer) {
  return {std::max(wanted.from, issuer.not_before()), std::min(wanted.until, issuer.not_after())};
}

}  // namespace

Validity Validity::starting(WallTime now, std::chrono::seconds lasts) {
  return {now - std::chrono::hours{1}, now + lasts};
}

Authority Authority::make_root(SigningKey key, WallTime now, Random& random, WallTime known_past) {
  auto public_key = key.public_key();
  auto validity = Validity::starting(now, kRootLasts);
  validity.from = std::min(validity.from, known_past);
  Statement s{CertificateName::root(), root_name(public_key), {}, validity};
  auto certificate = sign(s, public_key, nullptr, key, random);
  return {std::move(certificate), std::move(key)};
}

Authority::Authority(Certificate certificate, SigningKey key)
    : certificate_(std::move(certificate)), key_(std::move(key)) {
  name_ = value_or_throw(certificate_.name(), "reading the name of the authority's certificate");
  auto public_key = certificate_.public_key();
  if (name_.role != Role::ca || !public_key || *public_key != key_.public_key())
    throw failure(Errc::configuration,
                  "using \"" + certificate_.subject() + "\" as an authority with a key that is not its own");
}

Certificate Authority::issue_authority(const CertificateRequest& request, const ServerId& server,
                                       const Validity& validity, Random& random) const {
  if (name_.server)
    throw failure(Errc::usage, "issuing an authority's certificate by an authority that is not the root");
  Statement s{
      CertificateName::authority_of(server), "Farkeep authority " + server.hex(), {}, within(validity, certificate_)};
  return sign(s, request.public_key(), &certificate_, key_, random);
}

Certificate Authority::issue_link(const Certificate& successor, Random& random) const {
  if (name_.server || !successor.is_root()) throw failure(Errc::usage, "linking one root to another: one of the two is none");
  auto const key = value_or_throw(successor.public_key(), "reading the key of a root");
  Statement s{CertificateName::root(), root_name(key), {}, within({successor.not_before(), successor.not_after()}, certificate_)};
  return sign(s, key, &certificate_, key_, random);
}

Certificate Authority::issue_server(const CertificateRequest& request, const ServerId& server,
                                    std::span<const std::string> addresses, const Validity& validity,
                                    Random& random) const {
  if (name_.server && *name_.server != server)
    throw failure(Errc::usage,
                  "issuing a certificate for server " + server.brief() + " by the authority of another server");
  Statement s{CertificateName::of_server(server), "Farkeep server " + server.hex(), addresses,
              within(validity, certificate_)};
  return sign(s, request.public_key(), &certificate_, key_, random);
}

Certificate Authority::issue_agent(const CertificateRequest& request, const AccountId& account, const AgentId& agent,
                                   const Validity& validity, Random& random) const {
  Statement s{
      CertificateName::of_agent(account, agent), "Farkeep agent " + agent.hex(), {}, within(validity, certificate_)};
  return sign(s, request.public_key(), &certificate_, key_, random);
}

}  // namespace farkeep
