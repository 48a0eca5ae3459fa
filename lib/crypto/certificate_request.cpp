#include "crypto/authority.hpp"
#include "crypto/x509.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMaxRequest = 8 * 1024;  // ours have about 180 bytes

Buffer to_der(X509_REQ* request) {
  unsigned char* raw = nullptr;
  int size = i2d_X509_REQ(request, &raw);
  if (size < 0) throw_openssl("encoding a certificate request");
  Buffer der(raw, raw + size);
  OPENSSL_free(raw);
  return der;
}

X509Owned<X509_REQ> parse(ByteView der) {
  const unsigned char* at = der.data();
  X509Owned<X509_REQ> request{d2i_X509_REQ(nullptr, &at, static_cast<long>(der.size()))};
  if (at != der.data() + der.size()) return nullptr;
  return request;
}

}  // namespace

CertificateRequest CertificateRequest::make(const SigningKey& key) {
  constexpr auto kDoing = "making a certificate request";
  X509Owned<X509_REQ> request{must_have(X509_REQ_new(), kDoing)};
  must(X509_REQ_set_version(request.get(), X509_REQ_VERSION_1), kDoing);
  must(X509_REQ_set_pubkey(request.get(), key.native()), kDoing);
  if (X509_REQ_sign(request.get(), key.native(), nullptr) <= 0) throw_openssl(kDoing);
  return {to_der(request.get()), key.public_key()};
}

result<CertificateRequest> CertificateRequest::from_der(ByteView der) {
  if (der.size() > kMaxRequest) return Errc::too_large;
  DrainErrors drain;
  auto request = parse(der);
  EVP_PKEY* key = request ? X509_REQ_get0_pubkey(request.get()) : nullptr;
  if (key == nullptr || EVP_PKEY_get_id(key) != EVP_PKEY_ED25519) return Errc::malformed;
  if (X509_REQ_verify(request.get(), key) != 1) return Errc::identity;
  VerifyKey raw;
  std::size_t size = raw.bytes.size();
  must(EVP_PKEY_get_raw_public_key(key, raw.bytes.data(), &size), "getting a request's public key");
  return CertificateRequest{der, raw};
}

result<CertificateRequest> CertificateRequest::from_pem(std::string_view pem) {
  if (pem.size() > 2 * kMaxRequest) return Errc::too_large;
  DrainErrors drain;
  auto bio = reading(as_bytes(pem));
  X509Owned<X509_REQ> request{PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr)};
  if (!request) return Errc::malformed;
  return from_der(to_der(request.get()));
}

std::string CertificateRequest::pem() const {
  auto request = parse(der_);
  auto bio = writing();
  must(PEM_write_bio_X509_REQ(bio.get(), request.get()), "writing a certificate request");
  return written(bio.get());
}

}  // namespace farkeep
