#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "platform/disk.hpp"
#include "platform/process.hpp"
#include "platform/source_tree.hpp"
#include "platform/target_tree.hpp"
#include "scratch.hpp"

using namespace farkeep;
using namespace farkeep::testing;

namespace {

/// cap_net_raw=ep, in the kernel's form (VFS_CAP_REVISION_2).
Buffer example_capability() { return {1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}; }

EntryStat our_meta(EntryKind kind, std::uint32_t mode) {
  EntryStat s;
  s.kind = kind;
  s.mode = mode;
  s.uid = ::geteuid();
  s.gid = ::getegid();
  s.mtime_ns = -1'234'567'890'123'456'789;  // 1930, and a nanosecond that is not a multiple of anything
  return s;
}

EntryStat owned_by(EntryStat s, std::uint32_t uid, std::uint32_t gid) {
  s.uid = uid;
  s.gid = gid;
  return s;
}

/// What of `now` differs from `want`, among what a restore sets.
std::string difference(const EntryStat& now, const EntryStat& want) {
  std::string out;
  if (now.kind != want.kind) out += " kind";
  if (now.mode != want.mode && want.kind != EntryKind::symlink) out += " mode";
  if (now.uid != want.uid || now.gid != want.gid) out += " owner";
  if (now.mtime_ns != want.mtime_ns) out += " mtime";
  if (now.device_major != want.device_major || now.device_minor != want.device_minor) out += " device";
  return out;
}

/// Makes an entry of any kind called "e" in `folder`.
NotApplied restore(const TargetFolder& folder, const EntryStat& stat, std::span<const Xattr> xattrs = {},
                   const OwnerText& owner = {}) {
  auto const plan = folder.plan("e", stat);
  switch (stat.kind) {
    case EntryKind::file:
      return folder.file("e", plan)->finish(stat, xattrs, owner);
    case EntryKind::folder:
      return folder.folder("e")->apply(stat, xattrs, owner);
    case EntryKind::symlink:
      return folder.symlink("e", plan, "target", stat, xattrs, owner);
    default:
      return folder.special("e", plan, stat, xattrs, owner);
  }
}

bool has(const std::vector<Xattr>& all, const Xattr& x) { return std::find(all.begin(), all.end(), x) != all.end(); }
bool has_name(const std::vector<Xattr>& all, std::string_view name) {
  return std::any_of(all.begin(), all.end(), [&](const Xattr& x) { return x.name == name; });
}

constexpr EntryKind kKinds[] = {EntryKind::file,   EntryKind::folder,      EntryKind::symlink,     EntryKind::fifo,
                                EntryKind::socket, EntryKind::char_device, EntryKind::block_device};

TargetOptions with_if_changed() {
  TargetOptions o;
  o.overwrite = Overwrite::if_changed;
  return o;
}

TargetOptions for_empty(TargetOptions::Found found) {
  TargetOptions o;
  o.found = found;
  return o;
}

}  // namespace

TEST_CASE("metadata: every kind comes back with owner, mode and time") {
  if (!is_root()) {
    WARN("skipped: owners and devices need root");
    return;
  }
  for (auto const found : {TargetOptions::Found::anything, TargetOptions::Found::nothing}) {
    for (EntryKind const kind : kKinds) {
      Scratch s;
      auto const t = TargetFolder::open_root(s.at("t"), for_empty(found));
      EntryStat want = owned_by(our_meta(kind, 01640), 1234, 4321);
      if (kind == EntryKind::char_device || kind == EntryKind::block_device) {
        want.device_major = 259;
        want.device_minor = 70000;  // beyond the eight bits that once were enough
      }
      NotApplied const missing = restore(*t, want);
      INFO(int(kind) << ' ' << missing.text());
      CHECK_FALSE(missing.any());
      CHECK(difference(SourceFolder::open(s.at("t"))->stat("e"), want) == "");
      CHECK(system_disk().list(s.at("t")).size() == 1);
    }
  }
}

