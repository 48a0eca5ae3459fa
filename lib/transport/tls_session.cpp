#include "transport/tls_session.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>

#include <algorithm>
#include <cstring>

#include "base/check.hpp"
#include "base/error.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kSmallInput = 20 * 1024;   // one full record and the beginning of the next
constexpr std::size_t kLargeInput = 256 * 1024;  // sixteen: a connection that fills the small one gets this
// Each renewed key costs as much as kilobytes of data, and one is due after 370 GB (RFC 8446 §5.5): nobody needs more of them.
constexpr std::uint64_t kMessages = 16;
constexpr std::uint64_t kDataPerMessage = 1024 * 1024;
constexpr int kAlertOffset = 1000;               // SSL_AD_REASON_OFFSET: reasons above it are the peer's alerts

// Alerts by which the other side says that it does not like our certificate (RFC 8446 §6.2).
bool is_about_identity(int alert) {
  switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case TLS13_AD_CERTIFICATE_REQUIRED:
      return true;
    default:
      return false;
  }
}

}  // namespace

TlsSession::TlsSession(std::shared_ptr<const TlsContext::Parts> parts, std::optional<ExpectedServer> expected)
    : check_(parts, expected), ssl_(SSL_new(parts->native.get())) {
  BIO* bio = ssl_ ? BIO_new(bio_method()) : nullptr;
  if (bio == nullptr) throw std::bad_alloc{};
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_msg_callback(ssl_.get(), &message_came);
  SSL_set_msg_callback_arg(ssl_.get(), this);
  check_.attach(ssl_.get());
  if (expected) {
    SSL_set_connect_state(ssl_.get());
  } else {
    SSL_set_accept_state(ssl_.get());
  }
}

TlsSession::Step TlsSession::handshake() {
  ERR_clear_error();
  const Step now = step(SSL_do_handshake(ssl_.get()));
  if (now != Step::done) return now;
  // A client that offers no protocol at all is not asked for one by OpenSSL.
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
  if (!equal(ByteView{protocol, size}, ByteView{kAlpn}.subspan(1))) {
    error_text_ = "it speaks TLS, but not our protocol in it";
    return Step::failed;
  }
  // Cannot happen while OpenSSL asks for our verdict; nothing may go on if it ever did not.
  FARKEEP_CHECK(SSL_is_server(ssl_.get()) == 1 || check_.peer().role == PeerIdentity::Role::server);
  open_ = true;
  return Step::done;
}

TlsSession::Step TlsSession::read(MutableByteView into, std::size_t& got) {
  got = 0;
  ERR_clear_error();
  // A call yields one record at most; as many as have arrived and fit are taken.
  while (got < into.size()) {
    std::size_t n = 0;
    const Step now = step(SSL_read_ex(ssl_.get(), into.data() + got, into.size() - got, &n));
    got += n;
    plain_ += n;
    if (now != Step::done || n == 0) return got > 0 ? Step::done : now;
  }
  return Step::done;
}

TlsSession::Step TlsSession::write(ByteView plain) {
  ERR_clear_error();
  while (!plain.empty()) {
    std::size_t n = 0;
    const Step now = step(SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &n));
    if (now != Step::done) return now;
    plain = plain.subspan(n);
  }
  return Step::done;
}

TlsSession::Step TlsSession::step(int outcome) {
  if (outcome == 1) return Step::done;
  switch (SSL_get_error(ssl_.get(), outcome)) {
    case SSL_ERROR_WANT_READ:
      return Step::wants_input;
    case SSL_ERROR_ZERO_RETURN:
      return Step::done;
    default:
      remember_error();
      return Step::failed;
  }
}

void TlsSession::remember_error() {
  if (!error_text_.empty()) return;
  if (!check_.refusal().empty()) {
    error_ = Errc::identity;
    error_text_ = check_.refusal();
    ERR_clear_error();
    return;
  }
  const int reason = ERR_GET_REASON(ERR_peek_last_error());
  const int alert = reason - kAlertOffset;
  if (alert > 0 && is_about_identity(alert)) {
    error_ = Errc::identity;
    error_text_ = std::string{"it refused our certificate: "} + SSL_alert_desc_string_long(alert);
  } else if (alert > 0) {
    error_text_ = std::string{"it ended TLS: "} + SSL_alert_desc_string_long(alert);
  } else if (reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_WRONG_SSL_VERSION) {
    error_text_ = "it does not speak TLS 1.3";
  } else {
    error_text_ = ssl_error_text();
  }
  ERR_clear_error();
}

void TlsSession::throw_failed(const std::string& doing) const {
  const std::string text = doing + ": " + error_text_;
  if (check_.other_server()) throw wrong_server(*check_.other_server(), text);
  if (check_.doubt()) throw untrusted_peer(*check_.doubt(), text);
  throw failure(error_, text);
}

bool TlsSession::inside_record() const noexcept {
  return input_begin_ != input_end_ || SSL_has_pending(ssl_.get()) == 1;
}

MutableByteView TlsSession::input_space() {
  if (input_begin_ == input_end_) {
    input_begin_ = input_end_ = 0;
    if (input_.empty()) input_.resize(kSmallInput);
    if (input_was_filled_ && input_.size() < kLargeInput) input_.resize(kLargeInput);
  }
  FARKEEP_CHECK(input_end_ < input_.size());
  return MutableByteView{input_}.subspan(input_end_);
}

void TlsSession::input_came(std::size_t size) {
  input_end_ += size;
  FARKEEP_CHECK(input_end_ <= input_.size());
  input_was_filled_ = input_end_ == input_.size();
}

void TlsSession::take_output(Buffer& to) {
  to.clear();
  std::swap(to, output_);
}

// ---- our buffers as OpenSSL sees them

void TlsSession::message_came(int sent, int, int type, const void*, std::size_t, SSL*, void* self) {
  auto* session = static_cast<TlsSession*>(self);
  if (sent == 0 && type == SSL3_RT_HANDSHAKE && session->open_) ++session->messages_;
}

// Fails in the middle of what has arrived: ten thousand of such messages may be there.
int TlsSession::bio_read(BIO* bio, char* to, std::size_t size, std::size_t* done) {
  auto* self = static_cast<TlsSession*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (self->messages_ > kMessages + self->plain_ / kDataPerMessage) {
    if (self->error_text_.empty()) self->error_text_ = "it renews its keys, and sends next to nothing under them";
    *done = 0;
    return -1;
  }
  const std::size_t n = std::min(size, self->input_end_ - self->input_begin_);
  if (n == 0) {
    BIO_set_retry_read(bio);
    *done = 0;
    return 0;
  }
  std::memcpy(to, self->input_.data() + self->input_begin_, n);
  self->input_begin_ += n;
  *done = n;
  return 1;
}

int TlsSession::bio_write(BIO* bio, const char* from, std::size_t size, std::size_t* done) {
  auto* self = static_cast<TlsSession*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  try {  // nothing may be thrown through C
    append(self->output_, as_bytes({from, size}));
  } catch (...) {
    *done = 0;
    return -1;
  }
  *done = size;
  return 1;
}

long TlsSession::bio_control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP ? 1 : 0;
}

BIO_METHOD* TlsSession::bio_method() {
  // One for the process, never freed: connections may outlive any static.
  static BIO_METHOD* const method = [] {
    BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "farkeep buffers");
    if (m == nullptr) throw std::bad_alloc{};
    BIO_meth_set_read_ex(m, &bio_read);
    BIO_meth_set_write_ex(m, &bio_write);
    BIO_meth_set_ctrl(m, &bio_control);
    return m;
  }();
  return method;
}

}  // namespace farkeep
