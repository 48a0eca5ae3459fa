#include "transport/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/x509.h>

#include <vector>

#include "crypto/signature.hpp"

namespace farkeep {
namespace {

constexpr long kMaxShownChain = 64 * 1024;  // four of kMaxCertificate: root, issuing authority, leaf, one more; ours and three links: 3 KiB

[[noreturn]] void wrong(const std::string& what) { throw failure(Errc::configuration, what); }

void must(bool done, const char* doing) {
  if (!done) wrong(std::string{doing} + ": " + ssl_error_text());
}

TrustedRoots roots_of(const TlsCredentials& credentials) {
  auto roots = TrustedRoots::from_pem(credentials.authority_pem);
  if (!roots) wrong("reading the certificate of the data centres' authority");
  return std::move(*roots);
}

// Servers choose our protocol or none.
int select_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in, unsigned in_size,
                void*) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kAlpn, sizeof kAlpn, in, in_size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

int check_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// In place of OpenSSL's own chain building: the verdict is crypto's check_chain alone.
int verify(X509_STORE_CTX* store, void*) {
  const auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* check = static_cast<PeerCheck*>(SSL_get_ex_data(ssl, check_index()));
  int verdict = X509_V_ERR_UNSPECIFIED;
  try {  // nothing may be thrown through C
    if (check != nullptr) verdict = check->check(X509_STORE_CTX_get0_cert(store), X509_STORE_CTX_get0_untrusted(store));
  } catch (...) {
    verdict = X509_V_ERR_OUT_OF_MEM;
  }
  X509_STORE_CTX_set_error(store, verdict);
  return verdict == X509_V_OK ? 1 : 0;
}

void show(SSL_CTX* context, const TlsCredentials& credentials) {
  auto chain = certificates_from_pem(credentials.certificate_pem);
  if (!chain) wrong("reading our certificate");
  if (credentials.key_pem.empty()) wrong("reading our certificate's key, of which there is none");
  auto key = SigningKey::from_pem(credentials.key_pem.text());
  if (!key) wrong("reading our certificate's key");
  must(SSL_CTX_use_certificate(context, chain->front().native()) == 1, "using our certificate");
  for (std::size_t i = 1; i < chain->size(); ++i)
    must(SSL_CTX_add1_chain_cert(context, (*chain)[i].native()) == 1, "using our certificate's chain");
  must(SSL_CTX_use_PrivateKey(context, key->native()) == 1, "using the key, which is not our certificate's");
}

}  // namespace

TlsContext::Parts::Parts(const TlsCredentials& credentials, const Clock& c, AnotherTime servers)
    : clock(c), servers_by(std::move(servers)), roots(roots_of(credentials)), revoked(credentials.revoked), native(SSL_CTX_new(TLS_method())) {
  SSL_CTX* context = native.get();
  must(context != nullptr, "starting TLS");
  must(SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1, "choosing TLS 1.3");
  // Fastest first: 128 bits are ample under keys that live for one connection; what is stored has its own encryption.
  must(SSL_CTX_set_ciphersuites(context,
                                "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") == 1,
       "choosing ciphers");
  must(SSL_CTX_set_num_tickets(context, 0) == 1, "turning tickets off");
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_max_early_data(context, 0);
  SSL_CTX_set_max_cert_list(context, kMaxShownChain);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(context, &verify, nullptr);
  must(SSL_CTX_set_alpn_protos(context, kAlpn, sizeof kAlpn) == 0, "choosing the application protocol");
  SSL_CTX_set_alpn_select_cb(context, &select_alpn, nullptr);
  if (!credentials.certificate_pem.empty()) {
    show(context, credentials);
    has_certificate = true;
  }
}