TEST_CASE("metadata: what gives rights is left out when it is to be, and what is there already stays") {
  if (!is_root()) {
    WARN("skipped: owners and devices need root");
    return;
  }
  for (auto const found : {TargetOptions::Found::anything, TargetOptions::Found::nothing}) {
    TargetOptions o = for_empty(found);
    o.special = Special::leave_out;
    for (EntryKind const kind : {EntryKind::char_device, EntryKind::block_device}) {
      Scratch s;
      auto const t = TargetFolder::open_root(s.at("t"), o);
      NotApplied const missing = restore(*t, owned_by(our_meta(kind, 0666), 0, 0));
      CHECK(missing.left_out);
      CHECK_FALSE(missing.any());
      CHECK(system_disk().list(s.at("t")).empty());
    }
    for (EntryKind const kind : {EntryKind::file, EntryKind::fifo, EntryKind::folder}) {
      Scratch s;
      auto const t = TargetFolder::open_root(s.at("t"), o);
      EntryStat want = owned_by(our_meta(kind, 06755), 1234, 4321);
      NotApplied const missing = restore(*t, want);
      INFO(int(kind));
      CHECK_FALSE(missing.any());
      CHECK(missing.left_out == (kind != EntryKind::folder));  // on a folder they say whose new files are
      if (kind != EntryKind::folder) want.mode = 0755;
      CHECK(difference(SourceFolder::open(s.at("t"))->stat("e"), want) == "");
    }
    Scratch s;
    auto const t = TargetFolder::open_root(s.at("t"), o);
    const Xattr capability{"security.capability", example_capability()};
    EntryStat want = owned_by(our_meta(EntryKind::file, 0755), 1234, 4321);
    NotApplied const missing = restore(*t, want, std::span(&capability, 1));
    CHECK(missing.left_out);
    CHECK_FALSE(missing.any());
    CHECK(::lgetxattr(s.at("t/e").c_str(), "security.capability", nullptr, 0) < 0);
  }
  Scratch s;
  auto const all = TargetFolder::open_root(s.at("t"), {});
  EntryStat const want = owned_by(our_meta(EntryKind::file, 04755), 0, 0);
  restore(*all, want);
  TargetOptions o = with_if_changed();
  o.special = Special::leave_out;
  auto const again = TargetFolder::open_root(s.at("t"), o);
  TargetPlan const plan = again->plan("e", want);
  REQUIRE(plan.action == TargetPlan::Action::keep);
  CHECK_FALSE(again->apply("e", want, {}, {}).left_out);
  CHECK((SourceFolder::open(s.at("t"))->stat("e").mode & 07777) == 04755);
}

TEST_CASE("metadata: without privilege every kind but devices comes back, and the owner is reported") {
  Scratch s;
  if (!open_to_everybody(s)) return;
  for (EntryKind const kind : kKinds) {
    INFO(int(kind));
    std::string const said = in_unprivileged_child([&]() -> std::string {
      harden_process();  // the way through /proc must work for a process that may not be dumped, too
      auto const folder = s.at("t" + std::to_string(int(kind)));
      auto const t = TargetFolder::open_root(folder, {});
      EntryStat want = owned_by(our_meta(kind, 0640), 0, 0);
      want.device_major = want.device_minor = kind == EntryKind::char_device || kind == EntryKind::block_device ? 1 : 0;
      NotApplied const missing = restore(*t, want);
      if (want.device_major != 0) {
        CHILD_CHECK(missing.entry);
        CHILD_CHECK(system_disk().list(folder).empty());
        return "";
      }
      CHILD_CHECK(!missing.entry);
      CHILD_CHECK(missing.owner);
      CHILD_CHECK(!missing.mode);
      CHILD_CHECK(!missing.times);
      CHILD_CHECK(missing.text() == "owner");
      return difference(SourceFolder::open(folder)->stat("e"), owned_by(want, ::geteuid(), ::getegid()));
    });
    CHECK(said == "");
  }
}

TEST_CASE("metadata: setuid and setgid survive the change of owner") {
  if (!is_root()) {
    WARN("skipped: owners need root");
    return;
  }
  Scratch s;
  auto const t = TargetFolder::open_root(s.path(), {});
  EntryStat const want = owned_by(our_meta(EntryKind::file, 06755), 1234, 4321);
  CHECK_FALSE(restore(*t, want).any());
  CHECK(difference(SourceFolder::open(s.path())->stat("e"), want) == "");
}

TEST_CASE("metadata: setuid for an owner that could not be given is left out and reported") {
  Scratch s;
  if (!open_to_everybody(s)) return;
  std::string const said = in_unprivileged_child([&]() -> std::string {
    auto const t = TargetFolder::open_root(s.at("t"), {});
    NotApplied const missing = restore(*t, owned_by(our_meta(EntryKind::file, 06755), 0, ::getegid()));
    CHILD_CHECK(missing.owner);
    CHILD_CHECK(missing.mode);
    CHILD_CHECK(SourceFolder::open(s.at("t"))->stat("e").mode == 02755);  // the group is the right one
    return "";
  });
  CHECK(said == "");
}

TEST_CASE("metadata: with Ownership::none everything is ours, and nothing setuid for others") {
  Scratch s;
  TargetOptions o;
  o.ownership = Ownership::none;
  auto const t = TargetFolder::open_root(s.path(), o);
  NotApplied const missing = restore(*t, owned_by(our_meta(EntryKind::file, 04755), 1234, 4321));
  CHECK_FALSE(missing.owner);
  CHECK(missing.mode);
  auto const now = SourceFolder::open(s.path())->stat("e");
  CHECK(now.uid == ::geteuid());
  CHECK(now.mode == 0755);
}

