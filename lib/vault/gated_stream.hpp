#pragma once

#include <memory>

#include "async/budget.hpp"
#include "transport/stream.hpp"

namespace farkeep {

/// A connection that is not read while the records that came over it, or over all connections, fill the memory that they may
/// have (vault/room.hpp).  What the other side sends meanwhile stays with it: TCP does the rest.
///
/// So a session holds no more than its budget and the frame that is being read; without this, all that agents may send ahead of
/// durable acknowledgements would lie in memory whenever the disk is slow.
class GatedStream final : public SecureStream {
 public:
  /// The budgets outlive it.
  GatedStream(std::unique_ptr<SecureStream> under, Budget& session, Budget& server)
      : under_(std::move(under)), session_(session), server_(server) {}

  task<std::size_t> read_some(MutableByteView into) override {
    // Behind those who wait for room: a byte, given back at once.
    {
      Budget::Lease const turn = co_await session_.take(1);
    }
    {
      Budget::Lease const turn = co_await server_.take(1);
    }
    co_return co_await under_->read_some(into);
  }
  task<void> write(std::span<const ByteView> parts) override { return under_->write(parts); }
  void close() noexcept override { under_->close(); }
  std::string describe() const override { return under_->describe(); }
  const PeerIdentity& peer() const override { return under_->peer(); }

 private:
  const std::unique_ptr<SecureStream> under_;
  Budget& session_;
  Budget& server_;
};

}  // namespace farkeep
