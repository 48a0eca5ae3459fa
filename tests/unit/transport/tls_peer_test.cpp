// TLS against peers that are broken, hostile, or something else altogether.
#include <openssl/ssl.h>

#include <random>

#include "tls_world.hpp"
#include "transport/tls_context.hpp"

namespace farkeep::test {
namespace {

using Catch::Contains;

// Says its line whatever it hears, then hangs up.
task<void> say(std::unique_ptr<Stream> stream, Buffer line) { co_await stream->write(line); }
task<void> drain_and_say(std::unique_ptr<Stream> stream, Buffer line) {
  Buffer heard(4096);
  static_cast<void>(co_await stream->read_some(heard));
  if (!line.empty()) co_await stream->write(line);
}
task<void> against(Executor executor, task<void> peer, task<std::unique_ptr<SecureStream>> ours, TlsWorld::End& end) {
  Scope scope{executor};
  scope.spawn(std::move(peer), "peer");
  scope.spawn(TlsWorld::note(std::move(ours), end), "ours");
  co_await scope.join();
}

void client_meets(TlsWorld& w, std::string_view line) {
  w.client = {};
  auto [a, b] = w.line();
  w.run(against(w.executor(), drain_and_say(std::move(b), to_buffer(as_bytes(line))),
                w.agent.connect(std::move(a), kServerA), w.client));
}
void server_meets(TlsWorld& w, ByteView line) {
  w.server = {};
  auto [a, b] = w.line();
  w.run(against(w.executor(), say(std::move(a), to_buffer(line)), w.server_a.accept(std::move(b)), w.server));
}

TEST_CASE("tls: a client that meets something else says what, in its own words") {
  TlsWorld w;
  client_meets(w, "HTTP/1.1 400 Bad Request\r\n\r\n");
  CHECK(w.client.error == Errc::protocol);
  CHECK_THAT(w.client.text,
             Contains("10.0.0.1:16384") && Contains("an HTTP server or proxy: \"HTTP/1.1 400 Bad Request\""));
  client_meets(w, "SSH-2.0-OpenSSH_9.2p1\r\n");
  CHECK(w.client.error == Errc::protocol);
  CHECK_THAT(w.client.text, Contains("an SSH server"));
  client_meets(w, "<!DOCTYPE html>");
  CHECK_THAT(w.client.text, Contains("web page"));
}

TEST_CASE("tls: an end before the first byte means that nothing is behind the port") {
  TlsWorld w;
  client_meets(w, "");
  CHECK(w.client.error == Errc::unreachable);
  CHECK_THAT(w.client.text, Contains("before the other side said anything"));
}

TEST_CASE("tls: a reset before the first byte means the same") {
  TlsWorld w;
  auto [a, b] = w.line();
  w.timers.after(500us, [&] { w.net.reset(asio::ip::make_address("10.0.0.9"), w.place.address); });
  w.run(TlsWorld::note(w.agent.connect(std::move(a), kServerA), w.client));
  CHECK(w.client.error == Errc::unreachable);
}

TEST_CASE("tls: an end in the middle of the handshake") {
  TlsWorld w;
  client_meets(w, std::string_view{"\x16\x03\x03\x00\x7a\x02\x00", 7});
  CHECK(w.client.error == Errc::disconnected);
}

TEST_CASE("tls: an alert in answer to the hello, and old versions, are a matter of protocol") {
  TlsWorld w;
  client_meets(w, std::string_view{"\x15\x03\x03\x00\x02\x02\x28", 7});  // handshake_failure
  CHECK(w.client.error == Errc::protocol);
  CHECK_THAT(w.client.text, Contains("handshake failure"));
  client_meets(w, std::string_view{"\x15\x03\x01\x00\x02\x02\x46", 7});  // protocol_version
  CHECK(w.client.error == Errc::protocol);
}

TEST_CASE("tls: a server that meets something else says what") {
  TlsWorld w;
  server_meets(w, as_bytes("GET / HTTP/1.1\r\n"));
  CHECK(w.server.error == Errc::protocol);
  CHECK_THAT(w.server.text, Contains("an HTTP client"));
  server_meets(w, as_bytes("PROXY TCP4 192.168.0.1 10.0.0.1 55555 16384\r\n"));
  CHECK_THAT(w.server.text, Contains("PROXY protocol"));
  server_meets(w, as_bytes(std::string_view{"\x05\x01\x00", 3}));
  CHECK_THAT(w.server.text, Contains("SOCKS"));
  server_meets(w, {});
  CHECK(w.server.error == Errc::unreachable);
}

TEST_CASE("tls: garbage that begins like TLS is refused, never more") {
  TlsWorld w;
  std::mt19937 random{7};
  for (int i = 0; i < 200; ++i) {
    Buffer line{0x16, 0x03, 0x01};
    const std::size_t size = random() % 600;
    for (std::size_t k = 0; k < size; ++k) line.push_back(static_cast<std::uint8_t>(random()));
    server_meets(w, line);
    CHECK_FALSE(w.server.stream);
    CHECK((w.server.error == Errc::protocol || w.server.error == Errc::disconnected));
    client_meets(w, as_text(line));
    CHECK_FALSE(w.client.stream);
    CHECK((w.client.error == Errc::protocol || w.client.error == Errc::disconnected));
  }
}

// What OpenSSL would say first, as a client of its own making.
Buffer client_hello(int newest_version, std::string_view alpn) {
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{SSL_CTX_new(TLS_client_method()), &SSL_CTX_free};
  SSL_CTX_set_max_proto_version(context.get(), newest_version);
  std::string list{static_cast<char>(alpn.size())};
  list += alpn;
  SSL_CTX_set_alpn_protos(context.get(), as_bytes(list).data(), static_cast<unsigned>(list.size()));
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl{SSL_new(context.get()), &SSL_free};
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), out);
  SSL_connect(ssl.get());
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(out, &bytes);
  return to_buffer(as_bytes({bytes, static_cast<std::size_t>(size)}));
}

