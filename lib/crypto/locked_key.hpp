#pragma once

#include "crypto/secret.hpp"

namespace farkeep {

/// A key that lives as long as a run or the process, kept from swap and core dumps: it lies in a few pages that are locked in memory.
///
/// Where the system does not allow that (RLIMIT_MEMLOCK), or more keys live than there is room for, it lies on the heap as any other, and that is said once in the log, at
/// debug level.  Wiped at the end.  Moved, never copied by accident.  Safe to make and drop from several threads.
class LockedKey {
 public:
  /// Zeros, to be filled.
  LockedKey();
  explicit LockedKey(const SecretKey& key);
  LockedKey(LockedKey&& other) noexcept : key_(std::exchange(other.key_, nullptr)) {}
  LockedKey& operator=(LockedKey&& other) noexcept {
    std::swap(key_, other.key_);
    return *this;
  }
  ~LockedKey();

  const SecretKey& operator*() const noexcept { return *key_; }
  SecretKey& operator*() noexcept { return *key_; }
  const SecretKey* operator->() const noexcept { return key_; }
  SecretKey* operator->() noexcept { return key_; }
  /// Whether it lies in locked memory, for tests.
  bool is_locked() const noexcept;

 private:
  SecretKey* key_;
};

}  // namespace farkeep
