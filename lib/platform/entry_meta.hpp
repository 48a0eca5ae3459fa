#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.hpp"

namespace farkeep {

/// What an entry of a file tree is.  The values stand in stored catalogs: never renumber.
enum class EntryKind : std::uint8_t { file = 1, folder, symlink, fifo, socket, char_device, block_device };

/// An extended attribute, ACLs (system.posix_acl_*) and file capabilities (security.capability) among them.
/// An empty value is a value.
struct Xattr {
  std::string name;
  Buffer value;
  bool operator==(const Xattr&) const = default;
};

/// The extended attributes of an entry that could be had.
struct Xattrs {
  std::vector<Xattr> kept;  ///< in the system's order
  std::string lost;         ///< not empty: it has others; which, and why they are not here
};

/// The whole seconds at which times in nanoseconds stop, a second before the ends of the range: what lies beyond 1677 to 2262 is so many nanoseconds into one of them.
inline constexpr std::int64_t kFirstFarSecond = -9'223'372'036, kLastFarSecond = 9'223'372'035;

/// What lstat tells.  Times are nanoseconds since 1970 UTC, negative before.
struct EntryStat {
  EntryKind kind = EntryKind::file;
  std::uint32_t mode = 0;  ///< permission bits, setuid, setgid, sticky: 07777
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t mtime_far = 0;  ///< seconds to be added to it: not 0 only beyond 1677 to 2262, where mtime_ns stops
  std::int64_t ctime_ns = 0;
  std::uint64_t size = 0;
  std::uint64_t inode = 0;
  std::uint64_t device = 0;  ///< of the file system it lies on
  std::uint64_t links = 0;
  std::uint32_t device_major = 0;  ///< of a device node
  std::uint32_t device_minor = 0;
  std::uint64_t blocks512 = 0;  ///< what it occupies, in units of 512 bytes

  bool operator==(const EntryStat&) const = default;
};

inline bool is_later(const EntryStat& a, const EntryStat& b) { return a.mtime_far != b.mtime_far ? a.mtime_far > b.mtime_far : a.mtime_ns > b.mtime_ns; }
inline bool same_mtime(const EntryStat& a, const EntryStat& b) { return a.mtime_far == b.mtime_far && a.mtime_ns == b.mtime_ns; }

/// Names of users and groups, asked from the system once each.  Not thread-safe: one per thread, or under a lock.
/// A returned reference holds until the next call.
class OwnerNames {
 public:
  /// Empty when the id has no name.
  const std::string& user(std::uint32_t uid);
  const std::string& group(std::uint32_t gid);
  std::optional<std::uint32_t> uid(const std::string& name);
  std::optional<std::uint32_t> gid(const std::string& name);

 private:
  std::unordered_map<std::uint32_t, std::string> users_, groups_;
  std::unordered_map<std::string, std::optional<std::uint32_t>> uids_, gids_;
};

}  // namespace farkeep