TEST_CASE("tls: a client of TLS 1.2, or of another protocol, is refused by its hello") {
  TlsWorld w;
  server_meets(w, client_hello(TLS1_2_VERSION, "farkeep/1"));
  CHECK(w.server.error == Errc::protocol);
  CHECK_THAT(w.server.text, Contains("TLS 1.3"));
  server_meets(w, client_hello(TLS1_3_VERSION, "h2"));
  CHECK(w.server.error == Errc::protocol);
  // The right one gets further: it is only cut off.
  server_meets(w, client_hello(TLS1_3_VERSION, "farkeep/1"));
  CHECK(w.server.error == Errc::disconnected);
}

// Lets `size` bytes through to the reader, then ends.
class Cut final : public Stream {
 public:
  Cut(std::unique_ptr<Stream> under, std::size_t size) : under_(std::move(under)), left_(size) {}
  task<std::size_t> read_some(MutableByteView into) override {
    if (left_ == 0) co_return 0;
    const std::size_t n = co_await under_->read_some(into.first(std::min(into.size(), left_)));
    left_ -= n;
    co_return n;
  }
  task<void> write(std::span<const ByteView> parts) override { return under_->write(parts); }
  using Stream::write;
  void close() noexcept override { under_->close(); }
  std::string describe() const override { return under_->describe(); }

 private:
  std::unique_ptr<Stream> under_;
  std::size_t left_;
};

task<void> send_lines(Stream& stream, int count) {
  const Buffer line(100, 0x61);
  for (int i = 0; i < count; ++i) co_await stream.write(line);
}

TEST_CASE("tls: cut at any byte, a connection yields whole records and then an error or the end, never anything else") {
  const std::size_t record = 100 + 22;  // header, inner type, tag
  for (std::size_t size = 600; size < 2400; size += 13) {
    TlsWorld w;
    auto [a, b] = w.line();
    auto cut = std::make_unique<Cut>(std::move(a), size);
    w.run(TlsWorld::both(w.executor(), w.agent.connect(std::move(cut), kServerA), w.client,
                         w.server_a.accept(std::move(b)), w.server));
    if (!w.client.stream) {
      CHECK(w.client.error == Errc::disconnected);
      continue;
    }
    REQUIRE(w.server.stream);
    w.run(send_lines(*w.server.stream, 20));
    std::size_t got = 0;
    boost::system::error_code code;
    try {
      for (;;) {
        const Buffer some = w.run(read_all(*w.client.stream, 1));
        if (some.empty()) break;
        got += some.size();
      }
    } catch (const failure& e) {
      code = e.code();
    }
    CHECK(got % 100 == 0);
    CHECK(got / 100 <= size / record);
    CHECK((!code || code == Errc::disconnected));
  }
}

