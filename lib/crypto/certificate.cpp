#include "crypto/certificate.hpp"

#include <ctime>

#include "crypto/digest.hpp"
#include "crypto/x509.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMaxPem = kMaxCertificates * 2 * kMaxCertificate;  // base64, and the comments around it

/// RFC 2253 with control characters and everything beyond ASCII escaped.
std::string printable(const X509_NAME* name) {
  auto bio = writing();
  if (X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253) < 0) throw_openssl("printing a certificate's name");
  return written(bio.get());
}

WallTime wall_time(const ASN1_TIME* t) {
  namespace c = std::chrono;
  DrainErrors drain;
  std::tm tm{};
  if (ASN1_TIME_to_tm(t, &tm) != 1) return WallTime{};
  // Nanoseconds in 64 bits end in 2262; certificates may say 9999, "no end".
  if (tm.tm_year + 1900 > 2261) return WallTime::max();
  if (tm.tm_year + 1900 < 1678) return WallTime::min();
  c::sys_days day = c::year{tm.tm_year + 1900} / (tm.tm_mon + 1) / tm.tm_mday;
  return day + c::hours{tm.tm_hour} + c::minutes{tm.tm_min} + c::seconds{tm.tm_sec};
}

}  // namespace

result<Certificate> Certificate::from_der(ByteView der) {
  if (der.size() > kMaxCertificate) return Errc::too_large;
  DrainErrors drain;
  const unsigned char* at = der.data();
  std::shared_ptr<X509> x509{d2i_X509(nullptr, &at, static_cast<long>(der.size())), X509Free{}};
  if (!x509 || at != der.data() + der.size()) return Errc::malformed;
  return Certificate{std::move(x509), der};
}

// Shared, not parsed again: reading a key costs OpenSSL 3 more than anything else about a certificate.
result<Certificate> Certificate::from_native(const X509* certificate) {
  unsigned char* raw = nullptr;
  int size = i2d_X509(certificate, &raw);
  if (size < 0) throw_openssl("encoding a certificate");
  Buffer der(raw, raw + size);
  OPENSSL_free(raw);
  if (der.size() > kMaxCertificate) return Errc::too_large;
  auto* own = const_cast<X509*>(certificate);  // OpenSSL counts owners in it
  must(X509_up_ref(own), "keeping a certificate");
  return Certificate{std::shared_ptr<X509>{own, X509Free{}}, der};
}

result<Certificate> Certificate::from_pem(std::string_view pem) {
  auto all = certificates_from_pem(pem);
  if (!all) return all.error();
  if (all->size() != 1) return Errc::malformed;
  return std::move(all->front());
}

result<std::vector<Certificate>> certificates_from_pem(std::string_view pem) {
  if (pem.size() > kMaxPem) return Errc::too_large;
  DrainErrors drain;
  auto bio = reading(as_bytes(pem));
  std::vector<Certificate> out;
  for (;;) {
    char *name = nullptr, *header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
    if (PEM_read_bio(bio.get(), &name, &header, &data, &size) != 1) {
      // Nothing more to find, or a block that does not end or decode.
      if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE || out.empty()) return Errc::malformed;
      return out;
    }
    bool is_certificate = std::string_view{name} == PEM_STRING_X509;
    auto read = is_certificate ? Certificate::from_der({data, static_cast<std::size_t>(size)}) : Errc::malformed;
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, static_cast<std::size_t>(size));  // may have been somebody's private key
    if (!read) return read.error();
    if (out.size() == kMaxCertificates) return Errc::too_large;
    out.push_back(std::move(*read));
  }
}

std::string Certificate::pem() const {
  auto bio = writing();
  must(PEM_write_bio_X509(bio.get(), x509_.get()), "writing a certificate");
  return written(bio.get());
}

std::string to_pem(std::span<const Certificate> chain) {
  std::string out;
  for (const auto& c : chain) out += c.pem();
  return out;
}

Digest Certificate::fingerprint() const { return sha256(der_); }
std::string Certificate::subject() const { return printable(X509_get_subject_name(x509_.get())); }
std::string Certificate::issuer() const { return printable(X509_get_issuer_name(x509_.get())); }
WallTime Certificate::not_before() const { return wall_time(X509_get0_notBefore(x509_.get())); }
WallTime Certificate::not_after() const { return wall_time(X509_get0_notAfter(x509_.get())); }

result<CertificateName> Certificate::name() const {
  DrainErrors drain;
  X509Owned<GENERAL_NAMES> names{
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(x509_.get(), NID_subject_alt_name, nullptr, nullptr))};
  if (!names) return Errc::malformed;
  std::optional<CertificateName> found;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_IPADD) continue;
    if (name->type != GEN_URI || found) return Errc::malformed;
    const ASN1_IA5STRING* uri = name->d.uniformResourceIdentifier;
    // By length, not to the first zero byte.
    auto parsed = CertificateName::parse(
        {reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)), static_cast<std::size_t>(ASN1_STRING_length(uri))});
    if (!parsed) return parsed.error();
    found = *parsed;
  }
  if (!found) return Errc::malformed;
  return *found;
}

bool Certificate::has_address(const std::string& ip) const {
  DrainErrors drain;
  return X509_check_ip_asc(x509_.get(), ip.c_str(), 0) == 1;
}

result<VerifyKey> Certificate::public_key() const {
  DrainErrors drain;
  EVP_PKEY* key = X509_get0_pubkey(x509_.get());
  VerifyKey out;
  std::size_t size = out.bytes.size();
  if (key == nullptr || EVP_PKEY_get_id(key) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_public_key(key, out.bytes.data(), &size) != 1)
    return Errc::malformed;
  return out;
}

bool Certificate::is_root() const {
  auto const n = name();
  DrainErrors drain;
  return n && *n == CertificateName::root() && public_key() && X509_check_ca(x509_.get()) == 1;
}

bool Certificate::is_signed_by(const VerifyKey& key) const {
  DrainErrors drain;
  Owned<EVP_PKEY> const by{must_have(EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, key.bytes.data(), key.bytes.size()), "checking who signed a certificate")};
  return X509_verify(x509_.get(), by.get()) == 1;
}

}  // namespace farkeep
