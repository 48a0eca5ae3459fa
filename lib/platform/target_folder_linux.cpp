#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>

#include "base/check.hpp"
#include "base/error.hpp"
#include "platform/folder_posix.hpp"
#include "platform/io_posix.hpp"
#include "platform/printable.hpp"
#include "platform/stat_linux.hpp"
#include "platform/target_posix.hpp"
#include "platform/xattr_linux.hpp"

namespace farkeep {
namespace {

using posix::again_if_interrupted;
using Action = TargetPlan::Action;

constexpr int kOpenTarget = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

[[noreturn]] void fail(const std::string& name) { throw_errno(errno, "restoring " + printable(name)); }

bool has_default_acl(int folder) { return ::fgetxattr(folder, "system.posix_acl_default", nullptr, 0) > 0; }

/// A folder of our own that we may not even read: its mode before it was opened, or -1.
int open_up(int folder, const std::string& name, std::uint32_t our_uid) {
  Descriptor const held{::openat(folder, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
  struct stat st;
  if (!held || ::fstat(held.get(), &st) != 0 || st.st_uid != our_uid) return -1;
  mode_t const mode = st.st_mode & 07777;
  return ::chmod(posix::path_of(held.get()).c_str(), mode | S_IRWXU) == 0 ? static_cast<int>(mode) : -1;
}

FileIdentity identity_of(const EntryStat& s) { return {s.device, s.inode, s.kind}; }

bool same(const EntryStat& a, const EntryStat& b) {
  return a.kind == b.kind && same_mtime(a, b) && a.size == b.size && a.device_major == b.device_major &&
         a.device_minor == b.device_minor;
}

}  // namespace

TargetFolder::TargetFolder(std::shared_ptr<TargetContext> context, Descriptor folder, std::string name, bool made,
                           bool inherits_acl)
    : context_(std::move(context)),
      folder_(std::make_shared<Descriptor>(std::move(folder))),
      name_(std::move(name)),
      made_(made),
      inherits_acl_(inherits_acl) {}

TargetFolder::~TargetFolder() { leave(); }

void TargetFolder::leave() const noexcept {
  int const mode = mode_before_.exchange(-1);
  if (mode >= 0) static_cast<void>(::fchmod(folder_->get(), static_cast<mode_t>(mode)));  // if it fails, it is somebody else's by now
}

bool TargetFolder::keeps_own(const EntryStat& wanted) const {
  if (made_) return false;
  auto const overwrite = context_->options.overwrite;
  return overwrite == Overwrite::never || (overwrite == Overwrite::if_newer && !is_later(wanted, found_));
}

Overwrite TargetFolder::overwrite() const { return context_->options.overwrite; }

bool TargetFolder::fresh() const {
  if (context_->options.found == TargetOptions::Found::nothing) return true;
  auto const overwrite = context_->options.overwrite;
  return made_ && (overwrite == Overwrite::always || overwrite == Overwrite::if_changed);
}

std::shared_ptr<TargetFolder> TargetFolder::open_root(const std::string& path, const TargetOptions& options) {
  posix::make_folders(path);
  Descriptor folder{again_if_interrupted([&] { return ::open(path.c_str(), kOpenTarget); })};
  if (!folder) fail(path);
  bool const inherits = has_default_acl(folder.get());
  std::shared_ptr<TargetFolder> out{new TargetFolder{std::make_shared<TargetContext>(options), std::move(folder), path, false, inherits}};
  out->look_around();
  return out;
}

// A folder that stood there: 1. what it was  2. our way in, where it is our own and closed to us  3. what earlier restores left in it
void TargetFolder::look_around() {
  int const here = folder_->get();
  struct stat st;
  if (::fstat(here, &st) != 0) fail(name_);
  found_ = posix::entry_stat(st);
  if (st.st_uid == context_->our_uid && ::faccessat(here, ".", R_OK | W_OK | X_OK, AT_EACCESS) != 0 && errno == EACCES &&
      ::fchmod(here, (st.st_mode & 07777) | S_IRWXU) == 0)
    mode_before_ = static_cast<int>(st.st_mode & 07777);
  if (context_->options.found == TargetOptions::Found::anything) posix::remove_leftovers(here);
}

// 1. make it  2. or open what is there, if it is a folder  3. or clear it away, if that is wanted, and make it
std::shared_ptr<TargetFolder> TargetFolder::folder(const std::string& name) const {
  posix::check_target_name(name);
  int const here = folder_->get();
  auto const make = [&] { return ::mkdirat(here, name.c_str(), 0700) == 0; };
  auto const open = [&] {
    return Descriptor{again_if_interrupted([&] { return ::openat(here, name.c_str(), kOpenTarget | O_NOFOLLOW); })};
  };
  bool made = make();
  if (!made && errno != EEXIST) fail(name);
  Descriptor inner = open();
  int mode_before = -1;
  if (!inner && errno == EACCES) {
    mode_before = open_up(here, name, context_->our_uid);
    inner = open();
  }
  if (!inner && (errno == ENOTDIR || errno == ELOOP)) {
    auto const overwrite = context_->options.overwrite;
    if (overwrite != Overwrite::always && overwrite != Overwrite::if_changed)
      throw failure(Errc::exists, "restoring folder " + printable(name) + ": something else has the name");
    if (::unlinkat(here, name.c_str(), 0) != 0) fail(name);
    made = make();
    if (!made) fail(name);
    inner = open();
  }
  if (!inner) fail(name);
  auto out = child(std::move(inner), name, made);
  if (!made) out->look_around();
  if (mode_before >= 0) out->mode_before_ = mode_before;
  return out;
}

std::shared_ptr<TargetFolder> TargetFolder::descend(const std::string& relative) const {
  Descriptor inner = posix::open_beneath(folder_->get(), relative, context_->options.walk);
  if (!inner) fail(relative);
  return child(std::move(inner), relative, false);
}

std::shared_ptr<TargetFolder> TargetFolder::child(Descriptor folder, const std::string& name, bool made) const {
  bool const inherits = made ? inherits_acl_ : has_default_acl(folder.get());
  return std::shared_ptr<TargetFolder>{new TargetFolder{context_, std::move(folder), name, made, inherits}};
}

TargetPlan TargetFolder::plan(const std::string& name, const EntryStat& wanted) const {
  posix::check_target_name(name);
  if (fresh()) return {};
  struct stat st;
  if (::fstatat(folder_->get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {};
    fail(name);
  }
  EntryStat const there = posix::entry_stat(st);
  bool const as_wanted = same(there, wanted);
  bool keep = false;
  switch (context_->options.overwrite) {
    case Overwrite::always:
      break;
    case Overwrite::if_changed:
      keep = as_wanted;
      break;
    case Overwrite::if_newer:
      keep = !is_later(wanted, there);
      break;
    case Overwrite::never:
      keep = true;
      break;
  }
  return {keep ? Action::keep : Action::replace, identity_of(there), as_wanted};
}

std::unique_ptr<TargetFile> TargetFolder::file(const std::string& name, const TargetPlan& plan) const {
  posix::check_target_name(name);
  FARKEEP_CHECK(plan.action != Action::keep);
  bool const direct = fresh();
  std::string made_as = direct ? name : context_->temporary_name();
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  Descriptor file{again_if_interrupted([&] { return ::openat(folder_->get(), made_as.c_str(), kFlags, 0600); })};
  if (!file) fail(name);
  if (!direct) ::flock(file.get(), LOCK_EX | LOCK_NB);  // so that another restore sees that it is no leftover
  std::unique_ptr<TargetFile> out{new TargetFile};
  out->context_ = context_;
  out->folder_ = folder_;
  out->file_ = std::move(file);
  out->name_ = name;
  out->made_as_ = std::move(made_as);
  out->replace_ = plan.action == Action::replace;
  out->inherits_acl_ = inherits_acl_;
  return out;
}

NotApplied TargetFolder::symlink(const std::string& name, const TargetPlan& plan, const std::string& target,
                                 const EntryStat& stat, std::span<const Xattr> xattrs, const OwnerText& owner) const {
  if (target.find('\0') != std::string::npos)
    throw failure(Errc::malformed, "restoring link " + printable(name) + " to " + printable(target));
  return node(name, plan, stat, xattrs, owner,
              [&](const char* at) { return ::symlinkat(target.c_str(), folder_->get(), at); });
}

NotApplied TargetFolder::special(const std::string& name, const TargetPlan& plan, const EntryStat& stat,
                                 std::span<const Xattr> xattrs, const OwnerText& owner) const {
  mode_t type = 0;
  dev_t device = 0;
  switch (stat.kind) {
    case EntryKind::fifo:
      type = S_IFIFO;
      break;
    case EntryKind::socket:
      type = S_IFSOCK;
      break;
    case EntryKind::char_device:
      type = S_IFCHR;
      break;
    case EntryKind::block_device:
      type = S_IFBLK;
      break;
    default:
      throw failure(Errc::malformed, "restoring " + printable(name) + " as a special file");
  }
  if (type == S_IFCHR || type == S_IFBLK) {
    if (context_->options.special == Special::leave_out) {
      NotApplied missing;
      missing.left_out = true;
      return missing;
    }
    device = makedev(stat.device_major, stat.device_minor);
  }
  return node(name, plan, stat, xattrs, owner,
              [&](const char* at) { return ::mknodat(folder_->get(), at, type | 0600, device); });
}

// 1. make it  2. hold it, without opening what it stands for  3. metadata  4. the name
template <class Make>
NotApplied TargetFolder::node(const std::string& name, const TargetPlan& plan, const EntryStat& stat,
                              std::span<const Xattr> xattrs, const OwnerText& owner, Make make) const {
  posix::check_target_name(name);
  FARKEEP_CHECK(plan.action != Action::keep);
  int const here = folder_->get();
  bool const direct = fresh();
  std::string const at = direct ? name : context_->temporary_name();
  NotApplied missing;
  if (make(at.c_str()) != 0) {
    if (errno != EPERM) fail(name);
    posix::say_why(missing, errno);
    missing.entry = true;  // a device node needs CAP_MKNOD
    return missing;
  }
  try {
    Descriptor held{::openat(here, at.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)};
    struct stat now;
    if (!held || ::fstat(held.get(), &now) != 0) fail(name);
    if (posix::entry_stat(now).kind != stat.kind || now.st_nlink != 1 || now.st_uid != context_->our_uid) {
      // Not what we made: somebody who may write here exchanged it, and would have us change the owner of another file.
      missing.owner = missing.mode = missing.times = true;
      missing.why = "somebody exchanged it meanwhile";
    } else {
      posix::ApplyTo const to{held.get(), true, inherits_acl_ && !S_ISLNK(now.st_mode), now, name};
      missing = posix::apply_metadata(to, *context_, stat, xattrs, owner);
    }
    posix::take_place(here, at, name, plan.action == Action::replace);
  } catch (...) {
    ::unlinkat(here, at.c_str(), 0);
    throw;
  }
  return missing;
}

void TargetFolder::hardlink(const std::string& name, const TargetPlan& plan, const TargetFolder& of_folder,
                            const std::string& of_name, const FileIdentity& of) const {
  posix::check_target_name(name);
  posix::check_target_name(of_name);
  FARKEEP_CHECK(plan.action != Action::keep);
  if (plan.action == Action::replace && plan.existing == of) return;  // rename would leave both names
  int const here = folder_->get();
  bool const direct = plan.action == Action::create;  // complete as soon as it exists, so no temporary name
  std::string const at = direct ? name : context_->temporary_name();
  if (::linkat(of_folder.folder_->get(), of_name.c_str(), here, at.c_str(), 0) != 0) fail(name);
  try {
    // Looked at afterwards, because a look beforehand would not bind the name to the file.
    struct stat now;
    if (::fstatat(here, at.c_str(), &now, AT_SYMLINK_NOFOLLOW) != 0) fail(name);
    if (identity_of(posix::entry_stat(now)) != of)
      throw failure(Errc::io, "linking " + printable(name) + " to " + printable(of_name) + ", which was exchanged");
    posix::take_place(here, at, name, !direct);
  } catch (...) {
    ::unlinkat(here, at.c_str(), 0);
    throw;
  }
}

FileIdentity TargetFolder::identity(const std::string& name) const {
  posix::check_target_name(name);
  struct stat now;
  if (::fstatat(folder_->get(), name.c_str(), &now, AT_SYMLINK_NOFOLLOW) != 0) fail(name);
  return identity_of(posix::entry_stat(now));
}

NotApplied TargetFolder::apply(const EntryStat& stat, std::span<const Xattr> xattrs, const OwnerText& owner) const {
  struct stat now;
  if (::fstat(folder_->get(), &now) != 0) fail(name_);
  posix::ApplyTo const to{folder_->get(), false, !made_ || inherits_acl_, now, name_};
  NotApplied missing = posix::apply_metadata(to, *context_, stat, xattrs, owner);
  if (!missing.mode) mode_before_ = -1;
  leave();
  return missing;
}

NotApplied TargetFolder::apply(const std::string& name, const EntryStat& stat, std::span<const Xattr> xattrs,
                               const OwnerText& owner) const {
  posix::check_target_name(name);
  Descriptor held{::openat(folder_->get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)};
  struct stat now;
  if (!held || ::fstat(held.get(), &now) != 0) fail(name);
  EntryStat const there = posix::entry_stat(now);
  auto const capability = [&] {
    auto const is = [](const Xattr& x) { return x.name == "security.capability"; };
    return std::any_of(xattrs.begin(), xattrs.end(), is);
  };
  bool const privileged = there.kind == EntryKind::file && ((stat.mode & 06000) != 0 || capability());
  if (there.kind == stat.kind && (there.kind == EntryKind::folder || there.links == 1) && !privileged) {
    posix::ApplyTo const to{held.get(), true, there.kind != EntryKind::symlink, now, name};
    return posix::apply_metadata(to, *context_, stat, xattrs, owner);
  }
  auto const want = context_->owner_for(stat, owner);
  bool const leave_out = context_->options.special == Special::leave_out;
  std::uint32_t const wanted_mode = leave_out && there.kind == EntryKind::file ? (stat.mode & 01777) | (there.mode & stat.mode & 06000) : stat.mode;
  NotApplied missing;
  missing.left_out = wanted_mode != stat.mode;
  missing.owner = context_->options.ownership != Ownership::none && (there.uid != want.uid || there.gid != want.gid);
  missing.mode = there.mode != wanted_mode && there.kind != EntryKind::symlink;
  missing.times = !same_mtime(there, stat);
  Xattrs const found = posix::XattrPlace::of_path_only(held.get(), name).read();
  std::vector<Xattr> const& has = found.kept;
  for (const Xattr& x : xattrs) {
    if (std::find(has.begin(), has.end(), x) != has.end()) continue;
    if (leave_out && x.name == "security.capability") missing.left_out = true;
    else missing.xattrs.push_back(x.name);
  }
  // One that the snapshot does not know is reason enough where the rest is to be as it was.
  auto const foreign = [&](const Xattr& x) { return x.name.starts_with("user.") && std::none_of(xattrs.begin(), xattrs.end(), [&](auto& w) { return w.name == x.name; }); };
  if (missing.any()) missing.why = there.kind == EntryKind::file ? "it was kept, and its content not compared: --overwrite always writes it anew" : "it was kept, and has further names";
  missing.unproven = there.kind == EntryKind::file && (missing.any() || !found.lost.empty() || std::any_of(has.begin(), has.end(), foreign));
  return missing;
}

void TargetFolder::sync() const {
  if (::syncfs(folder_->get()) != 0) throw_errno(errno, "syncing the file system of " + printable(name_));
}

}  // namespace farkeep
