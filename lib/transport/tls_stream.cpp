#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "async/waiters.hpp"
#include "base/check.hpp"
#include "base/error.hpp"
#include "transport/first_bytes.hpp"
#include "transport/tls_session.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kRecord = 16 * 1024;   // the largest plaintext of a TLS record
constexpr std::size_t kSend = 16 * kRecord;  // encrypted before it is handed on: one system call for sixteen records

constexpr const char* kNobodyThere =
    ": the connection was accepted, and closed before the other side said anything; a firewall or proxy on the way may "
    "not "
    "reach the server";

bool is_disconnect(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const boost::system::system_error& e) {
    return classify(e.code()) == Errc::disconnected;
  }
}

/// Drives a TlsSession over a Stream.
class TlsStream final : public SecureStream {
 public:
  TlsStream(std::unique_ptr<Stream> under, std::shared_ptr<const TlsContext::Parts> parts,
            std::optional<ExpectedServer> expected)
      : under_(std::move(under)), session_(std::move(parts), std::move(expected)) {}

  task<void> handshake();

  task<std::size_t> read_some(MutableByteView into) override;
  task<void> write(std::span<const ByteView> parts) override;
  using Stream::write;
  void close() noexcept override { under_->close(); }
  std::string describe() const override { return under_->describe(); }
  const PeerIdentity& peer() const override { return session_.peer(); }

 private:
  task<std::size_t> receive();
  task<void> flush();
  void encrypt(ByteView plain);
  void stage(ByteView& plain);

  std::unique_ptr<Stream> under_;
  TlsSession session_;
  Buffer sending_;  // what flush() is handing on
  bool flushing_ = false;
  bool broken_ = false;  // half a record may be out: nothing can follow it
  Waiters flushed_;
  std::array<std::uint8_t, kRecord> staged_;  // small pieces on their way into one record
  std::size_t staged_size_ = 0;
};

// 1. take a step  2. send what it made (the alert of a failure too)  3. until done, get more from the peer
task<void> TlsStream::handshake() {
  const std::string doing = "starting TLS with " + describe();
  bool heard = false;
  for (;;) {
    const TlsSession::Step now = session_.handshake();
    std::exception_ptr lost;
    std::size_t n = 0;
    try {
      co_await flush();
      if (now == TlsSession::Step::wants_input) n = co_await receive();
    } catch (...) {
      lost = std::current_exception();
    }
    if (now == TlsSession::Step::failed) session_.throw_failed(doing);
    if (lost && (heard || !is_disconnect(lost))) std::rethrow_exception(lost);
    if (now == TlsSession::Step::done && !lost) co_return;

    if (n == 0 && !heard) throw failure(Errc::unreachable, doing + kNobodyThere);
    if (n == 0) throw failure(Errc::disconnected, doing + ": the other side closed the connection");
    if (!heard) {
      if (auto what = not_tls(session_.unread_input()))
        throw failure(Errc::protocol, doing + ": the other side is " + *what);
    }
    heard = true;
  }
}

task<std::size_t> TlsStream::receive() {
  const MutableByteView space = session_.input_space();
  const std::size_t n = co_await under_->read_some(space);
  session_.input_came(n);
  co_return n;
}

task<std::size_t> TlsStream::read_some(MutableByteView into) {
  FARKEEP_CHECK(!into.empty());
  for (;;) {
    std::size_t got = 0;
    const TlsSession::Step now = session_.read(into, got);
    if (now == TlsSession::Step::failed) session_.throw_failed("reading from " + describe());
    if (now == TlsSession::Step::done) co_return got;
    // Reading may have to answer (a key update).  While a write is being handed on, that one takes the answer along; but
    // who asks again and again and takes no answers is not read on.
    if (session_.output_size() > (flushing_ ? kRecord : 0)) co_await flush();
    const std::size_t n = co_await receive();
    if (n == 0) {
      if (session_.inside_record())
        throw failure(Errc::disconnected, "reading from " + describe() + ", which ended inside a record");
      co_return 0;
    }
  }
}

// Large parts are encrypted from where they lie, in whole records; small ones and the edges are gathered, so that a
// frame's head does not become a record, and a packet, of its own.
task<void> TlsStream::write(std::span<const ByteView> parts) {
  for (ByteView part : parts) {
    while (!part.empty()) {
      if (staged_size_ > 0 || part.size() < kRecord) {
        stage(part);
      } else {
        const std::size_t whole = std::min(part.size(), kSend) / kRecord * kRecord;
        encrypt(part.first(whole));
        part = part.subspan(whole);
      }
      if (session_.output_size() >= kSend) co_await flush();
    }
  }
  if (staged_size_ > 0) encrypt(ByteView{staged_}.first(std::exchange(staged_size_, 0)));
  co_await flush();
}

void TlsStream::stage(ByteView& plain) {
  const std::size_t n = std::min(plain.size(), kRecord - staged_size_);
  std::memcpy(staged_.data() + staged_size_, plain.data(), n);
  staged_size_ += n;
  plain = plain.subspan(n);
  if (staged_size_ == kRecord) {
    staged_size_ = 0;
    encrypt(staged_);
  }
}

void TlsStream::encrypt(ByteView plain) {
  if (session_.write(plain) != TlsSession::Step::done) session_.throw_failed("writing to " + describe());
}

task<void> TlsStream::flush() {
  // A reader's answer may be on its way: the stream beneath takes one write at a time.
  while (flushing_) co_await flushed_.wait();
  if (broken_)
    throw failure(Errc::disconnected, "writing to " + describe() + ", where an earlier write was interrupted");
  struct Turn {
    explicit Turn(TlsStream& s) : stream(s) { stream.flushing_ = stream.broken_ = true; }
    ~Turn() {
      stream.flushing_ = false;
      stream.flushed_.wake_one();
    }
    TlsStream& stream;
  } turn{*this};
  while (session_.output_size() > 0) {
    session_.take_output(sending_);
    const ByteView bytes{sending_};
    co_await under_->write(bytes);
  }
  broken_ = false;
}

task<std::unique_ptr<SecureStream>> start(std::unique_ptr<Stream> under, std::shared_ptr<const TlsContext::Parts> parts,
                                          std::optional<ExpectedServer> expected) {
  auto stream = std::make_unique<TlsStream>(std::move(under), std::move(parts), std::move(expected));
  co_await stream->handshake();
  co_return std::unique_ptr<SecureStream>{std::move(stream)};
}

}  // namespace

TlsContext::TlsContext(const TlsCredentials& credentials, const Clock& clock, AnotherTime servers_by)
    : parts_(std::make_shared<const Parts>(credentials, clock, std::move(servers_by))) {}

task<std::unique_ptr<SecureStream>> TlsContext::connect(std::unique_ptr<Stream> under, ExpectedServer expected) const {
  return start(std::move(under), parts_, std::move(expected));
}

task<std::unique_ptr<SecureStream>> TlsContext::accept(std::unique_ptr<Stream> under) const {
  FARKEEP_CHECK(parts_->has_certificate);
  return start(std::move(under), parts_, std::nullopt);
}

}  // namespace farkeep
