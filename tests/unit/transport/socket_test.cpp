// TCP and unix sockets as streams, and how they are dialled.
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <filesystem>
#include <fstream>

#include "real_world.hpp"
#include "transport/local_socket.hpp"
#include "transport/socket_stream.hpp"

namespace farkeep::test {
namespace {

using asio::ip::tcp;
namespace fs = std::filesystem;

const Endpoint kSocketPlace = *Endpoint::parse("127.77.2.1:16384");

struct Acceptor {
  explicit Acceptor(RealWorld& w, const Endpoint& at = kSocketPlace) : io(w.io), acceptor(w.io) {
    acceptor.open(tcp::v4());
    acceptor.set_option(tcp::acceptor::reuse_address{true});
    acceptor.bind(tcp::endpoint{at.address, at.port});
    acceptor.listen();
  }
  std::unique_ptr<SocketStream> accept() {
    tcp::socket socket = acceptor.accept(from);
    return std::make_unique<SocketStream>(StreamSocket{std::move(socket)}, "the client");
  }
  asio::io_context& io;
  tcp::acceptor acceptor;
  tcp::endpoint from;
};

task<void> write_and_close(Stream& stream, const Buffer& data) {
  const ByteView parts[] = {ByteView{data}.first(1), ByteView{}, ByteView{data}.subspan(1)};
  co_await stream.write(std::span<const ByteView>{parts});
  stream.close();
}
task<void> read_into(Stream& stream, std::size_t size, Buffer& to) { to = co_await read_all(stream, size); }
task<void> transfer(RealWorld& w, Stream& from, Stream& to, const Buffer& data, Buffer& got) {
  Scope scope{w.io.get_executor()};
  scope.spawn(write_and_close(from, data), "writer");
  scope.spawn(read_into(to, data.size() + 1, got), "reader");
  co_await scope.join();
}

TEST_CASE("socket stream: more than the kernel's buffers hold arrives whole, then the end") {
  RealWorld w;
  Acceptor acceptor{w};
  auto client = w.run(w.dialer.dial(kSocketPlace));
  CHECK(client->describe() == "127.77.2.1:16384");
  auto server = acceptor.accept();
  Buffer data(10'000'000);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::uint8_t>(i * 2654435761U >> 16U);
  Buffer got;
  w.run(transfer(w, *client, *server, data, got));
  CHECK(got == data);
  CHECK(w.error_of(read_all(*client, 1)) == Errc::disconnected);
}

TEST_CASE("socket stream: many and empty parts") {
  RealWorld w;
  Acceptor acceptor{w};
  auto client = w.run(w.dialer.dial(kSocketPlace));
  auto server = acceptor.accept();
  Buffer data(100);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::uint8_t>(i);
  std::vector<ByteView> parts;
  for (std::size_t i = 0; i < data.size(); ++i) {
    parts.push_back(ByteView{data}.subspan(i, 1));
    parts.emplace_back();
  }
  w.run(client->write(std::span<const ByteView>{parts}));
  CHECK(w.run(read_all(*server, 100)) == data);
  w.run(client->write(ByteView{}));
}

TEST_CASE("socket stream: a reset is a lost connection") {
  RealWorld w;
  Acceptor acceptor{w};
  auto client = w.run(w.dialer.dial(kSocketPlace));
  {
    tcp::socket socket = acceptor.acceptor.accept();
    socket.set_option(tcp::socket::linger{true, 0});
    socket.close();
  }
  const auto code = w.error_of(read_all(*client, 1));
  CHECK(classify(code) == Errc::disconnected);
}

task<bool> fill(Stream& stream, Buffer& into) { co_return co_await read_exactly(stream, into); }

TEST_CASE("read_exactly: all, nothing at the end, an error in the middle") {
  RealWorld w;
  Acceptor acceptor{w};
  auto client = w.run(w.dialer.dial(kSocketPlace));
  auto server = acceptor.accept();
  Buffer four(4);
  w.run(client->write(as_bytes("abcdef")));
  CHECK(w.run(fill(*server, four)));
  CHECK(as_text(four) == "abcd");
  client->close();
  CHECK(w.error_of(fill(*server, four)) == Errc::disconnected);
  CHECK_FALSE(w.run(fill(*server, four)));
}

TEST_CASE("direct dialer: nobody listens") {
  RealWorld w;
  const auto code = w.error_of(w.dialer.dial(*Endpoint::parse("127.77.2.99:16384")));
  CHECK(classify(code) == Errc::unreachable);
}

TEST_CASE("direct dialer: no answer within the limit") {
  RealWorld w;
  Acceptor acceptor{w};
  acceptor.acceptor.listen(0);
  // Nobody accepts: the queue fills up, and Linux drops the hellos that follow.
  std::vector<std::unique_ptr<tcp::socket>> crowd;
  for (int i = 0; i < 4; ++i) {
    crowd.push_back(std::make_unique<tcp::socket>(w.io));
    crowd.back()->async_connect(tcp::endpoint{kSocketPlace.address, kSocketPlace.port}, [](const boost::system::error_code&) {});
    w.io.restart();
    w.io.poll();
  }
  const SteadyTime start = w.timers.now();
  w.timers.after(3s, [] {});
  bool done = false;
  boost::system::error_code code;
  asio::co_spawn(w.io, w.dialer.dial(kSocketPlace), [&](const std::exception_ptr& e, std::unique_ptr<Stream>) {
    code = World::code_of(e);
    done = true;
  });
  sim::run_until(w.io, w.timers, [&] { return done; });
  CHECK(code == Errc::timed_out);
  CHECK(w.timers.now() - start == limits::kConnectTimeout);
}

TEST_CASE("direct dialer: source ports come from the range, one after the other, and run out") {
  RealWorld w;
  Acceptor acceptor{w};
  DirectDialerOptions options;
  options.source_ports = PortRange{23'451, 23'453};
  DirectDialer dialer{w.io.get_executor(), w.timers, options};
  std::vector<std::unique_ptr<Stream>> clients;
  std::vector<std::unique_ptr<SocketStream>> servers;
  std::vector<std::uint16_t> ports;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(w.run(dialer.dial(kSocketPlace)));
    servers.push_back(acceptor.accept());
    ports.push_back(acceptor.from.port());
  }
  CHECK(ports == std::vector<std::uint16_t>{23'451, 23'452, 23'453});
  CHECK(w.error_of(dialer.dial(kSocketPlace)));
}

struct Folder {
  Folder() : path(fs::temp_directory_path() / ("farkeep-transport-" + std::to_string(::getpid()))) {
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  fs::path path;
};

task<void> dial_into(fs::path path, std::unique_ptr<Stream>& to) { to = co_await dial_local(path); }
task<void> accept_into(LocalListener& listener, std::unique_ptr<Stream>& to) { to = co_await listener.accept(); }
task<void> connect(RealWorld& w, LocalListener& listener, fs::path path, std::unique_ptr<Stream>& a,
                   std::unique_ptr<Stream>& b) {
  Scope scope{w.io.get_executor()};
  scope.spawn(dial_into(path, a), "dial");
  scope.spawn(accept_into(listener, b), "accept");
  co_await scope.join();
}

TEST_CASE("local socket: for its owner only, carries bytes, and leaves no file behind") {
  RealWorld w;
  Folder folder;
  const fs::path path = folder.path / "control";
  {
    LocalListener listener{w.io.get_executor(), path};
    struct stat info {};
    REQUIRE(::stat(path.c_str(), &info) == 0);
    CHECK((info.st_mode & 07777U) == 0600);
    std::unique_ptr<Stream> a, b;
    w.run(connect(w, listener, path, a, b));
    w.run(a->write(as_bytes("status")));
    CHECK(to_string(w.run(read_all(*b, 6))) == "status");
  }
  CHECK_FALSE(fs::exists(path));
}

boost::system::error_code listening_fails(RealWorld& w, const fs::path& path) {
  try {
    LocalListener listener{w.io.get_executor(), path};
  } catch (const failure& e) {
    return e.code();
  }
  return {};
}

TEST_CASE("local socket: a dead socket file is replaced, a living one and any other file is not") {
  RealWorld w;
  Folder folder;
  const fs::path path = folder.path / "control";
  { asio::local::stream_protocol::acceptor dead{w.io, asio::local::stream_protocol::endpoint{path.string()}}; }
  REQUIRE(fs::exists(path));
  {
    LocalListener listener{w.io.get_executor(), path};
    CHECK(listening_fails(w, path) == Errc::busy);
    CHECK(fs::exists(path));
  }
  std::ofstream{path} << "precious";
  CHECK(listening_fails(w, path) == Errc::configuration);
  CHECK(fs::file_size(path) == 8);
}

TEST_CASE("local socket: a path that is too long, and nobody at home") {
  RealWorld w;
  Folder folder;
  CHECK(listening_fails(w, folder.path / std::string(120, 'x')) == Errc::configuration);
  CHECK(w.error_of(dial_local(folder.path / "nobody")) == Errc::unreachable);
}

}  // namespace
}  // namespace farkeep::test
