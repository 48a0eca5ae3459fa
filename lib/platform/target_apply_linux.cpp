#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <limits>
#include <system_error>

#include "base/error.hpp"
#include "platform/printable.hpp"
#include "platform/stat_linux.hpp"
#include "platform/target_posix.hpp"
#include "platform/xattr_linux.hpp"

namespace farkeep {
namespace posix {
namespace {

constexpr std::uint32_t kSetUid = 04000, kSetGid = 02000;
constexpr const char* kForItsOwner = "set-uid and set-gid bits are given only with the owner and group that they are meant for: restore as root";

struct OwnerState {
  bool user_right, group_right;
  bool changed = false;
};

timespec to_timespec(const EntryStat& stat) {
  // Downwards, also before 1970: the nanoseconds of a timespec are never negative.
  std::chrono::nanoseconds const near{stat.mtime_ns};
  auto const whole = std::chrono::floor<std::chrono::seconds>(near);
  return {whole.count() + stat.mtime_far, (near - whole).count()};
}

OwnerState apply_owner(const ApplyTo& to, TargetContext& context, const EntryStat& stat, const OwnerText& text,
                       NotApplied& missing) {
  if (context.options.ownership == Ownership::none) return {to.now.st_uid == stat.uid, to.now.st_gid == stat.gid};
  auto const want = context.owner_for(stat, text);
  OwnerState state{to.now.st_uid == want.uid, to.now.st_gid == want.gid};
  if (state.user_right && state.group_right) return state;
  auto const chown = [&](uid_t uid, gid_t gid) { return ::fchownat(to.descriptor, "", uid, gid, AT_EMPTY_PATH) == 0; };
  constexpr auto kSame = static_cast<uid_t>(-1);
  if (chown(want.uid, want.gid)) return {true, true, true};
  // Without privilege one may still give a file to a group of one's own.
  if (!state.group_right && chown(kSame, want.gid)) state.group_right = state.changed = true;
  missing.owner = true;
  say_why(missing, errno);
  return state;
}

constexpr std::string_view kCapability = "security.capability";

bool is_acl(std::string_view name) { return name == "system.posix_acl_access" || name == "system.posix_acl_default"; }

/// True when the ACL was touched, which changes the mode.
bool apply_xattrs(const ApplyTo& to, Special special, std::span<const Xattr> xattrs, NotApplied& missing) {
  if (xattrs.empty() && !to.had_xattrs) return false;
  XattrPlace const place =
      to.path_only ? XattrPlace::of_path_only(to.descriptor, to.shown) : XattrPlace::of(to.descriptor, to.shown);
  bool acl = false;
  if (to.had_xattrs) {
    std::vector<std::string> there;
    try {
      there = place.names();
    } catch (const failure& f) {
      missing.xattrs.emplace_back("*");
      if (missing.why.empty()) missing.why = f.what();
    }
    for (const std::string& name : there) {
      // Labels and the like (security.*, trusted.*) are the system's own business.
      bool const ours = is_acl(name) || name.starts_with("user.");
      auto const same = [&](const Xattr& x) { return x.name == name; };
      if (!ours || std::any_of(xattrs.begin(), xattrs.end(), same)) continue;
      acl |= is_acl(name);
      if (place.remove(name) || errno == ENODATA) continue;
      say_why(missing, errno);
      missing.xattrs.push_back(name);
    }
  }
  for (const Xattr& x : xattrs) {
    if (special == Special::leave_out && x.name == kCapability) {
      missing.left_out = true;
      continue;
    }
    acl |= is_acl(x.name);
    if (place.set(x)) continue;
    say_why(missing, errno);
    missing.xattrs.push_back(x.name);
  }
  return acl;
}

void apply_mode(const ApplyTo& to, Special special, const EntryStat& stat, const OwnerState& owner, bool acl, NotApplied& missing) {
  if (S_ISLNK(to.now.st_mode)) return;
  std::uint32_t want = stat.mode & 07777;
  if (!S_ISDIR(to.now.st_mode)) {
    // Setuid for another owner than it was meant for would hand out that owner's rights; on a folder setgid only says
    // to which group new files belong.
    std::uint32_t const unsafe = (owner.user_right ? 0 : kSetUid) | (owner.group_right ? 0 : kSetGid);
    if ((want & unsafe) != 0) {
      missing.mode = true;
      if (missing.why.empty()) missing.why = kForItsOwner;
    }
    want &= ~unsafe;
    // What is there already for the same owner gives nobody anything new.
    std::uint32_t const there = owner.changed ? 0 : to.now.st_mode & (kSetUid | kSetGid);
    std::uint32_t const new_rights = want & (kSetUid | kSetGid) & ~there;
    if (special == Special::leave_out && new_rights != 0) {
      want &= ~new_rights;
      missing.left_out = true;
    }
  }
  // A change of owner takes setuid and setgid away, so they always come after it.
  bool const taken_away = owner.changed && (want & (kSetUid | kSetGid)) != 0;
  if ((to.now.st_mode & 07777) == want && !acl && !taken_away) return;
  int const r = to.path_only ? ::chmod(path_of(to.descriptor).c_str(), want) : ::fchmod(to.descriptor, want);
  if (r != 0) {
    say_why(missing, errno);
    missing.mode = true;
  } else if ((want & kSetGid) != 0) {
    // The kernel leaves setgid out without a word when we are not of that group.
    struct stat after;
    if (::fstat(to.descriptor, &after) == 0 && (after.st_mode & 07777) == want) return;
    missing.mode = true;
    if (missing.why.empty()) missing.why = kForItsOwner;
  }
}

void apply_times(const ApplyTo& to, const EntryStat& stat, NotApplied& missing) {
  timespec const times[2] = {{0, UTIME_OMIT}, to_timespec(stat)};
  // Of a path the first needs Linux 5.8; the second needs /proc.
  bool const set = to.path_only ? ::utimensat(to.descriptor, "", times, AT_EMPTY_PATH) == 0 || ::utimensat(AT_FDCWD, path_of(to.descriptor).c_str(), times, 0) == 0
                                : ::futimens(to.descriptor, times) == 0;
  if (!set) {
    missing.times = true;
    say_why(missing, errno);
    return;
  }
  // Beyond what it holds a file system has the nearest time, without a word.
  constexpr std::int64_t kAllHoldFrom = 315'619'200, kAllHoldTo = std::numeric_limits<std::int32_t>::max();  // 1980-01-02 (FAT, in any zone) to 2038
  constexpr std::uint64_t kCoarsest = 2;
  std::int64_t const want = times[1].tv_sec;
  struct stat now;
  if ((want >= kAllHoldFrom && want <= kAllHoldTo) || ::fstat(to.descriptor, &now) != 0) return;
  std::int64_t const got = now.st_mtim.tv_sec;
  if (static_cast<std::uint64_t>(std::max(got, want)) - static_cast<std::uint64_t>(std::min(got, want)) <= kCoarsest) return;
  missing.times = true;
  if (missing.why.empty()) missing.why = "the file system of the target holds no such time, and has the nearest: restore to one that does";
}

}  // namespace

void say_why(NotApplied& missing, int error) {
  if (!missing.why.empty()) return;
  switch (error) {
    case EPERM:
    case EACCES:
      missing.why = ::geteuid() == 0 ? "the system does not permit it: look for an immutable flag (lsattr, chattr -i), and for what this root may not" : "this user may not: restore as root";
      return;
    case ENOTSUP:
      missing.why = "the file system of the target has nothing of the kind: restore to one that has";
      return;
    case ENOSPC:
    case EDQUOT:
    case E2BIG:
    case ERANGE:
      missing.why = "the file system of the target has no room for it: restore to one that takes more, ext4 takes 4 KiB an entry";
      return;
    default:
      missing.why = std::generic_category().message(error);
  }
}

// Each step undoes something of a later one if it came after it: 1. owner (drops setuid and capabilities)
// 2. attributes (an ACL changes the mode)  3. mode  4. times
NotApplied apply_metadata(const ApplyTo& to, TargetContext& context, const EntryStat& stat,
                          std::span<const Xattr> xattrs, const OwnerText& text) {
  NotApplied missing;
  OwnerState const owner = apply_owner(to, context, stat, text, missing);
  bool const acl = apply_xattrs(to, context.options.special, xattrs, missing);
  apply_mode(to, context.options.special, stat, owner, acl, missing);
  apply_times(to, stat, missing);
  return missing;
}

}  // namespace posix

std::string NotApplied::text() const {
  std::string out;
  auto const add = [&](std::string_view what) { (out += out.empty() ? "" : ", ") += what; };
  if (entry) add("the entry itself");
  if (owner) add("owner");
  if (mode) add("mode");
  if (times) add("times");
  for (const std::string& x : xattrs) add("attribute " + printable(x));
  return out;
}

}  // namespace farkeep