// A stranger with an OpenSSL of his own.
class Rogue {
 public:
  explicit Rogue(std::unique_ptr<Stream> line) : line_(std::move(line)), ssl_(SSL_new(context_.get())) {
    REQUIRE(SSL_set_alpn_protos(ssl_.get(), kAlpn, sizeof kAlpn) == 0);
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_.get());
  }
  task<void> shake_hands() {
    Buffer piece(10'000);
    while (SSL_do_handshake(ssl_.get()) != 1) {
      co_await send();
      const std::size_t n = co_await line_->read_some(piece);
      REQUIRE(BIO_write(SSL_get_rbio(ssl_.get()), piece.data(), static_cast<int>(n)) == static_cast<int>(n));
    }
    co_await send();
  }
  void renew_key() {
    REQUIRE(SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1);
    REQUIRE(SSL_do_handshake(ssl_.get()) == 1);
  }
  void say(ByteView data) { REQUIRE(SSL_write(ssl_.get(), data.data(), static_cast<int>(data.size())) == static_cast<int>(data.size())); }
  task<void> send() {
    Buffer out(BIO_pending(SSL_get_wbio(ssl_.get())));
    if (out.empty()) co_return;
    REQUIRE(BIO_read(SSL_get_wbio(ssl_.get()), out.data(), static_cast<int>(out.size())) == static_cast<int>(out.size()));
    co_await line_->write(out);
  }

 private:
  std::unique_ptr<Stream> line_;
  std::unique_ptr<SSL_CTX, SslFree> context_{SSL_CTX_new(TLS_client_method())};
  std::unique_ptr<SSL, SslFree> ssl_;
};

task<void> introduce(Executor executor, Rogue& rogue, task<std::unique_ptr<SecureStream>> server, TlsWorld::End& end) {
  Scope scope{executor};
  scope.spawn(rogue.shake_hands(), "rogue");
  scope.spawn(TlsWorld::note(std::move(server), end), "server");
  co_await scope.join();
}

// The line holds less than `size`.
task<void> across(Executor executor, Rogue& rogue, Stream& to, std::size_t size) {
  Scope scope{executor};
  scope.spawn(rogue.send(), "rogue");
  const Buffer came = co_await read_all(to, size);
  CHECK(came.size() == size);
  co_await scope.join();
}

TEST_CASE("tls: who renews its keys again and again, and sends nothing under them, is left") {
  TlsWorld w;
  auto [near, far] = w.line();
  Rogue rogue(std::move(near));
  w.run(introduce(w.executor(), rogue, w.server_a.accept(std::move(far)), w.server));
  REQUIRE(w.server.stream);
  const Buffer little(1, 1), much(1024 * 1024, 2);
  for (int i = 0; i < 16; ++i) rogue.renew_key();
  rogue.say(little);
  w.run(rogue.send());
  CHECK(w.run(read_all(*w.server.stream, 1)) == little);
  rogue.say(much);  // has earned one more
  rogue.renew_key();
  rogue.say(little);
  w.run(across(w.executor(), rogue, *w.server.stream, much.size() + 1));
  for (int i = 0; i < 1000; ++i) rogue.renew_key();
  rogue.say(little);
  w.run(rogue.send());
  try {
    (void)w.run(read_all(*w.server.stream, 1));
    FAIL("it was read on");
  } catch (const failure& f) {
    CHECK(f.code() == Errc::protocol);
    CHECK_THAT(f.what(), Catch::Contains("renews its keys"));
  }
}

}  // namespace
}  // namespace farkeep::test
