#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "platform/descriptor.hpp"
#include "platform/entry_meta.hpp"

namespace farkeep {

/// Writing a restored tree, without ever leaving the target folder.
///
/// Everything is relative to an open folder, names are single components, and no symlink below the root is followed,
/// whether it stood there before, came from the snapshot, or was put there by somebody while the restore runs.
/// A file becomes visible under its name when it is finished; what is abandoned is removed.
/// What the process lacks the privilege for (owners, devices, some attributes) is reported, not fatal: NotApplied.
/// All calls block.  All throw failure: malformed for a name that is not one component, no_space, exists, or the
/// system's code.  Folders: safe from many threads.  Files: one thread each.

enum class Overwrite {
  always,
  if_changed,  ///< unless kind, size and mtime are what the snapshot has
  if_newer,    ///< if the snapshot's mtime is later than that of what is there
  never,
};

enum class Ownership {
  names,  ///< by name where this machine knows the name, by id otherwise
  ids,
  none,  ///< everything belongs to whoever restores
};

/// What gives rights to whoever finds it: device nodes, set-uid and set-gid bits of files, and file capabilities.
enum class Special {
  restore,
  leave_out,  ///< device nodes are not made, and nothing gains a bit or a capability; what an entry that is kept has already, stays
};

struct TargetOptions {
  Overwrite overwrite = Overwrite::always;
  Special special = Special::restore;
  Ownership ownership = Ownership::names;
  /// The caller saw that the root is empty, so nothing is looked up, and files are made under their final names: 15
  /// instead of 21 us of processor time per small file on tmpfs (platform_bench).  A name that exists after all is a
  /// failure (exists). The price: a crash may leave an unfinished file under its final name.  Folders that this restore
  /// made are treated so too, under the modes of overwriting that would replace such a file the next time.
  enum class Found { anything, nothing } found = Found::anything;
  /// by_component: never use openat2(2).  It is for systems without it, and for tests.
  enum class Walk { best, by_component } walk = Walk::best;
};

/// What could not be applied to an entry.
struct NotApplied {
  bool entry = false;  ///< it could not even be made: a device node without privilege
  bool owner = false;
  bool mode = false;  ///< also: setuid or setgid left out, because the owner is not the one it was meant for
  bool times = false;
  std::vector<std::string> xattrs;  ///< names; "*": what there was could not be listed
  std::string why;  ///< of the first of these: the reason, and what to do about it
  bool left_out = false;  ///< not for want of rights: Special::leave_out.  No part of any() and text()
  bool unproven = false;  ///< what was kept gets it only if its content is written anew.  No part of any() and text()

  bool any() const { return entry || owner || mode || times || !xattrs.empty(); }
  /// "owner, mode, attribute 'user.x'"; empty when nothing is missing.
  std::string text() const;
};

/// The owner's names as the snapshot has them; empty when unknown.
struct OwnerText {
  std::string_view user, group;
};

/// Which entry a name stood for.  A number may be given again once the entry is deleted, to something that was made
/// after it: so a hard link can be led to what somebody put in the target folder meanwhile, but never to what existed
/// before.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  EntryKind kind = EntryKind::file;
  bool operator==(const FileIdentity&) const = default;
};

/// What to do about one name, decided before its content is fetched.
struct TargetPlan {
  enum class Action { create, replace, keep } action = Action::create;
  FileIdentity existing;  ///< of what is there; nothing for create
  bool same = false;      ///< what is there has the kind, size and mtime that the snapshot has
};

/// Unfinished restore files begin so.  What a crash leaves of them is removed by the next restore that comes to their folder; a restore that is still at work
/// keeps its own.
inline constexpr std::string_view kTargetTemporaryPrefix = ".farkeep-restore-";

class TargetContext;

/// A regular file being written.  Dropped before finish(), it disappears.
class TargetFile {
 public:
  ~TargetFile();
  void write_at(std::uint64_t offset, ByteView bytes);
  /// The final length.  What was not written is a hole.
  void set_size(std::uint64_t size);
  /// Owner, attributes, mode, times, in this order; then the file takes its name.  Once.
  NotApplied finish(const EntryStat& stat, std::span<const Xattr> xattrs, const OwnerText& owner = {});
  /// After finish(): what TargetFolder::hardlink() wants to see.
  FileIdentity identity() const { return identity_; }

 private:
  friend class TargetFolder;
  TargetFile() = default;

