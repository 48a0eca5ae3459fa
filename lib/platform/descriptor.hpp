#pragma once

#include <utility>

namespace farkeep {

/// An open file, folder or socket of the system; closed when it goes.  Empty at -1.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) noexcept : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      close();
      number_ = std::exchange(other.number_, -1);
    }
    return *this;
  }
  ~Descriptor() { close(); }

  explicit operator bool() const noexcept { return number_ >= 0; }
  int get() const noexcept { return number_; }
  /// Its owner is somebody else from here on.
  int release() noexcept { return std::exchange(number_, -1); }
  /// Closes now.  0, or the errno of a close that lost data (network file systems report a full disk here).
  int close() noexcept;

 private:
  int number_ = -1;
};

}  // namespace farkeep
