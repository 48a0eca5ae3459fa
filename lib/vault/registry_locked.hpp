#pragma once

#include <chrono>
#include <thread>

#include "base/error.hpp"
#include "vault/registry.hpp"

namespace farkeep {

/// One change of the registry at a time: the lock file, between processes; the mutex, between our threads.
class Registry::Locked {
 public:
  explicit Locked(Registry& registry) : guard_(registry.mutex_) {
    auto const path = registry.folder_ + "/lock";
    for (int i = 0; i < kTries; ++i) {
      lock_ = registry.disk_.lock(path);
      if (lock_) return;
      std::this_thread::sleep_for(kPause);
    }
    throw failure(Errc::busy, "changing the registry: " + path + " is held by another process; try again, and if it stays so, look for a hanging farkeep-server");
  }

 private:
  static constexpr int kTries = 600;  // three seconds: every holder needs milliseconds
  static constexpr auto kPause = std::chrono::milliseconds{5};

  std::lock_guard<std::mutex> guard_;
  std::unique_ptr<DiskLock> lock_;
};

}  // namespace farkeep
