#include "transport/socket_stream.hpp"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/check.hpp"
#include "base/error.hpp"

namespace farkeep {
namespace {

// As many parts as one system call takes here; a frame has three.
constexpr std::size_t kPartsPerCall = 16;
using Parts = std::array<asio::const_buffer, kPartsPerCall>;

// What is left of `parts` from byte `skip` of the first one on; empty parts are left out.
std::size_t gather(std::span<const ByteView> parts, std::size_t skip, Parts& out) {
  std::size_t n = 0;
  for (const ByteView& part : parts) {
    const ByteView rest = part.subspan(skip);
    skip = 0;
    if (!rest.empty()) out[n++] = asio::const_buffer{rest.data(), rest.size()};
    if (n == kPartsPerCall) break;
  }
  return n;
}

}  // namespace

SocketStream::SocketStream(StreamSocket socket, std::string description, std::shared_ptr<LineSymptom> symptom)
    : socket_(std::move(socket)), description_(std::move(description)), symptom_(std::move(symptom)) {}

task<bool> SocketStream::speaks() {
  boost::system::error_code code;
  co_await socket_.async_wait(StreamSocket::wait_read, asio::redirect_error(asio::use_awaitable, code));
  if (code) lost(code, "waiting for ");
  const std::size_t n = socket_.available(code);
  if (code) lost(code, "waiting for ");
  co_return n > 0;
}

task<std::size_t> SocketStream::read_some(MutableByteView into) {
  FARKEEP_CHECK(!into.empty());
  if (ended_ && !closed_) co_return 0;
  boost::system::error_code code;
  const asio::mutable_buffer space{into.data(), into.size()};
  const std::size_t n = co_await socket_.async_read_some(space, asio::redirect_error(asio::use_awaitable, code));
  if (code == asio::error::eof) {
    ended_ = true;
    co_return 0;
  }
  if (code) lost(code, "reading from ");
  co_return n;
}

// A loop of our own: asio::async_write passes 64 KiB at a time to the kernel, this passes all there is.
task<void> SocketStream::write(std::span<const ByteView> parts) {
  std::size_t skip = 0;
  for (;;) {
    while (!parts.empty() && skip >= parts.front().size()) {
      skip -= parts.front().size();
      parts = parts.subspan(1);
    }
    if (parts.empty()) co_return;
    Parts buffers;
    const std::span<const asio::const_buffer> some{buffers.data(), gather(parts, skip, buffers)};
    boost::system::error_code code;
    skip += co_await socket_.async_write_some(some, asio::redirect_error(asio::use_awaitable, code));
    if (code) lost(code, "writing to ");
  }
}

void SocketStream::close() noexcept {
  if (closed_) return;
  closed_ = true;
  if (symptom_) *symptom_ = symptom_of(socket_.native_handle());
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void SocketStream::lost(const boost::system::error_code& code, const char* doing) const {
  if (closed_) throw failure(Errc::disconnected, doing + description_ + ", closed on our side");
  if (code == asio::error::operation_aborted) throw boost::system::system_error(code, doing + description_);
  throw failure(code, doing + description_);
}

}  // namespace farkeep
