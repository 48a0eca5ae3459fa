#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.hpp"
#include "transport/tls_context.hpp"

namespace farkeep {

/// One TLS connection as a machine without a socket: bytes of the peer go in at input_space(), bytes for the peer come
/// out at take_output(); plaintext is read() and write()-n.  Throws nothing for what the peer does: `Step::failed`,
/// then failed().
///
/// One thread at a time.  Input and output are kept in buffers as large as the traffic warrants, so that one system
/// call moves many records.
class TlsSession {
 public:
  enum class Step { done, wants_input, failed };

  /// A client with `expected`, a server without.
  TlsSession(std::shared_ptr<const TlsContext::Parts> parts, std::optional<ExpectedServer> expected);
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  /// Goes on as far as it can.  Output may have to be sent after any outcome: an alert after a failure.
  Step handshake();
  /// Decrypts what has arrived into `into`; `got` bytes of it, also 0 with done when the peer said goodbye.
  Step read(MutableByteView into, std::size_t& got);
  /// Encrypts all of it (at most a few hundred KiB at a time: the output holds it).
  Step write(ByteView plain);

  /// Where the peer's next bytes go; then say how many came.
  MutableByteView input_space();
  void input_came(std::size_t size);
  /// The very first bytes that came, while the handshake has not consumed them.
  ByteView unread_input() const noexcept { return ByteView{input_}.subspan(input_begin_, input_end_ - input_begin_); }
  /// True when a record has begun and not ended.
  bool inside_record() const noexcept;

  std::size_t output_size() const noexcept { return output_.size(); }
  /// Moves it into `to`, whose old storage is used for what comes next.
  void take_output(Buffer& to);

  /// What went wrong, as a failure with `doing` in front.
  [[noreturn]] void throw_failed(const std::string& doing) const;
  const PeerIdentity& peer() const noexcept { return check_.peer(); }

 private:
  static int bio_read(BIO* bio, char* to, std::size_t size, std::size_t* done);
  static int bio_write(BIO* bio, const char* from, std::size_t size, std::size_t* done);
  static long bio_control(BIO* bio, int command, long, void*);
  static BIO_METHOD* bio_method();
  static void message_came(int sent, int version, int type, const void* bytes, std::size_t size, SSL* ssl, void* self);
  Step step(int outcome);
  void remember_error();

  PeerCheck check_;
  std::unique_ptr<SSL, SslFree> ssl_;
  Buffer input_;
  std::size_t input_begin_ = 0, input_end_ = 0;
  bool input_was_filled_ = false;
  Buffer output_;
  bool open_ = false;           // the handshake is over
  std::uint64_t messages_ = 0;  // of the handshake protocol, since then: renewed keys, tickets
  std::uint64_t plain_ = 0;     // bytes read
  Errc error_ = Errc::protocol;
  std::string error_text_;
};

}  // namespace farkeep
