#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "async/waiters.hpp"
#include "base/error.hpp"
#include "transport/stream.hpp"

namespace farkeep::test {

/// Two ends of a connection in memory; each way holds at most `capacity` bytes, so a side that does not read stops the other.
class PipeEnd final : public SecureStream {
 public:
  struct Way {
    Buffer bytes;
    bool closed = false;
    Waiters data, room;
  };

  PipeEnd(std::shared_ptr<Way> in, std::shared_ptr<Way> out, std::size_t capacity, PeerIdentity peer, std::string name)
      : in_(std::move(in)), out_(std::move(out)), capacity_(capacity), peer_(std::move(peer)), name_(std::move(name)) {}
  ~PipeEnd() override { close(); }

  task<std::size_t> read_some(MutableByteView into) override {
    while (in_->bytes.empty() && !in_->closed) co_await in_->data.wait();
    auto const n = std::min(into.size(), in_->bytes.size());
    std::copy_n(in_->bytes.begin(), n, into.begin());
    in_->bytes.erase(in_->bytes.begin(), in_->bytes.begin() + static_cast<std::ptrdiff_t>(n));
    in_->room.wake_all();
    co_return n;
  }
  task<void> write(std::span<const ByteView> parts) override {
    for (auto part : parts) {
      while (!part.empty()) {
        if (out_->closed) throw failure(Errc::disconnected, "writing to " + name_);
        auto const n = std::min(part.size(), capacity_ - std::min(capacity_, out_->bytes.size()));
        if (n == 0) {
          co_await out_->room.wait();
          continue;
        }
        append(out_->bytes, part.first(n));
        part = part.subspan(n);
        out_->data.wake_all();
      }
    }
  }
  using Stream::write;
  void close() noexcept override {
    for (auto& way : {in_, out_}) {
      way->closed = true;
      way->data.wake_all();
      way->room.wake_all();
    }
  }
  std::string describe() const override { return name_; }
  const PeerIdentity& peer() const override { return peer_; }

 private:
  std::shared_ptr<Way> in_, out_;
  const std::size_t capacity_;
  PeerIdentity peer_;
  const std::string name_;
};

/// The client's end, which sees `server`, and the server's, which sees `client`.
inline std::pair<std::unique_ptr<SecureStream>, std::unique_ptr<SecureStream>> make_pipe(PeerIdentity client, PeerIdentity server,
                                                                                          std::size_t capacity = std::size_t{1} << 20) {
  auto up = std::make_shared<PipeEnd::Way>(), down = std::make_shared<PipeEnd::Way>();
  return {std::make_unique<PipeEnd>(down, up, capacity, std::move(server), "192.0.2.2:16384"),
          std::make_unique<PipeEnd>(up, down, capacity, std::move(client), "192.0.2.1:50000")};
}

}  // namespace farkeep::test