int PeerCheck::check(const X509* leaf, const STACK_OF(X509) * shown) {
  auto certificate = leaf != nullptr ? Certificate::from_native(leaf) : result<Certificate>{Errc::malformed};
  if (!certificate) return refuse(X509_V_ERR_CERT_REJECTED, "its certificate cannot be read");
  std::vector<Certificate> between;
  for (int i = 0; i < sk_X509_num(shown); ++i) {
    auto one = Certificate::from_native(sk_X509_value(shown, i));
    if (!one) return refuse(X509_V_ERR_CERT_REJECTED, "its certificate chain cannot be read");
    if (*one != *certificate) between.push_back(std::move(*one));
  }

  const WallTime now = parts_->clock.wall();
  // It may be a server under a root that we have not heard of, and one that we trust leads to it.
  TrustedRoots roots = parts_->roots;
  roots.follow(between, parts_->revoked);
  std::string why;
  auto checked = checked_chain(*certificate, between, roots, now, &why);
  const auto then = !checked && parts_->servers_by ? parts_->servers_by() : std::nullopt;
  if (then) {
    auto server = checked_chain(*certificate, between, roots, *then, nullptr);
    if (server && server->name.role == CertificateName::Role::server) checked = std::move(server);
  }
  if (!checked) {
    const bool dates = now > certificate->not_after() || now < certificate->not_before();
    // Would it be right at its own time?
    const WallTime middle = certificate->not_before() + (certificate->not_after() - certificate->not_before()) / 2;
    const bool ours = check_chain(*certificate, between, roots, middle, nullptr).has_value();
    doubt_ = !ours ? untrusted_peer::Why::stranger : now < certificate->not_before() ? untrusted_peer::Why::too_early : untrusted_peer::Why::expired;
    // A client of ours whose dates do not fit gets in as nobody: TLS has no words for "not yet valid", the session has.
    if (!expected_ && ours && dates) {
      peer_ = PeerIdentity{};
      peer_.untimely = why;
      return X509_V_OK;
    }
    return refuse(dates ? X509_V_ERR_CERT_HAS_EXPIRED : X509_V_ERR_CERT_REJECTED, why);
  }
  const CertificateName* name = &checked->name;
  if (auto objection = parts_->revoked.objection(*name, *certificate, checked->above); !objection.empty())
    return refuse(X509_V_ERR_CERT_REVOKED, std::move(objection));
  if (expected_ && name->role != CertificateName::Role::server)
    return refuse(X509_V_ERR_CERT_REJECTED, "it shows an agent's certificate and is no server");

  if (name->role == CertificateName::Role::server) {
    peer_ = PeerIdentity::of_server(name->server.value());
  } else {
    peer_ = PeerIdentity::of_agent(name->account.value(), name->agent.value());
  }
  peer_.certificate = certificate->der();
  for (auto const& one : checked->above) peer_.above.push_back(one.der());
  if (const auto key = checked->above.back().public_key()) peer_.root_key = to_buffer(key->view());
  if (!expected_) return X509_V_OK;

  if (const auto* id = std::get_if<ServerId>(&*expected_)) {
    if (peer_.server == *id) return X509_V_OK;
    other_server_ = peer_.server;
    return refuse(X509_V_ERR_CERT_REJECTED, "it is server " + peer_.server.hex() + ", not server " + id->hex());
  }
  const std::string address = std::get<asio::ip::address>(*expected_).to_string();
  if (certificate->has_address(address)) return X509_V_OK;
  other_server_ = peer_.server;
  return refuse(X509_V_ERR_CERT_REJECTED,
                "it is server " + peer_.server.hex() + ", whose certificate does not name the address " + address);
}

int PeerCheck::refuse(int error, std::string why) {
  refusal_ = std::move(why);
  peer_ = PeerIdentity{};
  return error;
}

void PeerCheck::attach(SSL* ssl) { must(SSL_set_ex_data(ssl, check_index(), this) == 1, "starting TLS"); }

std::string ssl_error_text() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = ERR_reason_error_string(code);
  ERR_clear_error();
  return reason != nullptr ? reason : "no reason given";
}

}  // namespace farkeep
