#include "crypto/locked_key.hpp"

#include <mutex>
#include <new>
#include <vector>

#include "base/log.hpp"
#include "platform/process.hpp"

namespace farkeep {
namespace {

// 512 keys: a root key, and the sessions of a listing.  16 KiB stay far below the limit on locked memory of any system (64 KiB where it is least).
constexpr std::size_t kPage = 4096, kPages = 4, kRoom = kPage * kPages / sizeof(SecretKey);

class Pool {
 public:
  // Never destroyed: keys of statics end after it otherwise.
  static Pool& only() {
    static Pool* const pool = new Pool;
    return *pool;
  }
  void* take() {
    std::lock_guard held(lock_);
    if (free_.empty()) return nullptr;
    void* const place = free_.back();
    free_.pop_back();
    return place;
  }
  void give_back(void* place) {
    std::lock_guard held(lock_);
    free_.push_back(place);
  }
  bool has(const void* place) const {
    const auto* at = static_cast<const std::uint8_t*>(place);
    return pages_ != nullptr && at >= pages_ && at < pages_ + kPage * kPages;
  }

 private:
  Pool() {
    auto* const pages = static_cast<std::uint8_t*>(::operator new(kPage * kPages, std::align_val_t{kPage}));
    if (!lock_memory(ByteView{pages, kPage * kPages})) {
      log_debug("the system does not let keys be locked in memory (a limit on locked memory): they may be swapped out");
      ::operator delete(pages, std::align_val_t{kPage});
      return;
    }
    pages_ = pages;
    free_.reserve(kRoom);
    for (std::size_t i = 0; i < kRoom; ++i) free_.push_back(pages_ + i * sizeof(SecretKey));
  }

  std::mutex lock_;
  std::uint8_t* pages_ = nullptr;
  std::vector<void*> free_;
};

SecretKey* new_key() {
  void* const place = Pool::only().take();
  return place ? new (place) SecretKey : new SecretKey;
}

}  // namespace

LockedKey::LockedKey() : key_(new_key()) {}

LockedKey::LockedKey(const SecretKey& key) : key_(new_key()) { *key_ = key.copy(); }

LockedKey::~LockedKey() {
  if (key_ == nullptr) return;
  if (Pool::only().has(key_)) {
    key_->~SecretKey();
    Pool::only().give_back(key_);
  } else {
    delete key_;
  }
}

bool LockedKey::is_locked() const noexcept { return Pool::only().has(key_); }

}  // namespace farkeep