  std::shared_ptr<TargetContext> context_;
  std::shared_ptr<const Descriptor> folder_;
  Descriptor file_;
  Descriptor lock_;  // a copy of it, which holds the lock until the file has its name; none when it is not locked
  std::string name_;
  std::string made_as_;  // equal to name_ when there is no temporary name; empty when there is nothing to remove
  bool replace_ = false;
  bool inherits_acl_ = false;
  FileIdentity identity_;
};

class TargetFolder {
 public:
  /// Opens the root, made with the folders above it when missing.  A symlink there is the administrator's own:
  /// followed.
  static std::shared_ptr<TargetFolder> open_root(const std::string& path, const TargetOptions& options);
  ~TargetFolder();

  /// A child folder: made (mode 0700 until apply()), or the one that is there.  Anything else that has the name is
  /// removed under Overwrite::always and if_changed, and a failure (exists) otherwise.
  /// One of our own that its mode does not let us write to is opened for us, until leave() or apply().
  std::shared_ptr<TargetFolder> folder(const std::string& name) const;
  /// Whether this call of folder() made it.
  bool made() const { return made_; }
  /// It stood there, and keeps its metadata under these options.
  bool keeps_own(const EntryStat& wanted) const;
  Overwrite overwrite() const;
  /// Its mode was changed to get in.
  bool opened_up() const { return mode_before_ >= 0; }
  /// Puts back the mode that was changed to get in.  For folders whose metadata stays; the last one to let go does it, too.
  void leave() const noexcept;
  /// An existing folder any number of levels below, "a/b/c".
  std::shared_ptr<TargetFolder> descend(const std::string& relative) const;

  /// For everything but folders.
  TargetPlan plan(const std::string& name, const EntryStat& wanted) const;

  // The following take a plan of create or replace.  Replacing removes an empty folder; a full one is a failure
  // (exists).
  std::unique_ptr<TargetFile> file(const std::string& name, const TargetPlan& plan) const;
  NotApplied symlink(const std::string& name, const TargetPlan& plan, const std::string& target, const EntryStat& stat,
                     std::span<const Xattr> xattrs, const OwnerText& owner = {}) const;
  /// A fifo, a socket's name, or a device node.
  NotApplied special(const std::string& name, const TargetPlan& plan, const EntryStat& stat,
                     std::span<const Xattr> xattrs, const OwnerText& owner = {}) const;
  /// Another name for an entry that this restore finished, or kept (then plan().existing is its identity).  If
  /// `of_name` is not the entry with that identity any more, it is a failure (io) and no name is made.
  void hardlink(const std::string& name, const TargetPlan& plan, const TargetFolder& of_folder,
                const std::string& of_name, const FileIdentity& of) const;

  /// For hardlink(), of a symlink or special file that was just made.
  FileIdentity identity(const std::string& name) const;

  /// Metadata of the folder itself: after its content, which would change its times and may need its permissions.
  NotApplied apply(const EntryStat& stat, std::span<const Xattr> xattrs, const OwnerText& owner = {}) const;
  /// Metadata of an entry that was kept because it is the same (TargetPlan::same).  Two things are left alone, and what differs is reported: something with
  /// further hard links (whose other names may be files that nobody restores), and a file that should get setuid,
  /// setgid or a capability (whose content nobody compared): NotApplied::unproven.
  NotApplied apply(const std::string& name, const EntryStat& stat, std::span<const Xattr> xattrs,
                   const OwnerText& owner = {}) const;

  /// Makes everything written to this file system durable: once, at the end.
  void sync() const;

 private:
  TargetFolder(std::shared_ptr<TargetContext> context, Descriptor folder, std::string name, bool made,
               bool inherits_acl);
  std::shared_ptr<TargetFolder> child(Descriptor folder, const std::string& name, bool made) const;
  void look_around();
  /// Nobody but this restore has put anything here.
  bool fresh() const;
  template <class Make>
  NotApplied node(const std::string& name, const TargetPlan& plan, const EntryStat& stat, std::span<const Xattr> xattrs,
                  const OwnerText& owner, Make make) const;

  std::shared_ptr<TargetContext> context_;
  std::shared_ptr<const Descriptor> folder_;
  std::string name_;
  bool made_;          // by this restore
  EntryStat found_;    // when it was not made
  mutable std::atomic<int> mode_before_ = -1;  // to be put back
  bool inherits_acl_;  // new entries get an ACL from a default ACL that stood here
};

}  // namespace farkeep