TEST_CASE("metadata: the owner's name is preferred where it is known and asked for") {
  if (!is_root()) {
    WARN("skipped: owners need root");
    return;
  }
  auto const uid_after = [](Ownership ownership, const OwnerText& text) {
    Scratch s;
    TargetOptions o;
    o.ownership = ownership;
    auto const t = TargetFolder::open_root(s.path(), o);
    CHECK_FALSE(restore(*t, owned_by(our_meta(EntryKind::file, 0600), 1234, 4321), {}, text).any());
    auto const now = SourceFolder::open(s.path())->stat("e");
    return std::pair{now.uid, now.gid};
  };
  CHECK(uid_after(Ownership::names, {"root", "root"}) == std::pair{0u, 0u});
  CHECK(uid_after(Ownership::names, {"root", {}}) == std::pair{0u, 4321u});
  CHECK(uid_after(Ownership::names, {"no such user here", "no such group here"}) == std::pair{1234u, 4321u});
  CHECK(uid_after(Ownership::ids, {"root", "root"}) == std::pair{1234u, 4321u});
}

TEST_CASE("metadata: attributes come back, empty values and ACLs included, and mode fits the ACL") {
  Scratch s;
  put(s.at("probe"), "");
  if (!put_xattr(s.at("probe"), "user.x", {})) {
    WARN("skipped: no extended attributes here");
    return;
  }
  auto const t = TargetFolder::open_root(s.at("t"), {});
  for (EntryKind const kind : {EntryKind::file, EntryKind::folder}) {
    std::vector<Xattr> want{
        {"user.empty", {}}, {"user.bytes", {0, 255, 10}}, {"system.posix_acl_access", example_acl()}};
    if (kind == EntryKind::folder) want.push_back({"system.posix_acl_default", example_acl()});
    EntryStat const stat = our_meta(kind, 0760);
    NotApplied const missing = restore(*t, stat, want);
    INFO(missing.text());
    CHECK_FALSE(missing.any());
    auto const folder = SourceFolder::open(s.at("t"));
    auto const got = folder->xattrs("e").kept;
    for (const Xattr& x : want) CHECK(has(got, x));
    CHECK(difference(folder->stat("e"), stat) == "");
    system_disk().remove_tree(s.at("t/e"));
  }
}

TEST_CASE("metadata: capabilities and attributes of links and special files, for root") {
  if (!is_root()) {
    WARN("skipped: capabilities need root");
    return;
  }
  Scratch s;
  auto const folder = SourceFolder::open(s.path());
  auto const t = TargetFolder::open_root(s.path(), {});
  std::vector<Xattr> const capability{{"security.capability", example_capability()}};
  // With another owner: the capability must come after it.
  CHECK_FALSE(restore(*t, owned_by(our_meta(EntryKind::file, 0755), 1234, 4321), capability).any());
  CHECK(has(folder->xattrs("e").kept, capability[0]));
  std::vector<Xattr> const trusted{{"trusted.x", {1}}};
  for (EntryKind const kind : {EntryKind::symlink, EntryKind::fifo, EntryKind::socket}) {
    NotApplied const missing = restore(*t, our_meta(kind, 0600), trusted);
    INFO(int(kind) << missing.text());
    CHECK_FALSE(missing.any());
    CHECK(has(folder->xattrs("e").kept, trusted[0]));
  }
}

TEST_CASE("metadata: an attribute that cannot be set is reported by its name, the rest is applied") {
  Scratch s;
  if (!open_to_everybody(s)) return;
  std::string const said = in_unprivileged_child([&]() -> std::string {
    auto const t = TargetFolder::open_root(s.at("t"), {});
    std::vector<Xattr> const want{{"trusted.x", {1}}, {"security.capability", example_capability()}};
    EntryStat const stat = our_meta(EntryKind::file, 0640);
    NotApplied const missing = restore(*t, stat, want);
    CHILD_CHECK(missing.text() == "attribute 'trusted.x', attribute 'security.capability'");
    return difference(SourceFolder::open(s.at("t"))->stat("e"), stat);
  });
  CHECK(said == "");
}

