#include "platform/hint_files.hpp"

#include <utility>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "platform/atomic_file.hpp"

namespace farkeep {
namespace {
constexpr std::size_t kAtOnce = 8;                    // two syncs each: what a caller waits for besides its own
constexpr std::size_t kMostOfOld = limits::kMiB;  // as much as is compared of a file that could not be written
}

void HintFiles::write(const std::string& path, ByteView bytes) { put_or_keep(path, to_buffer(bytes)); }

void HintFiles::remove(const std::string& path) { put_or_keep(path, std::nullopt); }

std::optional<Buffer> HintFiles::read(const std::string& path, std::size_t limit) const {
  if (const auto at = unwritten_.find(path); at != unwritten_.end()) {
    if (counts(path, at->second)) return at->second.bytes;
    unwritten_.erase(at);
  }
  return read_file(disk_, path, limit);
}

bool HintFiles::write_rest() {
  try {
    insist();
  } catch (const failure&) {
    return false;  // it is told already
  }
  return true;
}

void HintFiles::insist() { write_some(unwritten_.size()); }

// In turn, so that one which can never be written does not keep the others in memory.
void HintFiles::write_some(std::size_t most) {
  for (std::size_t n = 0; n < most && !unwritten_.empty(); ++n) {
    auto next = unwritten_.upper_bound(tried_);
    if (next == unwritten_.end()) next = unwritten_.begin();
    tried_ = next->first;
    if (counts(next->first, next->second)) put(next->first, next->second.bytes);
    unwritten_.erase(next);
  }
  if (!unwritten_.empty()) return;
  if (told_) log_info("the disk takes small files again: nothing is kept in memory alone any more");
  told_ = false;
}

void HintFiles::put(const std::string& path, const std::optional<Buffer>& bytes) {
  if (!bytes) {
    if (disk_.exists(path)) disk_.remove(path);
    return;
  }
  const std::string folder = path.substr(0, path.find_last_of('/'));
  if (!disk_.exists(folder)) disk_.make_folders(folder);
  write_file_atomically(disk_, path, *bytes);
}

void HintFiles::put_or_keep(const std::string& path, std::optional<Buffer> bytes) {
  unwritten_.erase(path);
  try {
    put(path, bytes);
  } catch (const failure& f) {
    unwritten_[path] = Unwritten{std::move(bytes), on_disk(path)};
    if (!told_) log_warning("{}; this program goes on, but {} (make room on that disk, or make it writable)", f.what(), without_);
    told_ = true;
    return;
  }
  try {
    write_some(kAtOnce);
  } catch (const failure&) {
    // told already
  }
}

std::optional<std::optional<Buffer>> HintFiles::on_disk(const std::string& path) const {
  try {
    return std::optional<std::optional<Buffer>>(std::in_place, read_file(disk_, path, kMostOfOld));
  } catch (const failure&) {
    return std::nullopt;
  }
}

// Not where another process has written since: that one knows more.
bool HintFiles::counts(const std::string& path, Unwritten& unwritten) const {
  const auto now = on_disk(path);
  if (!now) return true;
  if (!unwritten.before) unwritten.before = now;
  return *unwritten.before == *now;
}

}  // namespace farkeep
