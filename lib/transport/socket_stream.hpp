#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <memory>
#include <string>

#include "transport/line.hpp"
#include "transport/stream.hpp"

namespace farkeep {

using StreamSocket = asio::generic::stream_protocol::socket;

/// A connected TCP or unix-domain socket as a Stream.  Included by the .cpp files that make sockets, by nobody else.
class SocketStream final : public Stream {
 public:
  /// `symptom`, if given, is told how the connection was when it is closed.
  SocketStream(StreamSocket socket, std::string description, std::shared_ptr<LineSymptom> symptom = nullptr);
  ~SocketStream() override { close(); }

  /// Waits for the first bytes without taking them; false when the other side closed the connection instead.
  task<bool> speaks();
  task<std::size_t> read_some(MutableByteView into) override;
  task<void> write(std::span<const ByteView> parts) override;
  using Stream::write;
  void close() noexcept override;
  std::string describe() const override { return description_; }

 private:
  [[noreturn]] void lost(const boost::system::error_code& code, const char* doing) const;

  StreamSocket socket_;
  std::string description_;
  std::shared_ptr<LineSymptom> symptom_;
  bool ended_ = false;  // Asio waits for ever when it is asked to read after an end
  bool closed_ = false;
};

}  // namespace farkeep
