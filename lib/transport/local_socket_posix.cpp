#include <sys/stat.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/error.hpp"
#include "transport/local_socket.hpp"
#include "transport/socket_stream.hpp"

namespace farkeep {
namespace {

using asio::local::stream_protocol;
namespace fs = std::filesystem;

constexpr std::size_t kLongestPath = 103;  // the shortest sun_path in use (BSD, macOS) less its zero; Linux has 107

stream_protocol::endpoint endpoint_of(const fs::path& path) {
  const std::string text = path.string();
  if (text.empty() || text.size() > kLongestPath)
    throw failure(Errc::configuration, "using the local socket " + text + ", whose path is not 1 to 103 bytes long");
  return stream_protocol::endpoint{text};
}

// What a daemon that was killed left behind goes; anything else stays.
void clear_the_way(const Executor& executor, const fs::path& path, const stream_protocol::endpoint& at) {
  const std::string doing = "listening at " + path.string();
  std::error_code error;
  const fs::file_status status = fs::symlink_status(path, error);
  if (status.type() == fs::file_type::not_found) return;
  if (status.type() != fs::file_type::socket) throw failure(Errc::configuration, doing + ", where something else is");
  boost::system::error_code code;
  stream_protocol::socket probe{executor};
  probe.connect(at, code);
  if (!code) throw failure(Errc::busy, doing + ", where another process does already");
  if (code != asio::error::connection_refused) throw failure(code, doing);
  fs::remove(path, error);
}

/// Files made while it lives are for their owner only.  Process-wide, so it lives for one call.
class PrivateFiles {
 public:
  PrivateFiles() : before_(::umask(0177)) {}
  ~PrivateFiles() { ::umask(before_); }
  PrivateFiles(const PrivateFiles&) = delete;
  PrivateFiles& operator=(const PrivateFiles&) = delete;

 private:
  mode_t before_;
};

}  // namespace

struct LocalListener::State {
  State(const Executor& executor, fs::path p) : path(std::move(p)), acceptor(executor) {}
  ~State() {
    if (!bound) return;
    std::error_code ignored;
    fs::remove(path, ignored);
  }
  fs::path path;
  stream_protocol::acceptor acceptor;
  bool bound = false;
};

LocalListener::LocalListener(Executor executor, fs::path path)
    : state_(std::make_unique<State>(executor, std::move(path))) {
  const std::string doing = "listening at " + state_->path.string();
  const stream_protocol::endpoint at = endpoint_of(state_->path);
  clear_the_way(executor, state_->path, at);
  boost::system::error_code code;
  state_->acceptor.open(stream_protocol{}, code);
  if (code) throw failure(code, doing);
  {
    PrivateFiles until_bound;
    state_->acceptor.bind(at, code);
  }
  if (code) throw failure(code, doing);
  state_->bound = true;
  state_->acceptor.listen(stream_protocol::acceptor::max_listen_connections, code);
  if (code) throw failure(code, doing);
}

LocalListener::~LocalListener() = default;

task<std::unique_ptr<Stream>> LocalListener::accept() {
  const std::string doing = "accepting at " + state_->path.string();
  boost::system::error_code code;
  stream_protocol::socket socket =
      co_await state_->acceptor.async_accept(asio::redirect_error(asio::use_awaitable, code));
  if (code == asio::error::operation_aborted) throw boost::system::system_error(code, doing);
  if (code) throw failure(code, doing);
  co_return std::make_unique<SocketStream>(StreamSocket{std::move(socket)}, "a local command");
}

task<std::unique_ptr<Stream>> dial_local(std::filesystem::path path) {
  const std::string doing = "connecting to " + path.string();
  const stream_protocol::endpoint at = endpoint_of(path);
  stream_protocol::socket socket{co_await asio::this_coro::executor};
  boost::system::error_code code;
  co_await socket.async_connect(at, asio::redirect_error(asio::use_awaitable, code));
  if (code == asio::error::operation_aborted) throw boost::system::system_error(code, doing);
  if (code == asio::error::connection_refused || code == boost::system::errc::no_such_file_or_directory)
    throw failure(Errc::unreachable, doing);
  if (code) throw failure(code, doing);
  co_return std::make_unique<SocketStream>(StreamSocket{std::move(socket)}, path.string());
}

}  // namespace farkeep