TEST_CASE("metadata: a reused folder loses the attributes that the snapshot does not have") {
  Scratch s;
  system_disk().make_folders(s.at("e"));
  if (!put_xattr(s.at("e"), "user.stale", {})) {
    WARN("skipped: no extended attributes here");
    return;
  }
  put_xattr(s.at("e"), "user.kept", {});
  put_xattr(s.at("e"), "system.posix_acl_access", example_acl());
  auto const t = TargetFolder::open_root(s.path(), {});
  std::vector<Xattr> const want{{"user.kept", {1}}};
  EntryStat const stat = our_meta(EntryKind::folder, 0750);
  CHECK_FALSE(restore(*t, stat, want).any());
  auto const folder = SourceFolder::open(s.path());
  auto const got = folder->xattrs("e").kept;
  CHECK(has(got, want[0]));
  CHECK_FALSE(has_name(got, "user.stale"));
  CHECK_FALSE(has_name(got, "system.posix_acl_access"));
  CHECK(difference(folder->stat("e"), stat) == "");
}

TEST_CASE("metadata: a default ACL and setgid of the target do not leak into what is restored") {
  Scratch s;
  system_disk().make_folders(s.at("t"));
  if (!put_xattr(s.at("t"), "system.posix_acl_default", example_acl())) {
    WARN("skipped: no ACLs here");
    return;
  }
  if (is_root()) REQUIRE(::chown(s.at("t").c_str(), 0, 4321) == 0);
  REQUIRE(::chmod(s.at("t").c_str(), 02770) == 0);
  auto const t = TargetFolder::open_root(s.at("t"), {});
  auto const folder = SourceFolder::open(s.at("t"));
  for (EntryKind const kind : {EntryKind::file, EntryKind::folder, EntryKind::fifo}) {
    EntryStat const stat = our_meta(kind, 0750);
    CHECK_FALSE(restore(*t, stat).any());
    CHECK(difference(folder->stat("e"), stat) == "");
    CHECK_FALSE(has_name(folder->xattrs("e").kept, "system.posix_acl_access"));
    CHECK_FALSE(has_name(folder->xattrs("e").kept, "system.posix_acl_default"));
    system_disk().remove_tree(s.at("t/e"));
  }
  // Two levels down as well, though the folder in between was made by this restore.
  auto const inner = t->folder("inner");
  CHECK_FALSE(restore(*inner, our_meta(EntryKind::file, 0640)).any());
  CHECK_FALSE(has_name(SourceFolder::open(s.at("t/inner"))->xattrs("e").kept, "system.posix_acl_access"));
}

TEST_CASE("metadata: a folder's time is what the snapshot says, though content came into it") {
  Scratch s;
  auto const t = TargetFolder::open_root(s.path(), {});
  auto const inner = t->folder("d");
  restore(*inner, our_meta(EntryKind::file, 0600));
  EntryStat const stat = our_meta(EntryKind::folder, 0500);
  CHECK_FALSE(inner->apply(stat, {}).any());
  CHECK(difference(SourceFolder::open(s.path())->stat("d"), stat) == "");
  REQUIRE(::chmod(s.at("d").c_str(), 0700) == 0);
}

TEST_CASE("metadata: a kept file gets it too, without its content being touched") {
  Scratch s;
  put(s.at("f"), "content");
  auto const t = TargetFolder::open_root(s.path(), {});
  EntryStat const stat = our_meta(EntryKind::file, 0640);
  CHECK_FALSE(t->apply("f", stat, {}).any());
  CHECK(difference(SourceFolder::open(s.path())->stat("f"), stat) == "");
  CHECK(get(s.at("f")) == "content");
}

TEST_CASE("metadata: a kept name with further hard links is left alone, and what differs is reported") {
  Scratch s;
  put(s.at("elsewhere"), "somebody's");
  REQUIRE(::chmod(s.at("elsewhere").c_str(), 0600) == 0);
  auto const t = TargetFolder::open_root(s.at("t"), {});
  REQUIRE(::link(s.at("elsewhere").c_str(), s.at("t/f").c_str()) == 0);
  auto const before = SourceFolder::open(s.path())->stat("elsewhere");
  NotApplied const missing = t->apply("f", owned_by(our_meta(EntryKind::file, 0666), 1234, 4321), {});
  CHECK(missing.text() == "owner, mode, times");
  CHECK(SourceFolder::open(s.path())->stat("elsewhere") == before);
  CHECK_FALSE(t->apply("f", before, {}).any());
}

TEST_CASE("metadata: a kept file never becomes setuid or capable, for nobody compared its content") {
  Scratch s;
  put(s.at("f"), "planted");
  REQUIRE(::chmod(s.at("f").c_str(), 0755) == 0);
  auto const t = TargetFolder::open_root(s.path(), {});
  auto const folder = SourceFolder::open(s.path());
  auto const before = folder->stat("f");
  auto setuid = before;
  setuid.mode = 04755;
  CHECK(t->apply("f", setuid, {}).text() == "mode");
  std::vector<Xattr> const capability{{"security.capability", example_capability()}};
  CHECK(t->apply("f", before, capability).text() == "attribute 'security.capability'");
  CHECK(folder->stat("f") == before);
}
