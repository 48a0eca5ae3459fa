#pragma once

#include <memory>
#include <string>

#include "transport/stream.hpp"

namespace farkeep {

/// A stream that says where it leads, not only where its first hop goes.
class NamedStream final : public Stream {
 public:
  NamedStream(std::unique_ptr<Stream> under, std::string name) : under_(std::move(under)), name_(std::move(name)) {}

  task<std::size_t> read_some(MutableByteView into) override { return under_->read_some(into); }
  task<void> write(std::span<const ByteView> parts) override { return under_->write(parts); }
  using Stream::write;
  void close() noexcept override { under_->close(); }
  std::string describe() const override { return name_; }

 private:
  std::unique_ptr<Stream> under_;
  std::string name_;
};

}  // namespace farkeep
